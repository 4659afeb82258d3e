"""Marks in exported files: events from onset to offset, the apex as a point, and all of it read back."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.datasets.own_labels import on_frames, read_own_labels
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.exports.marked import pairs
from knowledge_spreader.realtime.studio.exports.write import export
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import MARKED, MARKS, Statement
from tests.realtime.studio.exports.coded_recordings import AUS, STATES, N, State, clock, known, rec_of, statements

Marks = Sequence[tuple[int, int, int, str]]  # face, frame, AU, mark


def marked(rec: Rec, marks: Marks) -> list[Statement]:
    return [
        Statement(rec.video, str(rec.path), face, frame, frame / 25, au, MARKED, coder="AB", mark=mark)
        for face, frame, au, mark in marks
    ]


EVENT: State = {
    (0, 2, 12): ("present", None),
    (0, 3, 12): (3, None),  # the apex, where a FACS coder scores the level
    (0, 4, 12): (1, None),
    (0, 5, 12): (1, None),  # after the offset, so another event
    (0, 7, 12): (0, None),
}
OF_IT: Marks = [(0, 2, 12, "onset"), (0, 3, 12, "apex"), (0, 4, 12, "offset")]


def written(folder: Path, form: str, state: State = EVENT, marks: Marks = OF_IT) -> tuple[Rec, list[Path]]:
    rec = rec_of(folder / "anna.mp4")
    (folder / "exports").mkdir(exist_ok=True)
    said = [*statements(rec, state), *marked(rec, marks)]
    return rec, export(said, [rec], clock(N), folder / "exports", form)


def test_bids_has_one_event_of_the_apex_s_level_and_points_for_marks(tmp_path: Path) -> None:
    _, (table, _) = written(tmp_path, "bids")
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    assert [(row[0], row[1], row[2], row[5]) for row in rows if row[2] != "coded"] == [
        ("onset", "duration", "trial_type", "level"),
        ("0.08", "0.12", "AU12", "C"),
        ("0.08", "0", "AU12 onset", "n/a"),
        ("0.12", "0", "AU12 apex", "n/a"),
        ("0.16", "0", "AU12 offset", "n/a"),
        ("0.2", "0.04", "AU12", "A"),
    ]


def test_boris_has_points(tmp_path: Path) -> None:
    _, (table,) = written(tmp_path, "boris")
    rows = [line.split("\t") for line in table.read_text().splitlines()]
    at = [rows[0].index(name) for name in ("Time", "Behavior type", "Subject", "Behavior", "Modifier #1")]
    assert [[row[i] for i in at] for row in rows[1:] if row[at[3]] != "coded"] == [
        ["0.08", "START", "face 0", "AU12", "C"],
        ["0.08", "POINT", "face 0", "AU12 onset", ""],
        ["0.12", "POINT", "face 0", "AU12 apex", ""],
        ["0.16", "POINT", "face 0", "AU12 offset", ""],
        ["0.2", "STOP", "face 0", "AU12", "C"],
        ["0.2", "START", "face 0", "AU12", "A"],
        ["0.24", "STOP", "face 0", "AU12", "A"],
    ]


def test_elan_has_a_tier_of_marks_and_those_of_one_frame_are_one_annotation(tmp_path: Path) -> None:
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed")
    _, (path,) = written(tmp_path, "elan", marks=[*OF_IT, (0, 2, 12, "apex")])
    found = elan.Eaf(str(path))
    assert sorted(found.get_annotation_data_for_tier("AU12 face 0")) == [(80, 200, "C"), (200, 240, "A")]
    assert sorted(found.get_annotation_data_for_tier("AU12 marks face 0")) == [
        (80, 120, "onset apex"),
        (120, 160, "apex"),
        (160, 200, "offset"),
    ]


def test_the_csv_has_a_column_of_marks_also_in_frames_without_a_label(tmp_path: Path) -> None:
    _, (path,) = written(tmp_path, "csv", {(0, 3, 12): (3, None)})
    assert path.read_text().splitlines() == [
        "frame,face_id,timestamp,success,AU12_r,AU12_c,AU12_mark,coder,stream",
        "3,0,0.08,1,,,onset,AB,../anna.mp4",
        "4,0,0.12,1,3,1,apex,AB,../anna.mp4",
        "5,0,0.16,1,,,offset,AB,../anna.mp4",
    ]


def test_the_manifest_holds_labels_alone(tmp_path: Path) -> None:
    _, (path,) = written(tmp_path, "manifest")
    assert len(path.read_text().splitlines()) == 1 + len(EVENT)
    with pytest.raises(DataError, match="only marks"):
        written(tmp_path, "manifest", {})


def test_an_onset_without_an_offset_is_no_event_and_the_later_of_two_onsets_begins_it() -> None:
    assert pairs({"onset": [1, 4, 9], "offset": [2, 6, 7]}) == [(1, 2), (4, 6)]
    assert pairs({"onset": [1, 3], "offset": [3, 8]}) == [(3, 3)]
    assert pairs({"offset": [3]}) == []


MARKED_FRAMES = st.sets(
    st.tuples(st.sampled_from([0, 2]), st.integers(0, N - 1), st.sampled_from(AUS), st.sampled_from(MARKS)), max_size=12
)


@pytest.mark.parametrize("form", ["csv", "elan", "boris", "bids"])
@settings(deadline=None, max_examples=60)
@given(state=STATES, marks=MARKED_FRAMES)
def test_marks_change_no_label_and_events_say_present_where_nothing_was_said(form: str, state: State, marks) -> None:
    expected = known(state)
    for face, au in {(face, au) for face, _, au, _ in marks} if form != "csv" else ():
        mine = [(frame, mark) for f, frame, a, mark in marks if (f, a) == (face, au) and mark != "apex"]
        turns = sorted((frame, mark == "offset") for frame, mark in mine)
        for (first, ends_first), (last, ends) in pairwise(turns):
            if ends and not ends_first:
                between = {(face, frame, au): 1 for frame in range(first, last + 1) if (face, frame, au) not in state}
                expected |= between
    with TemporaryDirectory() as folder:
        rec, files = written(Path(folder), form, state, sorted(marks))
        if not expected and form == "csv":
            return
        labels = read_own_labels([path for path in files if path.suffix != ".json"], [rec.path])
        assert not any("not used" in note for note in labels.notes)
        found = {}
        for face in (0, 2):
            layer = on_frames(labels, rec.path, np.arange(N), np.arange(N) / 25, AUS, face)
            found |= {(face, t, AUS[u]): int(layer[t, u]) for t, u in np.argwhere(layer != -1).tolist()}
    assert found == expected


def test_marks_of_another_coder_are_in_that_coder_s_file(tmp_path: Path) -> None:
    rec = rec_of(tmp_path / "anna.mp4")
    said = [*statements(rec, EVENT), *(replace(one, coder="CD") for one in marked(rec, OF_IT))]
    of_ab, of_cd = export(said, [rec], clock(N), tmp_path, "csv")
    assert ("mark" in of_ab.read_text(), "mark" in of_cd.read_text()) == (False, True)
