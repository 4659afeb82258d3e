"""A weight is learned where people differ at rest, and none where they do not."""

import numpy as np
import pytest

from knowledge_spreader import metrics
from knowledge_spreader.calibration.person_baseline import apply_person
from knowledge_spreader.calibration.person_baseline_fit import MIN_PEOPLE, Clip, PersonFit, fit_person
from knowledge_spreader.errors import DataError

U = 3


def people(n: int, spread: tuple[float, float, float], seed: int = 0) -> list[Clip]:
    """20 s of each at 5 frames a second; AUs come and go; resting logits differ by `spread` (deviation) per AU."""
    rng = np.random.default_rng(seed)
    clips = []
    for p in range(n):
        present = np.zeros((100, U), np.int8)
        for u in range(U):
            t = int(rng.exponential(30))
            while t < 100:
                end = t + int(rng.exponential(15))
                present[t:end, u] = 1
                t = end + int(rng.exponential(30))
        rest = rng.normal(0, spread)
        logits = -1.5 + 2 * present + rest + rng.normal(0, 1, (100, U))
        clips.append(Clip(f"p{p}", logits, np.arange(100) / 5, present))
    return clips


@pytest.fixture(scope="module")
def fit() -> PersonFit:
    return fit_person(people(20, (2.0, 0.0, 0.8)))


def test_where_people_differ_at_rest_the_rest_is_taken_off_and_elsewhere_not(fit: PersonFit) -> None:
    assert fit.view.weight[0] > 0.6
    assert fit.view.weight[1] == 0
    assert fit.people == 20


def test_people_never_seen_gain_what_was_promised(fit: PersonFit) -> None:
    new = people(40, (2.0, 0.0, 0.8), seed=1)
    labels = np.concatenate([clip.labels for clip in new])
    before = metrics.auc(np.concatenate([clip.logits for clip in new]), labels)
    after = metrics.auc(np.concatenate([apply_person(fit.view, c.logits, c.times_s) for c in new]), labels)
    assert after[0] - before[0] > 0.05
    assert (after >= before).all()
    assert fit.auc_after[0] - fit.auc_before[0] == pytest.approx(after[0] - before[0], abs=0.06)


@pytest.mark.parametrize("seed", [0, 1])
def test_people_who_are_alike_get_no_weight(seed: int) -> None:
    fit = fit_person(people(12, (0.0, 0.0, 0.0), seed))
    assert fit.view.weight.max() < 0.1
    assert (fit.auc_after >= fit.auc_before).all()


def test_an_au_that_nobody_or_everybody_shows_gets_no_weight() -> None:
    clips = people(6, (2.0, 2.0, 2.0))
    for clip in clips:
        clip.labels[:, 1] = -1
        clip.labels[:, 2] = 0
    fit = fit_person(clips)
    assert fit.view.weight[1:].tolist() == [0, 0]
    assert np.isnan(fit.auc_before[1:]).all()
    assert np.isfinite(fit.view.mean).all()


def test_clips_of_one_picture_are_no_trouble() -> None:
    clips = [Clip(f"p{i}", np.full((1, 1), i - 3.0), np.zeros(1), np.array([[i % 2]])) for i in range(8)]
    assert fit_person(clips).view.weight.tolist() == [0]


def test_too_few_people_are_refused() -> None:
    with pytest.raises(DataError, match=f"{MIN_PEOPLE} or more people to learn from; got 4"):
        fit_person(people(4, (1.0, 1.0, 1.0)))


def test_clips_that_cannot_be_are_refused() -> None:
    zeros = np.zeros((2, U))
    with pytest.raises(DataError, match="times must increase"):
        Clip("anna", zeros, np.array([1.0, 1.0]), zeros.astype(np.int8))
    with pytest.raises(DataError, match=r"anna: logits and labels must be \(T, U\)"):
        Clip("anna", zeros, np.arange(3.0), zeros.astype(np.int8))
