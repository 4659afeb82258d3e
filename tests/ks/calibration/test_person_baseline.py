"""A person's own rest is taken off, causally, in time and not in frames, as far as the weights say."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.calibration.person_baseline import HOLD_S, Person, PersonView, Rest, apply_person
from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 4))


def view(*weight: float, mean: float = -2.0, quantile: float = 0.2) -> PersonView:
    return PersonView(quantile, 5.0, 120.0, np.array(weight), np.full(len(weight), mean))


def some_answers(seconds: float, fps: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """A face whose AUs rise and fall by themselves: the same course at whatever rate it is looked at."""
    times_s = np.arange(0, seconds, 1 / fps)
    phase = np.random.default_rng(seed).uniform(0, 6, 2)
    return 2 * np.sin(times_s[:, None] / np.array([2.1, 3.3]) + phase) + 1, times_s


def test_answer_by_answer_equals_all_at_once() -> None:
    logits, times_s = some_answers(20, 25)
    person = Person(view(0.7, 0.2))
    one_by_one = [person.apply(row, t) for row, t in zip(logits, times_s, strict=True)]
    assert (np.stack(one_by_one) == apply_person(view(0.7, 0.2), logits, times_s)).all()


def test_what_comes_later_changes_nothing_before() -> None:
    logits, times_s = some_answers(10, 10)
    later = logits.copy()
    later[60:] += 5
    one, other = (apply_person(view(1.0, 1.0), z, times_s) for z in (logits, later))
    assert (one[:60] == other[:60]).all()
    assert abs(other[60] - later[60] - (one[60] - logits[60])).max() < 1e-12  # nor does an answer move its own rest
    assert abs((other - later) - (one - logits))[-1].max() > 0.1


def test_the_first_answer_is_left_as_it_is_and_trust_grows_with_time() -> None:
    times_s = np.arange(0, 60, 0.1)
    off = np.full((600, 1), 1.0) - apply_person(view(1.0), np.full((600, 1), 1.0), times_s)
    assert off[0] == 0
    assert off[50] == pytest.approx(0.5 * 3, abs=0.1)  # 5 s seen, 5 s of mu in front; rest 1, mu -2
    assert off[-1] == pytest.approx(47 / 52 * 3, abs=0.1)  # of 60 s, 47 have not faded
    assert (np.diff(off[:, 0]) >= 0).all()


def test_three_and_thirty_frames_a_second_see_the_same_rest() -> None:
    fast, slow = (some_answers(40, fps) for fps in (30, 3))
    off_fast, off_slow = (z - apply_person(view(1.0, 1.0), z, t) for z, t in (fast, slow))
    assert abs(off_fast[::10][30:] - off_slow[30:]).max() < 0.1  # from 10 s on
    assert abs(off_slow[30:]).min() > 0.5


@pytest.mark.parametrize("q", [0.1, 0.2, 0.5])
def test_the_rest_is_the_quantile_of_what_was_said(q: float) -> None:
    logits = np.random.default_rng(0).normal(-1, 2, (2000, 3))
    rest = Rest(3, 1e9)
    for t, row in enumerate(logits):
        rest.see(row, t / 10)
    np.testing.assert_allclose(rest.quantile(q), np.quantile(logits[:-1], q, axis=0), atol=0.1)
    assert rest.seen_s == pytest.approx(199.9)


def test_a_smile_now_and_then_does_not_count_as_rest() -> None:
    logits = np.full((300, 1), -1.0)
    logits[::3] = 6.0
    rest = Rest(1, 120.0)
    for t, row in enumerate(logits):
        rest.see(row, t / 10)
    assert rest.quantile(0.2)[0] == pytest.approx(-1, abs=0.15)


def test_what_was_long_ago_fades() -> None:
    rest = Rest(1, 10.0)
    for t in range(1000):
        rest.see(np.array([-3.0 if t < 500 else 2.0]), t / 10)
    assert rest.quantile(0.2)[0] == pytest.approx(2, abs=0.15)
    assert rest.seen_s == pytest.approx(10, abs=0.2)


def test_nobody_knows_what_a_face_did_while_it_was_away() -> None:
    rest = Rest(1, 1e9)
    for time_s in (0.0, 0.5, 600.0, 599.0):  # a clock that jumps back adds nothing
        rest.see(np.zeros(1), time_s)
    assert rest.seen_s == pytest.approx(0.5 + HOLD_S)


def test_an_au_of_weight_0_is_left_alone_and_another_is_not() -> None:
    logits, times_s = some_answers(20, 10)
    seen = apply_person(view(0.0, 1.0), logits, times_s)
    assert (seen[:, 0] == logits[:, 0]).all()
    assert abs(seen[:, 1] - logits[:, 1]).max() > 0.5


@pytest.mark.parametrize("logit", [-800.0, 800.0, 0.0, 14.0])
def test_no_logit_is_too_far_out(logit: float) -> None:
    seen = apply_person(view(1.0), np.full((50, 1), logit), np.arange(50) / 10)
    assert np.isfinite(seen).all()


def test_a_last_digit_moves_nothing_much() -> None:
    logits, times_s = some_answers(5, 25)
    nudged = np.nextafter(logits.astype(np.float32), np.float32(9))
    one, other = (apply_person(view(1.0, 1.0), z, times_s) for z in (logits.astype(np.float32), nudged))
    assert abs(one - other).max() < 1e-4


def test_a_model_with_scaled_logits_keeps_its_view() -> None:
    logits, times_s = some_answers(20, 10)
    scale, bias = np.array([0.5, 2.0]), np.array([1.0, -0.5])
    before = view(0.8, 0.4)
    after = apply_person(before.rescaled(scale, bias), scale * logits + bias, times_s)
    np.testing.assert_allclose(after, scale * apply_person(before, logits, times_s) + bias, atol=0.15)  # a bin's width


def test_a_spec_carries_the_view_through_json_and_an_old_one_has_none() -> None:
    carried = ModelSpec.from_json(view(0.5, 0.0).into(SPEC).to_json())
    got = PersonView.of(carried)
    assert got is not None
    assert (got.weight.tolist(), got.mean.tolist(), got.quantile) == ([0.5, 0.0], [-2.0, -2.0], 0.2)
    assert (got.rest_s, got.memory_s) == (5.0, 120.0)
    assert carried.person_weight == (0.5, 0.0)  # equal to a spec that was never JSON, and hashable
    assert PersonView.of(ModelSpec.from_json('{"aus": [1, 4], "thresholds": [0.5, 0.5]}')) is None
    assert not SPEC.differences(carried)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"person_weight": (0.5,), "person_mean": (0.0,)}, "as many person weights"),
        ({"person_weight": (0.5, 0.5)}, "as many person weights"),
        ({"person_weight": (0.5, 1.5), "person_mean": (0.0, 0.0)}, "0 to 1"),
        ({"person_weight": (0.5, float("nan")), "person_mean": (0.0, 0.0)}, "0 to 1"),
        ({"person_weight": (0.5, 0.5), "person_mean": (0.0, float("inf"))}, "finite"),
        ({"person_quantile": 1.0}, "quantile"),
        ({"person_rest_s": 0.0}, "above 0 s"),
        ({"person_memory_s": 0.5}, "1 s or more"),
    ],
)
def test_a_view_that_cannot_be_is_refused(change: dict[str, object], message: str) -> None:
    with pytest.raises(ModelError, match=message):
        replace(SPEC, **change)  # type: ignore[arg-type]


def test_shapes_that_do_not_fit_are_named() -> None:
    with pytest.raises(DataError, match=r"\(T, 2\)"):
        apply_person(view(1.0, 1.0), np.zeros((5, 3)), np.arange(5.0))
