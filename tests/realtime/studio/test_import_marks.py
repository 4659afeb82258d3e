"""Marks that come back into the studio from its own files."""

from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.arrays import F64
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.exports.write import export
from knowledge_spreader.realtime.studio.import_marks import marks_of
from knowledge_spreader.realtime.studio.imports import statements_of
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Rec, digest
from knowledge_spreader.realtime.studio.store.statement import MARKED, Statement
from tests.ks.datasets.own_labels.samples import MEDIA, eaf
from tests.realtime.clips import write_clip
from tests.realtime.studio.exports.coded_recordings import AUS, N, State, statements

STATE: State = {(0, 2, 12): (2, None), (1, 4, 4): (0, None), (1, 5, 4): ("present", None)}
MARKS = [(0, 2, 12, "onset"), (0, 2, 12, "offset"), (0, 3, 12, "apex"), (1, 5, 4, "offset"), (1, 5, 4, "onset")]


def times(rec: Rec) -> F64:
    return np.arange(N) / 25


@pytest.mark.parametrize("form", ["csv", "elan", "boris", "bids", "jsonl"])
def test_what_was_marked_comes_back(tmp_path: Path, form: str) -> None:
    clip = write_clip(tmp_path / "anna.mp4", n=N)
    rec = Rec(digest(clip)[0], clip, clip.name)
    marks = [
        Statement(rec.video, str(clip), face, frame, frame / 25, au, MARKED, coder="AB", mark=mark)
        for face, frame, au, mark in MARKS
    ]
    said = [*statements(rec, STATE), *marks]
    path = tmp_path / "labels.jsonl"
    if form == "jsonl":
        LabelLog(path).say(said)
    else:
        path = export(said, [rec], times, tmp_path, form)[0]
    labels, notes = statements_of(path, [rec], times, AUS, "CD")
    found = [one for one in labels if one.mark] + marks_of(path, labels, [rec], times, AUS)
    assert sorted((one.face, one.frame, one.au, one.mark) for one in found) == sorted(MARKS)
    assert {(one.video, one.coder, one.value) for one in found} == {(rec.video, "CD", MARKED)}
    assert all(one.time_s == pytest.approx(one.frame / 25) for one in found)
    assert not any("onset" in note or "marks" in note for note in notes)
    assert marks_of(path, labels, [rec], times, [1]) == []  # only AUs that the model knows


BORIS = "Source\tSubject\tBehavior\tBehavior type\tTime\nanna.mp4\tface 0\tAU12\tPOINT\t0\n"


@pytest.mark.parametrize(
    ("face", "time", "frame"),
    [
        *(("face 0", "0,08", 2), ("face 0", "00:00:00.081", 2), ("0", "0.079", 2), ("face 0", "0.33", N - 1)),
        *(("face 0", "900", None), ("face 0", "-0.5", None), ("anna", "0", None), (f"face {'9' * 5000}", "0", None)),
    ],
)
def test_times_of_marks_are_read_as_those_of_labels_and_outside_of_the_recording_is_no_mark(
    tmp_path: Path, face: str, time: str, frame: int | None
) -> None:
    rec = recording(tmp_path)
    path = tmp_path / "anna.tsv"
    path.write_text(f"{BORIS}anna.mp4\t{face}\tAU12 apex\tPOINT\t{time}\n")
    labels, _ = statements_of(path, [rec], times, AUS, "CD")
    found = [(one.frame, one.mark) for one in marks_of(path, labels, [rec], times, AUS)]
    assert found == ([] if frame is None else [(frame, "apex")])


def test_a_mark_at_no_time_is_refused_in_one_line(tmp_path: Path) -> None:
    rec = recording(tmp_path)
    path = tmp_path / "anna.tsv"
    path.write_text("onset\tduration\ttrial_type\tface_id\n0\t0.1\tAU12\t0\nn/a\t0\tAU12 apex\t0\n")
    labels, _ = statements_of(path, [rec], times, AUS, "CD")
    with pytest.raises(DataError, match=r"anna\.tsv, line 3: the time must be a time in seconds; got 'n/a'$"):
        marks_of(path, labels, [rec], times, AUS)


def test_marks_move_with_the_labels_where_elan_cut_off_the_start(tmp_path: Path) -> None:
    rec = recording(tmp_path)
    media = MEDIA.replace("/>", ' TIME_ORIGIN="80"/>')
    tiers = {"AU12": [(40, 80, "C")], "AU12 marks face 0": [(40, 80, "onset apex")]}
    path = eaf(tmp_path / "anna.eaf", tiers, media)
    labels, _ = statements_of(path, [rec], times, AUS, "CD")
    assert [one.frame for one in labels if one.value] == [3]
    assert [(one.frame, one.mark) for one in marks_of(path, labels, [rec], times, AUS)] == [(3, "onset"), (3, "apex")]


def test_marks_and_labels_of_a_label_file_are_of_one_coder(tmp_path: Path) -> None:
    rec = recording(tmp_path)
    log = LabelLog(tmp_path / "labels.jsonl")
    log.say(statements(rec, STATE))  # as AB
    log.say([Statement(rec.video, str(rec.path), 0, 1, 0.04, 12, MARKED, coder="AA", mark="onset")])
    path = tmp_path / "labels.jsonl"
    found, _ = statements_of(path, [rec], times, AUS, "AB")
    assert [one.mark for one in found] == [None] * len(STATE)
    found, _ = statements_of(path, [rec], times, AUS, "AA")
    assert [(one.frame, one.mark) for one in found] == [(1, "onset")]
    with pytest.raises(DataError, match=r"labels of AA, AB; read them as one of these coders$"):
        statements_of(path, [rec], times, AUS, "CD")


def recording(folder: Path) -> Rec:
    clip = write_clip(folder / "anna.mp4", n=N)
    return Rec(digest(clip)[0], clip, clip.name)
