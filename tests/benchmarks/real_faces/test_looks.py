"""The log of looks: lines are added, counted by content, and kept."""

from pathlib import Path

import pytest

from knowledge_spreader.benchmarks.real_faces.looks import COLUMNS, add_look, read_looks, times_looked
from knowledge_spreader.errors import DataError
from tests.paths import ROOT


def test_each_look_is_a_line_and_a_set_is_known_by_its_content(tmp_path: Path) -> None:
    path = tmp_path / "looks.csv"
    assert read_looks(path) == []
    add_look(path, Path("folder/m, 1.ks"), "w1", {"l.csv": "aa", "london": "bb"}, 0.91234)
    add_look(path, Path("n.ks"), "w2", {"renamed.csv": "aa"}, float("nan"))
    rows = read_looks(path)
    assert [(row["model"], row["weights"], row["sets"], row["mean_auc"]) for row in rows] == [
        ("m, 1.ks", "w1", "l.csv aa; london bb", "0.9123"),
        ("n.ks", "w2", "renamed.csv aa", ""),
    ]
    assert rows[0]["time_utc"].endswith("Z")
    assert times_looked(rows, {"l.csv": "aa", "london": "bb", "new": "cc"}) == {"l.csv": 2, "london": 1, "new": 0}


def test_lines_written_by_hand_stay_even_without_a_last_newline(tmp_path: Path) -> None:
    path = tmp_path / "looks.csv"
    by_hand = ",".join(COLUMNS) + "\n2026-11-01,,,l.csv aa,"
    path.write_text(by_hand)
    add_look(path, Path("m.ks"), "w", {"l.csv": "aa"}, 0.5)
    assert path.read_text().startswith(by_hand + "\n")
    assert times_looked(read_looks(path), {"l.csv": "aa"}) == {"l.csv": 2}


@pytest.mark.parametrize("content", [b"file,frame,face\na,0,0\n", b"\xff\xfe", b"{}"])
def test_a_file_that_is_no_log_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "labels.csv"
    path.write_bytes(content)
    with pytest.raises(DataError, match="--looks") as caught:
        read_looks(path)
    assert "\n" not in str(caught.value)


def test_our_own_log_can_be_read() -> None:
    read_looks(ROOT / "benchmarks" / "real_dev" / "looks.csv")
