"""fit_sides on faces whose sides follow known measures: they are found, and not those that only keep company."""

import numpy as np
import pytest

from knowledge_spreader.geometry.fit_sides import CANDIDATES, candidates, fit_sides
from knowledge_spreader.geometry.sides import Sides
from knowledge_spreader.geometry.voice import FEATURES

AUS = (1, 6, 12, 14)  # 1 is no candidate
PEOPLE, FRAMES = 60, 20
RNG = np.random.default_rng(0)


def faces(n: int) -> np.ndarray:
    return RNG.normal(0, 1, (n, len(FEATURES)))


@pytest.fixture(scope="module")
def learned() -> tuple[Sides, dict[int, object]]:
    """AU12 lifts the mouth's corner. AU6 shows nothing itself, but often has AU12's sides. AU14 shows nothing."""
    n = PEOPLE * FRAMES
    shapes = np.array([(4.0, 4.0), (4.0, 0.0), (0.0, 4.0), (0.0, 0.0)])  # left, right
    smile, dimple, cheek = (shapes[RNG.integers(4, size=n)] for _ in range(3))
    cheek = np.where((RNG.random(n) < 0.7)[:, None], smile, cheek)
    features = faces(n)
    for k, side in enumerate(("left", "right")):
        features[:, FEATURES.index(f"corner_height_{side}")] += 1.5 * smile[:, k]
    person = np.repeat([f"p{i}" for i in range(PEOPLE)], FRAMES)
    sides, shown = fit_sides(AUS, features, person, np.stack([cheek, smile, dimple], axis=1), faces(300))
    assert sides is not None
    return sides, {one.au: one for one in shown}


def test_sides_that_can_be_seen_are_told_and_others_are_not(learned) -> None:
    sides, shown = learned
    assert (sides.aus, sides.places) == ((12,), (2,))
    assert shown[12].right > 0.98
    assert shown[12].auc > 0.95
    assert 0.3 < shown[14].right < 0.7
    assert (shown[12].people, shown[14].people) == (31, PEOPLE)  # AU6 is seldom even where AU12 is not


def test_an_au_that_only_follows_another_is_not_told(learned) -> None:
    assert learned[1][6].right < 0.7


def test_the_mouths_corners_decide(learned) -> None:
    features = np.zeros(len(FEATURES))
    features[FEATURES.index("corner_height_right")] = 6.0
    left, right = learned[0].probability(np.full(4, 0.8), features)[0]
    assert right == 0.8
    assert left < 0.1
    assert min(learned[0].probability(np.full(4, 0.8), np.zeros(len(FEATURES)))[0]) == 0.8


def test_without_one_sided_frames_nothing_is_told() -> None:
    both = np.repeat(RNG.choice([0.0, 4.0], (400, 3, 1)), 2, axis=2)
    sides, shown = fit_sides(AUS, faces(400), np.repeat([f"p{i}" for i in range(20)], 20), both, faces(100))
    assert sides is None
    assert [one.people for one in shown] == [0, 0, 0]
    assert np.isnan([one.right for one in shown]).all()


def test_candidates_are_those_of_the_model() -> None:
    assert candidates((1, 2, 12, 43)) == (2, 12)
    assert candidates(CANDIDATES) == CANDIDATES
