"""Levels and sides on frames."""

from pathlib import Path

import numpy as np

from knowledge_spreader.datasets.own_labels import NO_FACE_NAMED, levels_on_frames, read_own_labels
from tests.ks.datasets.own_labels.samples import eaf, put

LEFT, RIGHT = 1, 2


def strengths(path: Path, aus: tuple[int, ...], n: int = 5) -> tuple[list[list[int]], list[list[int]], list[str]]:
    """Levels and sides on n frames of 10 per second, and the notes."""
    labels, notes = read_own_labels([path], levels=True), list[str]()
    found = levels_on_frames(
        labels, path.parent / "anna.mp4", np.arange(n), np.arange(n) / 10, aus, NO_FACE_NAMED, notes
    )
    return found.levels.tolist(), found.sides.tolist(), notes


def test_a_span_has_its_level_on_its_frames_and_absence_has_none(tmp_path: Path) -> None:
    path = eaf(tmp_path / "anna.eaf", {"AU12": [(0, 200, "B"), (200, 300, "L12"), (300, 400, "0")], "AU4": []})
    assert strengths(path, (4, 12)) == (
        [[0, 2], [0, 2], [0, 0], [0, 0], [0, 0]],
        [[0, 0], [0, 0], [0, LEFT], [0, 0], [0, 0]],
        [],
    )


def test_different_levels_of_one_frame_are_none_and_different_sides_are_both(tmp_path: Path) -> None:
    path = eaf(tmp_path / "anna.eaf", {"AU12L": [(0, 300, "B")], "AU12R": [(100, 200, "B"), (200, 400, "D")]})
    levels, sides, notes = strengths(path, (12,))
    assert levels == [[2], [2], [0], [4], [0]]
    assert sides == [[LEFT], [0], [0], [RIGHT], [0]]
    place = tmp_path / "anna.mp4"
    assert notes == [f"{place}: labels with different levels, present without one: 1, first AU12 of frame 2"]


def test_a_table_has_levels_where_it_is_present(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(
        "frame,success,AU12_r,AU12_c,AU04_c,AU12_side\n1,1,5,1,1,R\n2,1,4,0,0,\n3,0,3,1,1,\n5,1,a,1,,left\n"
    )
    levels, sides, notes = strengths(path, (4, 12))
    assert levels == [[0, 5], [0, 0], [0, 0], [0, 0], [0, 1]]
    assert sides == [[0, RIGHT], [0, 0], [0, 0], [0, 0], [0, LEFT]]
    assert notes == [f"{path}: levels that contradict the presence beside them, and are not used: 1"]


def test_without_levels_one_side_is_no_label(tmp_path: Path) -> None:
    path = eaf(tmp_path / "anna.eaf", {"AU12L": [(0, 200, "B")], "AU12": [(200, 300, "9B")]})
    assert put(path, (12,), 4) == [[0], [0], [1], [0]]
