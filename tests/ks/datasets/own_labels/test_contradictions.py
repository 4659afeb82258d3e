"""A coder who says both in one file."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import eaf, put


def test_rows_that_say_the_same_or_nothing_add_up(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU4,AU12\n2,,1\n0,1,\n2,0,1\n0,1,0\n2,0,\n")
    assert put(path, (4, 12), 3) == [[1, 0], [UNKNOWN, UNKNOWN], [0, 1]]


def test_the_place_of_each_side_is_told(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,face_id,AU12_c\n3,0,0\n3,1,1\n2,0,1\n3,0,0\n3,0,1\n")  # another face may differ
    with pytest.raises(DataError, match=r"line 6: AU12 of frame 2 is present, but line 2 says the opposite; keep one"):
        read_own_labels([path])


def test_annotations_may_touch_and_what_cannot_be_scored_may_lie_in_one(tmp_path: Path) -> None:
    spans = {"AU12": [(0, 200, "B"), (200, 300, "0")], "AU 12": [(100, 200, "?")]}
    assert put(eaf(tmp_path / "a.eaf", spans), (12,), 4) == [[1], [UNKNOWN], [0], [0]]


def test_a_long_annotation_is_compared_with_all_that_lie_in_it(tmp_path: Path) -> None:
    spans = {"AU12": [(0, 900, "B")], "AU 12": [(100, 200, "C"), (300, 400, "0")]}
    with pytest.raises(DataError, match=r"annotation a3 at 0\.300 s: AU12 is absent, but present in"):
        read_own_labels([eaf(tmp_path / "a.eaf", spans)])
