"""Figures on coded faces, by hand."""

from collections.abc import Sequence

import numpy as np
import pytest

from knowledge_spreader import metrics
from knowledge_spreader.benchmarks.real_faces.bootstrap import DRAWS, draw, drawn_auc, drawn_share, interval
from knowledge_spreader.benchmarks.real_faces.scores import Answers, AUScore, Mean, score

NAN = float("nan")


def one_au(
    scores: Sequence[float],
    codes: Sequence[int],
    people: Sequence[str] = (),
    *,
    cut: float = 0.5,
    shown: Sequence[float] | None = None,
) -> tuple[AUScore, Mean]:
    """Figures of one AU, 12, and the mean over it."""
    column = np.array(scores, np.float64)[:, None]
    answers = Answers(column, np.array([cut]), None if shown is None else np.array(shown, np.float64)[:, None])
    labels = np.array(codes, np.int64)[:, None]
    found = score(answers, labels, [12], people or [str(i) for i in range(len(codes))], {"all": [12]})
    return found.aus[0], found.means["all"]


def test_auc_is_the_share_of_pairs_in_order_and_a_tie_counts_half() -> None:
    row, mean = one_au([0.9, 0.5, 0.4, 0.5, 0.3, 0.1], [1, 1, 1, 0, 0, 0])
    assert row.auc == pytest.approx((3 + 2.5 + 2) / 9)  # 0.9 beats three, 0.5 two and ties one, 0.4 two
    assert mean.auc == row.auc


def test_unsure_codes_and_faces_without_an_answer_are_left_out() -> None:
    row, _ = one_au([0.9, 0.8, 0.7, NAN, 0.0, 0.1, 0.2, 0.3], [1, 1, 1, 1, -1, 0, 0, 0])
    assert (row.present, row.absent, row.auc) == (3, 3, 1.0)


def test_two_faces_that_show_an_au_are_no_evidence_but_false_alarms_are_counted() -> None:
    row, mean = one_au([0.9, 0.8, 0.7, 0.2, 0.1, 0.6], [1, 1, 0, 0, 0, 0])
    assert np.isnan([row.auc, row.f1, mean.auc, mean.f1]).all()
    assert mean.aus == ()
    assert row.false_alarms == pytest.approx(2 / 4)


def test_f1_is_taken_at_the_models_threshold_of_what_is_shown_and_at_the_best_cut() -> None:
    scores, codes = [0.9, 0.6, 0.4, 0.65, 0.2, 0.1], [1, 1, 1, 0, 0, 0]
    row, _ = one_au(scores, codes, cut=0.62, shown=[1, 1, 0, 0, 0, 0])
    assert row.f1 == pytest.approx(2 * 1 / (2 * 1 + 1 + 2))  # at 0.62: one hit, one false alarm, two misses
    assert row.f1_shown == pytest.approx(2 * 2 / (2 * 2 + 0 + 1))
    assert row.f1_best == pytest.approx(2 * 3 / (2 * 3 + 1 + 0))  # at 0.3


def test_calibration_error_is_the_mean_gap_between_what_is_said_and_what_is_so() -> None:
    row, _ = one_au([0.85] * 5 + [0.15] * 5, [1, 1, 1, 1, 0, 1, 0, 0, 0, 0])
    assert row.ece == pytest.approx((5 * abs(0.85 - 0.8) + 5 * abs(0.15 - 0.2)) / 10)


def test_scores_that_are_no_probabilities_have_no_calibration() -> None:
    answers = Answers(np.array([[0.9], [0.1]]), np.array([0.5]), calibrated=False)
    assert np.isnan(score(answers, np.array([[1], [0]]), [12], ["a", "b"], {}).aus[0].ece)


def test_many_frames_of_the_same_people_do_not_narrow_the_interval() -> None:
    rng = np.random.default_rng(3)
    codes = [0, 1] * 10
    scores = list(np.clip(np.array(codes) * 0.3 + rng.random(20) * 0.7, 0, 1))
    people = [str(i // 2) for i in range(20)]
    once, _ = one_au(scores, codes, people)
    often, _ = one_au(scores * 20, codes * 20, people * 20)
    assert often.auc == pytest.approx(once.auc)
    assert often.auc_interval == pytest.approx(once.auc_interval)
    assert once.auc_interval[0] < once.auc < once.auc_interval[1]


def test_a_mean_takes_the_aus_of_its_group_that_have_evidence() -> None:
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.3, 0.2, 0.1])[:, None], 3)
    labels = np.array([[1, 0, 1], [1, 0, 1], [1, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 0]])
    groups = {"all": [1, 12, 43], "two": [12, 43]}
    found = score(Answers(scores, np.full(3, 0.5)), labels, [1, 12, 43], list("abcdef"), groups)
    assert found.means["all"].aus == (1, 12)  # AU43 is shown by two faces only
    assert found.means["two"].auc == found.aus[1].auc == pytest.approx(3 / 9)  # 0.7, 0.3, 0.2 beat 1 of 3 each


def test_false_alarms_are_averaged_over_all_aus_that_are_coded_with_or_without_evidence() -> None:
    scores = np.tile(np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])[:, None], 2)
    labels = np.array([[1, 0], [1, 0], [1, 0], [0, 0], [0, -1], [0, -1]])
    mean = score(Answers(scores, np.full(2, 0.5)), labels, [12, 14], list("abcdef"), {"all": [12, 14]}).means["all"]
    assert mean.aus == (12,)
    assert mean.false_alarms == pytest.approx((1 / 3 + 4 / 4) / 2)


def test_without_any_face_there_are_no_figures() -> None:
    row, mean = one_au([], [])
    assert (row.present, row.absent, mean.aus) == (0, 0, ())
    assert np.isnan([row.auc, row.f1, row.false_alarms, mean.auc, mean.false_alarms]).all()


def test_a_draw_counts_a_persons_faces_as_often_as_the_person_is_drawn() -> None:
    weights = draw(["a", "b", "b", "c"])
    assert weights.shape == (DRAWS, 4)
    assert (weights[:, 1] == weights[:, 2]).all()
    assert (weights[:, [0, 1, 3]].sum(axis=1) == 3).all()  # three people in each draw


def test_the_auc_of_a_draw_is_that_of_the_faces_in_it() -> None:
    rng = np.random.default_rng(1)
    scores = np.round(rng.random((30, 2)), 1)  # with ties
    labels = rng.integers(-1, 2, (30, 2))
    weights = draw([str(i // 3) for i in range(30)])
    found = drawn_auc(scores, labels, weights)
    for at in (0, 1, 2):
        faces = np.repeat(np.arange(30), weights[at].astype(int))
        assert found[at] == pytest.approx(metrics.auc(scores[faces], labels[faces]), nan_ok=True)


def test_a_share_is_drawn_with_its_faces_and_too_few_draws_give_no_interval() -> None:
    hit = np.array([[True], [False], [False], [False]])
    low, high = interval(drawn_share(hit, draw(list("abcd")))[:, 0])
    assert (low, high) == (0.0, 0.75)
    assert np.isnan(interval(drawn_share(hit[:0], draw([]))[:, 0])).all()
