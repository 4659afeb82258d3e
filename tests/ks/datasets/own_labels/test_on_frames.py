"""Labels of several files on one recording, and what ks-live itself writes."""

import csv
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import OwnLabels, faces_named, on_frames, read_own_labels
from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.demo import demo_clip
from tests.ks.datasets.own_labels.samples import eaf, put

U = UNKNOWN


def test_files_add_up_and_where_two_contradict_each_other_nothing_is_known(tmp_path: Path) -> None:
    one = eaf(tmp_path / "one.eaf", {"AU12": [(0, 200, "B")], "coded": [(0, 300, "")]})
    two = tmp_path / "anna.csv"
    two.write_text("frame,AU4,AU12\n0,1,1\n1,,0\n2,,\n4,,1\n")
    notes: list[str] = []
    assert put([one, two], (4, 12), 5, notes=notes) == [[1, 1], [U, U], [U, 0], [U, U], [U, 1]]
    recording = tmp_path / "anna.mp4"
    assert notes == [f"{recording}: labels that contradict each other and are unknown: 1, first AU12 of frame 1"]


def test_a_file_that_is_named_twice_counts_once_and_no_frame_is_no_label(tmp_path: Path) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU12\n0,1\n")
    assert len(read_own_labels([path, tmp_path]).sheets) == 1
    assert put([path, tmp_path], (12,), 0) == []
    assert on_frames(OwnLabels(()), path, np.arange(2), np.zeros(2), (12,)).tolist() == [[U], [U]]


def test_the_faces_that_labels_name(tmp_path: Path) -> None:
    one = eaf(tmp_path / "one.eaf", {"AU12 face 2": [(0, 200, "B")], "AU4": []})
    two = tmp_path / "anna.csv"
    two.write_text("frame,face_id,AU12_c\n1,0,1\n2,-1,\n")
    assert faces_named(read_own_labels([one]), tmp_path / "anna.mp4") == (2,)
    assert faces_named(read_own_labels([one, two]), tmp_path / "anna.mp4") == (0, 2)
    assert faces_named(read_own_labels([one]), tmp_path / "ben.mp4") == ()


@pytest.mark.slow
def test_what_ks_live_writes_is_read_back_alike_from_table_elan_and_bids(tmp_path: Path) -> None:
    table = tmp_path / "run.csv"
    for events in ("run.eaf", "run.tsv"):
        options = ["--source", str(demo_clip()), "--no-progress"]
        assert main([*options, "--csv", str(table), "--events", str(tmp_path / events)]) == 0
    with table.open(newline="") as file:
        rows = list(csv.DictReader(file))
    times_s = np.array([float(row["timestamp"]) for row in rows])
    aus = (1, 2, 12, 43)  # those that the clip shows
    written = [[int(row[f"AU{au:02d}_c"]) for au in aus] for row in rows]
    assert np.sum(written, axis=0).min() > 0
    for name in ("run.csv", "run.eaf", "run.tsv"):
        labels = read_own_labels([tmp_path / name], [demo_clip()])
        assert on_frames(labels, demo_clip(), np.arange(len(rows)), times_s, aus).tolist() == written, name
