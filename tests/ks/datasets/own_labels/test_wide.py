"""Tables with a column per AU: the manifest, OpenFace, and tables of one's own."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import NO_FACE_NAMED, read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import put

U = UNKNOWN
OPENFACE = """frame, face_id, timestamp, confidence, success, gaze_0_x, AU06_r, AU12_r, AU06_c, AU12_c, AU28_c
1, 0, 0.000, 0.98, 1, 0.1, 0.00, 1.30, 0.00, 1.00, 0.00
2, 0, 0.100, 0.98, 1, 0.1, 0.00, 1.30, 0.00, 1.00, 1.00
3, 0, 0.200, 0.03, 0, 0.0, 0.00, 0.00, 0.00, 0.00, 0.00
4, 0, 0.300, 0.98, 1, 0.1, 2.00, 0.00, 1.00, 0.00, 0.00
"""


@pytest.mark.parametrize("blank", [" ", ""])
def test_openface_counts_from_1_and_a_row_without_success_is_unknown(tmp_path: Path, blank: str) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(OPENFACE.replace(", ", f",{blank}"), newline="")
    labels = read_own_labels([path])
    assert (labels.kinds, labels.aus) == (("openface",), (6, 12, 28))
    assert put(path, (12, 6, 4)) == [[1, 0, U], [1, 0, U], [U, U, U], [0, 1, U], [U, U, U], [U, U, U]]


def test_only_intensities_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,timestamp,confidence,success,AU12_r\n1,0,1,1,0.3\n")
    with pytest.raises(DataError, match=r"anna\.csv, line 1: only intensities \(AU12_r\); add columns like AU12_c"):
        read_own_labels([path])


def test_a_manifest_names_its_recordings_and_counts_from_0(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("video;subject;frame;AU4;AU12\nanna.mp4;a;0;1;\nben.mp4;b;0;0;0\n./anna.mp4;a;2;NA;1.0\n")
    assert put(path, (4, 12), 3) == [[1, U], [U, U], [U, 1]]
    assert put(path, (4, 12), 3, recording="ben.mp4") == [[0, 0], [U, U], [U, U]]
    first, *_ = read_own_labels([path]).labels
    assert (first.recording, first.au, first.value, first.frame, first.face) == ("anna.mp4", 4, 1, 0, None)
    assert first.where == f"{path}, line 2"


def test_a_table_of_ones_own_counts_frames_from_0_or_gives_times(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU12,comment\n0,1,x\n2,0,\n3,,\n")
    assert put(path, (12,), 4) == [[1], [U], [0], [U]]
    path.write_text("time;AU12\n0,0;1\n0,19;0\n")  # a decimal comma; 0.19 s is nearest to frame 2 at 0.2 s
    assert put(path, (12,), 4) == [[1], [U], [0], [U]]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("3,2", "line 3: AU12 is '2'; wanted 1, 0, or blank or NA for unknown"),
        ("3,0.5", "line 3: AU12 is '0.5'"),
        ("x,1", "line 3: frame must be a whole number from 0; got 'x'"),
        ("-1,1", "line 3: frame must be a whole number from 0; got '-1'"),
        ("3", "line 3: 1 cells, but the header needs 2; correct this row"),
        ("0,0", "line 3: AU12 of frame 0 is absent, but line 2 says the opposite; keep one"),
    ],
)
def test_a_wrong_row_is_refused_with_its_line(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "anna.csv"
    path.write_text(f"frame,AU12\n0,1\n{row}\n")
    with pytest.raises(DataError) as raised:
        read_own_labels([path])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("filename,frame,AU12", "line 1: column 'filename' seems to name recordings; call it video"),
        ("video,timestamp,AU12", "line 1: wanted columns video, frame and AU1, AU12"),
    ],
)
def test_rows_of_several_recordings_are_never_taken_for_one(tmp_path: Path, header: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(f"{header}\nanna.mp4,0,1\nben.mp4,0,1\n")
    with pytest.raises(DataError) as raised:
        read_own_labels([path])
    assert message in str(raised.value)


def test_two_spellings_of_a_path_are_one_recording(tmp_path: Path) -> None:
    path = tmp_path / "labels.csv"
    path.write_text("video,frame,AU12\nanna.mp4,3,1\nben.mp4,3,1\n./anna.mp4,3,0\n")
    with pytest.raises(DataError, match=r"line 4: AU12 of frame 3 is absent, but line 2 says the opposite; keep one"):
        read_own_labels([path])


def test_frame_0_in_a_table_that_counts_from_1_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU12_c\n0,1\n")
    with pytest.raises(DataError, match=r"line 2: frame 0, but this table counts from 1, as OpenFace does"):
        read_own_labels([path])


def test_several_faces_count_where_they_agree_or_one_is_chosen(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,face_id,AU12_c\n1,0,1\n1,1,1\n2,0,1\n2,1,0\n3,1,0\n")
    notes: list[str] = []
    assert put(path, (12,), 3, notes=notes) == [[1], [U], [0]]
    assert "several faces" in notes[0]
    assert put(path, (12,), 3, face=0) == [[1], [1], [U]]
    assert put(path, (12,), 3, face=NO_FACE_NAMED) == [[U], [U], [U]]
