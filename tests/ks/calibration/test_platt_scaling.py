"""Scale and bias against a search by hand, what few positives may do, thresholds on people not seen, and the fold."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.calibration.cross_validation import score
from knowledge_spreader.calibration.platt_scaling import (
    BIAS_DEVIATION,
    FRAMES_PER_LOOK,
    LOG_SCALE_DEVIATION,
    SCALE_RANGE,
    Calibration,
    brier,
    f1_thresholds,
    fit,
    fold,
)
from knowledge_spreader.errors import DataError
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.metrics import best_threshold, best_thresholds, calibration_error, confusion, f1


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


def drawn(n: int, scale: float, bias: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits (n, 1) and labels that happen with probability sigmoid(scale x + bias)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-1, 2, (n, 1)).astype(np.float32)
    return x, (rng.random((n, 1)) < sigmoid(scale * x + bias)).astype(np.int8)


@pytest.mark.parametrize(("scale", "bias"), [(0.5, 1.0), (1.0, 0.0), (2.0, -1.5)])
def test_what_was_planted_is_found(scale: float, bias: float) -> None:
    found = fit(*drawn(60_000, scale, bias))
    assert found.scale == pytest.approx([scale], rel=0.05)
    assert found.bias == pytest.approx([bias], abs=0.06)
    assert found.temperature == pytest.approx([1 / scale], rel=0.05)


def test_temperatures_alone_leave_a_half_where_it_is() -> None:
    x, y = drawn(60_000, 0.5, 0.0)
    found = fit(x, y, bias=False)
    assert found.temperature == pytest.approx([2.0], rel=0.05)
    assert found.bias.tolist() == [0.0]


cases = st.lists(st.tuples(st.floats(-9, 9), st.sampled_from([0, 1])), min_size=2, max_size=60)


@given(cases, st.booleans())
@settings(max_examples=60, deadline=None)
def test_no_scale_and_bias_near_or_far_are_better(rows: list[tuple[float, int]], bias: bool) -> None:
    x, y = np.array([[a] for a, _ in rows]), np.array([[b] for _, b in rows], np.int8)
    if y.min() == y.max():
        return

    def loss(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        z = np.exp(a)[..., None] * x[:, 0] + b[..., None]
        entropy = (np.logaddexp(0, z) - y[:, 0] * z).sum(-1) / FRAMES_PER_LOOK
        return np.asarray(entropy + ((a / LOG_SCALE_DEVIATION) ** 2 + (b / BIAS_DEVIATION) ** 2) / 2)

    found = fit(x, y, bias)
    at = np.log(found.scale[0]), found.bias[0]
    far = np.meshgrid(np.linspace(*np.log(SCALE_RANGE), 41), np.linspace(-4, 4, 41) if bias else [0.0])
    near = np.meshgrid(at[0] + np.array([-1e-3, 0, 1e-3]), at[1] + np.array([-1e-3, 0, 1e-3]) * bias)
    best = min(float(loss(*far).min()), float(loss(*near).min()))
    assert float(loss(np.array(at[0]), np.array(at[1]))) <= best + 1e-7


def test_the_scale_stays_in_its_range_where_frames_could_not_be_told_apart_better() -> None:
    x = np.repeat([[-0.001], [0.001]], 10**6, 0)
    assert fit(x, (x > 0).astype(np.int8)).scale == pytest.approx([SCALE_RANGE[1]])
    assert fit(x * 10**6, (x < 0).astype(np.int8)).scale == pytest.approx([SCALE_RANGE[0]])


def test_few_positives_move_an_au_less_than_many() -> None:
    # called present with probability 0.5 throughout, truly in 1 of 10: the bias should be log(1/9) = -2.2
    few, many = np.zeros((40, 1)), np.zeros((40_000, 1))
    labels = np.tile([1] + [0] * 9, 4)[:, None]
    little, much = fit(few, labels).bias[0], fit(many, np.tile(labels, (1000, 1))).bias[0]
    assert much == pytest.approx(np.log(1 / 9), abs=0.01)
    assert -1.2 < little < -0.5


def test_an_au_of_one_kind_or_without_labels_stays_as_it_is_and_unknown_labels_do_not_count() -> None:
    x, y = drawn(500, 0.5, 1.0)
    odd = np.concatenate([np.ones_like(y), np.zeros_like(y), np.full_like(y, -1), y], 1)
    found = fit(np.tile(x, 4), odd)
    assert found.scale[:3].tolist() == [1.0] * 3
    assert found.bias[:3].tolist() == [0.0] * 3
    hidden = np.concatenate([y, np.full_like(y, -1)])
    assert fit(np.concatenate([x, -x]), hidden).scale == pytest.approx(found.scale[3:])


def test_shapes_that_differ_and_nan_are_refused() -> None:
    with pytest.raises(DataError, match=r"both be \(T, U\); got \(2, 1\) and \(3, 1\)"):
        fit(np.zeros((2, 1)), np.zeros((3, 1), np.int8))
    with pytest.raises(DataError, match="outputs nan"):
        fit(np.full((2, 1), np.nan), np.array([[0], [1]], np.int8))
    with pytest.raises(DataError, match=r"both be \(U,\)"):
        Calibration(np.ones(2), np.zeros(3))
    for wanting in (brier, f1_thresholds):
        with pytest.raises(DataError, match=r"both be \(T, U\)"):
            wanting(np.zeros((2, 1)), np.zeros((3, 1), np.int8))


def test_brier_by_hand() -> None:
    # (0.1^2 + 0.4^2) / 2; the second AU has one known label, 0.3 off; the third none
    p = np.array([[0.9, 0.3, 0.5], [0.4, 0.9, 0.5]])
    got = brier(p, np.array([[1, 0, -1], [0, -1, -1]], np.int8))
    assert got[:2] == pytest.approx([(0.01 + 0.16) / 2, 0.09])
    assert np.isnan(got[2])


def test_a_threshold_of_chances_has_the_best_expected_f1() -> None:
    # cuts after 1, 2, 3: 2*0.9/(1+1.5) = 0.72, 2*1.4/(2+1.5) = 0.8, 2*1.5/(3+1.5) = 0.67
    chance = np.array([0.9, 0.5, 0.1])
    assert best_threshold(chance, chance) == pytest.approx(0.3)


def test_a_threshold_for_a_base_rate_is_the_best_cut_of_as_many_frames() -> None:
    x, y = drawn(4_000, 1.0, 0.0)
    p = fit(x, y).probability(x)[:, 0]
    present = y[:, 0] == 1
    for times in (1, 5):  # the present frames so often: what the rate stands for, by counting
        some = np.concatenate([np.repeat(p[present], times), p[~present]])
        kind = np.concatenate([np.ones(times * present.sum(), bool), np.zeros((~present).sum(), bool)])
        assert best_threshold(p, present, float(kind.mean())) == pytest.approx(best_threshold(some, kind))
    rare, common = (f1_thresholds(p[:, None], y, np.array([rate]))[0] for rate in (0.02, 0.6))
    assert rare > f1_thresholds(p[:, None], y)[0] > common
    assert best_threshold(np.array([0.9, 0.2]), np.array([True, True]), 0.3) == pytest.approx(0.1)  # none is absent


def people_seen(rng: np.random.Generator, people: int, shift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Logits (T, 1), labels and who: overconfident by two and shifted, runs of one label, each person a little off."""
    who = np.repeat(np.arange(people), 200)
    y = np.repeat(rng.random(len(who) // 20) < 0.08, 20).astype(np.int8)
    off = np.repeat(rng.normal(0, 0.6, people), 200)
    x = 2 * (1.3 * (2.0 * y - 1) + off + rng.normal(0, 1, len(y)) - 2.0) + shift
    return x[:, None], y[:, None], who.astype(str)


def test_thresholds_for_few_positives_are_as_good_on_new_people_as_the_best_cut_there_was() -> None:
    ours, plain = [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        x, y, _ = people_seen(rng, 6, 1.5)
        new_x, new_y, _ = people_seen(rng, 60, 1.5)
        found = fit(x, y)
        p, new_p = found.probability(x), found.probability(new_x)
        ours.append(f1(confusion(new_p, new_y, f1_thresholds(p, y)))[0])
        plain.append(f1(confusion(new_p, new_y, best_thresholds(p, y)))[0])
    assert np.mean(ours) >= np.mean(plain) - 0.001


def test_with_many_positives_the_threshold_is_the_best_cut() -> None:
    x, y = drawn(50_000, 1.0, 0.0)
    p = fit(x, y).probability(x)
    best, ours = (f1(confusion(p, y, t))[0] for t in (best_thresholds(p, y), f1_thresholds(p, y)))
    assert ours == pytest.approx(best, abs=5e-4)
    assert f1_thresholds(p, np.zeros_like(y)).tolist() == [0.5]


def test_calibration_error_shrinks_on_people_that_were_not_fitted_on() -> None:
    x, y, who = people_seen(np.random.default_rng(0), 20, 3.0)
    got = score(x, y, who, bias=True)
    assert got.ece_after[0] < 0.5 * got.ece_before[0]
    assert got.brier_after[0] < got.brier_before[0]
    assert got.ece_before == pytest.approx(calibration_error(sigmoid(x), y))


def test_a_person_takes_no_part_in_the_calibration_that_is_measured_on_them() -> None:
    x, y, who = people_seen(np.random.default_rng(1), 2, 0.0)
    y[who == "0"], y[who == "1"] = 1, 0  # what one teaches is wrong for the other: one kind teaches nothing
    got = score(x, y, who, bias=True)
    assert got.ece_after == pytest.approx(got.ece_before)
    alone = score(x[who == "1"], y[who == "1"], who[who == "1"], bias=True)
    assert np.isfinite(alone.ece_after).all()


def test_a_folded_model_answers_scale_times_output_plus_bias(tiny_model: KSModel) -> None:
    rng = np.random.default_rng(0)
    faces = torch.from_numpy(rng.integers(0, 256, (3, 5, 32, 32, 3), np.uint8))
    calibration = Calibration(np.array([0.5, 2.0, 1.0, 0.3]), np.array([0.0, -1.0, 2.0, 0.7]))
    with torch.no_grad():
        tiny_model.temporal_teacher.get_parameter("classifier.bias").normal_()
        before = tiny_model(faces[:, 4], faces)
        fold(tiny_model, calibration)
        after = tiny_model(faces[:, 4], faces)
    expected = calibration.scale * before.output.numpy() + calibration.bias
    np.testing.assert_allclose(after.output.numpy(), expected, atol=1e-6)
    for one, other in ((before.o_a, after.o_a), (before.o_b, after.o_b)):
        np.testing.assert_allclose(other.numpy(), calibration.scale * one.numpy() + calibration.bias, atol=1e-6)
    assert torch.equal(before.o_s, after.o_s)
    assert torch.equal(before.in_order, after.in_order)
