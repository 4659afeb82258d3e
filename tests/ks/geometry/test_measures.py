"""measures() are those of the face, however the head is turned."""

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.canonical_face import INDEX
from knowledge_spreader.face.head_pose import head_pose
from knowledge_spreader.geometry.measures import MEASURES, measures
from tests.ks.face.posed_heads import SIZE, about, mesh_of

Places = dict[int, np.ndarray]


def a_face() -> Places:
    """Index -> (3,) mm of all points that do not belong to the rigid head."""
    rng = np.random.default_rng(0)
    free = sorted(set(range(478)) - set(INDEX.tolist()))
    return {i: rng.uniform((-60, -60, -70), (60, 80, -20)) for i in free}


def measured(places: Places, turn: np.ndarray, far_mm: float = 600.0) -> dict[str, float]:
    points = mesh_of(turn, (20.0, -10.0, far_mm), places)
    return dict(zip(MEASURES, measures(points, head_pose(points, *SIZE)), strict=True))


@pytest.mark.parametrize(("axis", "degrees"), [("x", 20), ("y", -35), ("z", 25)])
def test_they_do_not_depend_on_how_the_head_is_turned_or_how_far_it_is(axis: str, degrees: float) -> None:
    straight, turned = measured(a_face(), np.eye(3)), measured(a_face(), about(axis, degrees), 900.0)
    depths = {name for name in MEASURES if "depth" in name}  # the mesh's depth knows no perspective
    for name in MEASURES:
        assert turned[name] == pytest.approx(straight[name], abs=1.5 if name in depths else 0.5), name  # of 120 mm


def test_a_brow_that_rises_by_5_mm_is_5_mm_higher_and_nothing_else_changes() -> None:
    still = a_face()
    raised = still | {i: still[i] - (0, 5, 0) for i in (107, 55)}  # y points down
    before, after = measured(still, about("y", 15)), measured(raised, about("y", 15))
    changed = {name: after[name] - before[name] for name in MEASURES if abs(after[name] - before[name]) > 0.05}
    assert changed.pop("brow_inner_height_right") == pytest.approx(5, abs=0.05)
    assert changed.pop("brow_tilt_right") == pytest.approx(5, abs=0.05)
    assert set(changed) <= {"brows_apart"}


def test_lips_that_part_by_8_mm_are_8_mm_apart() -> None:
    still = a_face() | {13: np.array([0.0, 40, -60]), 14: np.array([0.0, 40, -60])}
    assert measured(still, np.eye(3))["lips_apart"] == pytest.approx(0, abs=0.05)
    parted = still | {14: np.array([0.0, 48, -60])}
    assert measured(parted, about("x", -10))["lips_apart"] == pytest.approx(8, abs=0.1)


def test_other_points_are_refused() -> None:
    points = mesh_of(np.eye(3), more=a_face())
    pose = head_pose(points, *SIZE)
    with pytest.raises(DataError, match=r"finite points \(478, 3\); got \(468, 3\)"):
        measures(points[:468], pose)
    points[17] = np.nan
    with pytest.raises(DataError, match="finite points"):
        measures(points, pose)
