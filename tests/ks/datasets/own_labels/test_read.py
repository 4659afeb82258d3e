"""Formats are told by content."""

import resource
import time
from pathlib import Path

import pytest

from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import eaf, statement


def test_a_folder_may_hold_all_formats_under_any_name_and_other_files(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("video,frame,AU1\nanna.mp4,0,1\n")
    (tmp_path / "two.csv").write_text("\ufeffframe\ttimestamp\tAU2_c\r\n1\t0\t1\r\n")
    eaf(tmp_path / "three.txt", {"AU4": [(0, 1, "")]})
    (tmp_path / "four.csv").write_text(statement(au=5))
    (tmp_path / "five.txt").write_text("Time,Behavior,Status\n1,AU6,POINT\n")
    (tmp_path / "six.csv").write_text("onset\tduration\ttrial_type\n0\t1\tAU7\n")
    (tmp_path / "reaction times.csv").write_text("trial,ms\n1,300\n")
    (tmp_path / ".hidden.csv").write_bytes(b"\0")
    (tmp_path / "anna.mp4").write_bytes(b"\0")
    labels = read_own_labels([tmp_path])
    assert labels.aus == (1, 2, 4, 5, 6, 7)
    assert labels.kinds == ("bids", "boris", "elan", "log", "manifest", "openface")
    assert [note for note in labels.notes if "passed over" in note] == [
        f"passed over: {tmp_path / 'reaction times.csv'}: this is no label file; wanted a table with AU columns, an "
        ".eaf of ELAN with AU tiers, events of BORIS or BIDS, or the studio's label file"
    ]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "this file is empty"),
        (b" \n\n", "this file is empty"),
        (b"\x1c", "this file is empty"),
        (b"\x89PNG\r\n\0\0", "this is no text but a binary file"),
        ("frame,AU12\n0,1\n".encode("utf-16"), "this text is UTF-16; save it again as UTF-8 (in Excel: CSV UTF-8)"),
        ("frame,AU12,größe\n0,1,\n".encode("latin-1"), "this text is not UTF-8; save it again as CSV UTF-8"),
        (b"trial,ms\n1,300\n", "this is no label file"),
        (b"frame,smile\n1,1\n", "line 1: no AU column"),
        (b"AU12,AU4\n1,1\n", "line 1: no column frame or timestamp"),
        (b"frame,AU12\n", "no label in there"),
        (b"frame,AU12\n0,\n", "no label in there"),
        (b"frame,AU12,AU 12\n0,1,1\n", "AU12 has two columns"),
        (b"frame,AU12L\n0,1\n", "is one side of the face"),
        (b'{\n "observations": {}\n}\n', "this JSON is no label file; of a BORIS project, export the events as TSV"),
    ],
)
def test_what_is_no_label_file_is_refused_in_one_line(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "anna.csv"
    path.write_bytes(content)
    with pytest.raises(DataError) as raised:
        read_own_labels([path])
    assert message in str(raised.value)
    assert str(path) in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_place_that_is_not_there_or_holds_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone: no such file or folder of labels; check the path"):
        read_own_labels([tmp_path / "gone"])
    with pytest.raises(DataError, match=r"no label file in this folder"):
        read_own_labels([tmp_path])


@pytest.mark.slow
def test_a_million_rows_are_read_in_seconds_and_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    with path.open("w") as file:
        file.write("frame,face_id,timestamp,confidence,success,AU04_c,AU06_c,AU12_c\n")
        file.writelines(f"{i},0,{i / 30:.3f},0.98,1,{i // 50 % 2},{i // 70 % 2}.00,1.00\n" for i in range(1, 1_000_001))
    before_kb, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
    (sheet,) = read_own_labels([path]).sheets
    assert sheet.says.values.shape == (1_000_000, 3)  # type: ignore[union-attr]
    assert time.process_time() - start < 20  # 3 s were measured
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 200_000  # 56 MB were measured
