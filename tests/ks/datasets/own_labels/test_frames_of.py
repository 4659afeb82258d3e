"""Where in a recording a label lies."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import on_frames, read_own_labels
from knowledge_spreader.datasets.own_labels.frames_of import Target
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import eaf, put
from tests.ks.datasets.trees import plant_names

U = UNKNOWN


def table(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def test_the_nearest_frame_is_the_earlier_one_of_two_as_near() -> None:
    target = Target(Path("a.mp4"), np.arange(4), np.array([0.0, 1.0, 2.0, 4.0]))
    assert target.nearest(np.array([-1.0, 0.4, 0.5, 0.6, 3.0, 3.1, 9.0])).tolist() == [0, 0, 0, 1, 2, 3, 3]
    assert Target(Path("a.mp4"), np.arange(1), np.zeros(1)).nearest(np.array([0.0, 5.0])).tolist() == [0, 0]
    with pytest.raises(DataError, match=r"frames \(T,\) and times_s \(T,\) must agree; got \(2,\) and \(3,\)"):
        Target(Path("a.mp4"), np.arange(2), np.zeros(3))


@pytest.mark.parametrize(
    ("text", "what"),
    [("frame,AU12\n0,1\n6,1\n", "line 3: frame 6 (from 0)"), ("timestamp,AU12\n0,1\n0.9,0\n", "line 3: 0.900 s")],
)
def test_a_label_beyond_the_recording_is_refused_with_its_line(tmp_path: Path, text: str, what: str) -> None:
    path = table(tmp_path / "anna.csv", text)
    with pytest.raises(DataError) as raised:
        put(path, (12,))
    assert f"{path}, {what} is beyond {tmp_path / 'anna.mp4'}, which ends with frame 5 at 0.500 s" in str(raised.value)


def test_an_annotation_that_begins_after_the_end_is_refused_but_one_may_last_longer(tmp_path: Path) -> None:
    assert put(eaf(tmp_path / "a.eaf", {"AU12": [(500, 9000, "B")]}), (12,))[4:] == [[0], [1]]
    path = eaf(tmp_path / "a.eaf", {"AU12": [(900, 1000, "B")]})
    with pytest.raises(DataError, match=r"tier 'AU12', annotation a1 at 0\.900 s: 0\.900 s is beyond .*anna\.mp4"):
        put(path, (12,))


def test_rows_without_a_label_may_lie_anywhere(tmp_path: Path) -> None:
    assert put(table(tmp_path / "anna.csv", "frame,AU12\n0,1\n99,\n"), (12,), 1) == [[1]]


def test_a_table_from_a_copy_at_another_frame_rate_is_refused(tmp_path: Path) -> None:
    rows = "".join(f"{i + 1},{i / 25},1,1,1\n" for i in range(100))  # 25 per second; the recording has 10
    path = table(tmp_path / "anna.csv", "frame,timestamp,confidence,success,AU12_c\n" + rows)
    with pytest.raises(DataError, match=r"its frames last 3\.96 s, but the same ones of .*anna\.mp4 9\.90 s"):
        put(path, (12,), 100)
    assert put(path, (12,), 100, rate=24.5) == [[1]] * 100  # the nominal rate of a camera that varies


def test_a_table_coded_more_rarely_or_more_often_labels_the_nearest_frames(tmp_path: Path) -> None:
    path = table(tmp_path / "anna.csv", "timestamp,AU12\n0,1\n0.5,0\n")
    assert put(path, (12,)) == [[1], [U], [U], [U], [U], [0]]
    notes: list[str] = []
    path = table(tmp_path / "anna.csv", "timestamp,AU12\n0,1\n0.01,1\n0.1,1\n0.11,0\n0.2,0\n")
    assert put(path, (12,), 3, notes=notes) == [[1], [U], [0]]
    assert notes == [f"{path}: labels at times of the same frame that differ and are unknown: 1"]


def test_in_a_folder_a_manifest_counts_by_names_and_openface_by_places(tmp_path: Path) -> None:
    folder = plant_names(tmp_path / "anna", ["0007.jpg", "0008.jpg", "0010.jpg"])
    frames, times_s = np.array([7, 8, 10]), np.arange(3) / 25
    by_name = table(tmp_path / "labels.csv", "video,frame,AU12\nanna,8,1\nanna,9,1\nanna,10,0\n")
    notes: list[str] = []
    labels = read_own_labels([by_name])
    assert on_frames(labels, folder, frames, times_s, (12,), notes=notes).tolist() == [[U], [1], [0]]
    assert notes == [f"{by_name}: labelled rows of no frame of {folder}: 1"]
    by_place = table(tmp_path / "anna.csv", "frame,AU12_c\n1,1\n3,0\n")
    assert on_frames(read_own_labels([by_place]), folder, frames, times_s, (12,)).tolist() == [[1], [U], [0]]
    table(by_place, "frame,AU12_c\n4,1\n")
    with pytest.raises(DataError, match=r"line 2: frame 3 \(from 0\) is beyond"):
        on_frames(read_own_labels([by_place]), folder, frames, times_s, (12,))
