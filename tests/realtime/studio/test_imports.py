"""Label files that come into the studio."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio import imports
from knowledge_spreader.realtime.studio.exports.write import export
from knowledge_spreader.realtime.studio.imports import statements_of
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Rec, digest
from knowledge_spreader.realtime.studio.store.statement import Statement
from tests.ks.datasets.own_labels.samples import eaf
from tests.realtime.clips import write_clip
from tests.realtime.studio.exports.coded_recordings import AUS, SCORED, STATES, N, State, known, statements


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Rec:
    """N pictures, 25 per second."""
    path = write_clip(tmp_path_factory.mktemp("clips") / "anna.mp4", n=N)
    return Rec(digest(path)[0], path, path.name)


def times(rec: Rec) -> F64:
    return np.arange(N) / 25


def taken(path: Path, rec: Rec, coder: str = "CD", aus: tuple[int, ...] = AUS) -> list[tuple[object, ...]]:
    said, _ = statements_of(path, [rec], times, aus, coder)
    assert {(one.video, one.coder, one.source) for one in said} == {(rec.video, coder, "human")}
    assert all(one.time_s == pytest.approx(one.frame / 25) for one in said)
    return sorted((one.face, one.frame, one.au, one.value) for one in said)


@pytest.mark.parametrize("form", ["csv", "elan", "boris", "bids"])
@settings(deadline=None, max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(state=st.one_of(STATES, SCORED))
def test_what_was_exported_comes_in_as_it_was_said_with_levels_and_sides(form: str, clip: Rec, state: State) -> None:
    expected = [(*key, *state[key]) for key in sorted(known(state))]
    with TemporaryDirectory() as folder:
        path = export(statements(clip, state), [clip], times, Path(folder), form)[0]
        if expected:
            said, _ = statements_of(path, [clip], times, AUS, "CD")
            found = sorted((one.face, one.frame, one.au, one.value, one.side or "") for one in said)
            assert found == [(*key, side or "") for *key, side in expected]
        else:
            with pytest.raises(DataError, match="no label in there"):
                taken(path, clip)


@pytest.mark.parametrize("form", ["manifest", "csv", "elan", "boris", "bids"])
def test_labels_of_a_folder_of_pictures_are_by_place(tmp_path: Path, form: str) -> None:
    (tmp_path / "ben").mkdir()
    for number in range(10, 10 + 3 * N, 3):
        (tmp_path / "ben" / f"f{number}.jpg").touch()
    rec = Rec("c" * 64, tmp_path / "ben", "ben")
    state: State = {(0, 2, 12): (1, None), (0, 3, 12): (0, None), (0, 8, 12): ("present", None)}
    path = export(statements(rec, state), [rec], times, tmp_path, form)[0]
    level = "present" if form == "manifest" else 1
    assert taken(path, rec) == [(0, 2, 12, level), (0, 3, 12, 0), (0, 8, 12, "present")]


@pytest.mark.parametrize("form", ["elan", "boris", "bids"])
def test_events_count_from_where_players_start_whatever_the_clock(tmp_path: Path, form: str) -> None:
    path = write_clip(tmp_path / "ben.ts", n=N, times_ms=[2000 + 40 * i for i in range(N)])
    rec = Rec("c" * 64, path, path.name)
    with av.open(str(path)) as container:
        clock = np.array([frame.time for frame in container.decode(video=0)])
    assert clock[0] > 1
    state: State = {(0, 0, 12): (1, None), (0, 1, 12): (0, None)}
    (table, *_) = export(statements(rec, state, clock), [rec], lambda rec: clock, tmp_path, form)
    (label,) = read_own_labels([table]).labels
    assert label.span_s == pytest.approx((0, 0.04))
    said, _ = statements_of(table, [rec], lambda rec: clock, AUS, "AB")
    assert [(one.frame, one.value, one.time_s) for one in said] == [(0, 1, clock[0]), (1, 0, clock[1])]


def test_a_manifest_names_no_face_so_face_0_gets_the_labels(tmp_path: Path, clip: Rec) -> None:
    (tmp_path / "my.csv").write_text("video,frame,AU12,AU4,AU27\nanna.mp4,3,1,,1\nanna.mp4,5,0,9,1\n")
    said, notes = statements_of(tmp_path / "my.csv", [clip], times, AUS, "CD")
    assert [(one.face, one.frame, one.au, one.value) for one in said] == [(0, 3, 12, "present"), (0, 5, 12, 0)]
    assert "anna.mp4: labels that name no face are given to face 0" in notes
    assert "labels of AU27 are not used: the model does not know them" in notes


def test_a_table_of_openface_says_what_it_is(tmp_path: Path, clip: Rec) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,face_id,timestamp,confidence,success,AU12_c\n1,0,0,.9,1,1\n2,0,.04,.9,0,1\n3,0,.08,.9,1,0\n")
    said, notes = statements_of(path, [clip], times, AUS, "OF")
    assert [(one.frame, one.value) for one in said] == [(0, "present"), (2, 0)]
    assert any("it teaches what the program guessed" in note for note in notes)


def log_of(path: Path, *said: Statement) -> Path:
    log = LabelLog(path)
    for one in said:
        log.say([one])
    return path


def test_the_studio_s_own_file_keeps_levels_sides_and_what_cannot_be_scored(tmp_path: Path, clip: Rec) -> None:
    state: State = {(0, 3, 12): (3, "L"), (1, 3, 12): ("unscorable", None), (0, 4, 4): (0, None), (0, 5, 1): (1, None)}
    said = statements(clip, state)
    back = replace(said[2], value=None)
    elsewhere = replace(said[0], video="b" * 64, recording="ben.mp4")
    path = log_of(tmp_path / "labels.jsonl", *said, back, elsewhere)
    before = path.read_bytes()
    found, notes = statements_of(path, [clip], times, AUS, "CD")
    kept = [one for one in said if one != said[2]]
    assert sorted((one.face, one.frame, one.au, one.value, one.side) for one in found) == sorted(
        (one.face, one.frame, one.au, one.value, one.side) for one in kept
    )
    assert {one.coder for one in found} == {"CD"}
    assert notes == ["labels of recordings that are not in this project: 1, e.g. ben.mp4"]
    with path.open("ab") as file:
        file.write(b'{"torn')
    statements_of(path, [clip], times, AUS, "CD")
    assert path.read_bytes() == before + b'{"torn'  # it is only read


def test_of_several_coders_the_one_who_is_named_comes_in(tmp_path: Path, clip: Rec) -> None:
    one = statements(clip, {(0, 3, 12): (3, None)})
    path = log_of(tmp_path / "labels.jsonl", *one, *statements(clip, {(0, 3, 12): (0, None)}, coder="XY"))
    assert taken(path, clip, "XY") == [(0, 3, 12, 0)]
    assert taken(path, clip, "AB") == [(0, 3, 12, 3)]
    with pytest.raises(DataError, match=r"labels\.jsonl: labels of AB, XY; read them as one of these coders"):
        taken(path, clip, "CD")
    tiers = {"AU12@Ann": [(0, 40, "B")], "AU12@Ben": [(40, 80, "B")], "coded": [(0, 80, "")]}
    assert taken(eaf(tmp_path / "a.eaf", tiers), clip, "BEN") == [(0, 0, 12, 0), (0, 1, 12, 2)]


def strengths(path: Path, rec: Rec, aus: tuple[int, ...] = AUS) -> tuple[list[tuple[object, ...]], list[str]]:
    """(frame, AU, value, side) of face 0, and the notes."""
    said, notes = statements_of(path, [rec], times, aus, "CD")
    return [(one.frame, one.au, one.value, one.side) for one in said], notes


def test_an_annotation_of_elan_is_written_as_facs_does(tmp_path: Path, clip: Rec) -> None:
    texts = ["C", "AU12D", "12e", "L12B", "R12", "4", "left", "big smile"]
    spans = [(40 * i, 40 * i + 40, text) for i, text in enumerate(texts)]
    path = eaf(tmp_path / "anna.eaf", {"AU12": spans, "coded": [(0, 360, "")]})
    found, notes = strengths(path, clip)
    assert found == [
        *((0, 12, 3, None), (1, 12, 4, None), (2, 12, 5, None), (3, 12, 2, "L"), (4, 12, "present", "R")),
        *((5, 12, 4, None), (6, 12, "present", "L"), (7, 12, "present", None), (8, 12, 0, None)),
    ]
    assert f"{path}: annotations that tell no level, present without one: 'big smile'" in notes


def test_where_a_file_of_elan_writes_1_and_0_alone_1_is_present_not_level_a(tmp_path: Path, clip: Rec) -> None:
    marks = {"AU12": [(0, 40, "1"), (40, 80, "0")], "AU4": [(0, 40, "x")], "coded": [(0, 80, "")]}
    found, _ = strengths(eaf(tmp_path / "anna.eaf", marks), clip)
    assert found == [(0, 4, "present", None), (0, 12, "present", None), (1, 4, 0, None), (1, 12, 0, None)]
    levels = marks | {"AU4": [(0, 40, "3")]}
    found, _ = strengths(eaf(tmp_path / "anna.eaf", levels), clip)
    assert found == [(0, 4, 3, None), (0, 12, 1, None), (1, 4, 0, None), (1, 12, 0, None)]


def test_tiers_of_both_sides_are_one_au_and_a_tier_of_one_side_alone_says_nothing_of_absence(
    tmp_path: Path, clip: Rec
) -> None:
    coded = {"coded": [(0, 160, "")]}
    sides = {"AU12L": [(0, 80, "B")], "R12": [(40, 120, "C")]}
    found, notes = strengths(eaf(tmp_path / "anna.eaf", coded | sides), clip)
    # the left alone; both, of different levels; the right alone; neither
    assert found == [(0, 12, 2, "L"), (1, 12, "present", None), (2, 12, 3, "R"), (3, 12, 0, None)]
    assert any("labels with different levels, present without one: 1, first AU12 of frame 1" in note for note in notes)
    found, _ = strengths(eaf(tmp_path / "anna.eaf", coded | {"AU12 left": [(0, 40, ""), (40, 80, "0")]}), clip)
    assert found == [(0, 12, "present", "L")]


BORIS = "Observation id\tSource\tBehavior\tModifiers\tBehavior type\tStart (s)\tStop (s)\n"


def test_modifiers_of_boris_tell_level_and_side_and_others_are_named(tmp_path: Path, clip: Rec) -> None:
    events = [
        *("AU12\tC|left\tSTATE\t0\t0.04", "AU12\tNone|right\tSTATE\t0.04\t0.08", "AU12\tL12B\tSTATE\t0.08\t0.12"),
        *("AU12\t5|laughing|M\tPOINT\t0.12\tNA", "R12D\t\tSTATE\t0.16\t0.2", "AU4B\t\tSTATE\t0.2\t0.24"),
        "coded\t\tSTATE\t0\t0.24",
    ]
    path = tmp_path / "events.tsv"
    path.write_text(BORIS + "".join(f"s1\tanna.mp4\t{event}\n" for event in events))
    found, notes = strengths(path, clip, (12,))
    assert found == [
        *((0, 12, 3, "L"), (1, 12, "present", "R"), (2, 12, 2, "L"), (3, 12, 5, None), (4, 12, 4, "R")),
        (5, 12, 0, None),
    ]
    assert f"{path}: modifiers that tell no level and are not used: 'laughing', 'M'" in notes


def test_levels_of_a_table_are_a_coder_s_not_a_program_s(tmp_path: Path, clip: Rec) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU12_r,AU12_c,AU12_side\n1,3,1,\n2,B,1,R\n3,0,0,\n4,,1,L\n5,2,0,\n")
    found, notes = strengths(path, clip)
    assert found == [
        *((0, 12, 3, None), (1, 12, 2, "R"), (2, 12, 0, None), (3, 12, "present", "L")),
        (4, 12, 0, None),  # AU12_c decides
    ]
    assert f"{path}: levels that contradict the presence beside them, and are not used: 1" in notes
    for head, row in (("frame,AU12_r,AU12_c", "1,2.41,1"), ("frame,confidence,AU12_r,AU12_c", "1,.98,2,1")):
        path.write_text(f"{head}\n{row}\n")
        found, notes = strengths(path, clip)
        assert found == [(0, 12, "present", None)]
        assert f"{path}: no level is taken from AU12_r, ...: it is what a program measured" in notes


def test_a_hand_made_table_of_levels_alone_tells_presence_too(tmp_path: Path, clip: Rec) -> None:
    path = tmp_path / "anna.csv"
    path.write_text("frame,AU12_r,AU04_r\n1,0,2\n2,1,\n")
    found, notes = strengths(path, clip)
    assert found == [(0, 4, 2, None), (0, 12, 0, None), (1, 12, 1, None)]
    assert f"{path}: only intensities (AU12_r): present is level A (1) or more, absent is 0" in notes
    with pytest.raises(DataError, match=r"column 'AU12_r' is an intensity; make a column AU12 of it"):
        read_own_labels([path])  # as ks-adapt does
    path.write_text("frame,AU12_r\n1,0\n2,0.37\n")
    with pytest.raises(DataError, match=r"anna\.csv, line 3: AU12_r is '0\.37', as programs measure it; add columns"):
        strengths(path, clip)


def test_a_level_that_is_none_is_refused_with_its_place(tmp_path: Path, clip: Rec) -> None:
    wide, boris, bids = tmp_path / "anna.csv", tmp_path / "events.tsv", tmp_path / "anna_events.tsv"
    no_level = "wanted A to E, 1 to 5, or no level"

    def refused(path: Path) -> str:
        with pytest.raises(DataError) as raised:
            statements_of(path, [clip], times, AUS, "CD")
        read_own_labels([path])  # presence is as plain as ever
        return str(raised.value).removeprefix(f"{path}, ")

    for text in ("F", "6", "12F", "2.5", "-1"):
        path = eaf(tmp_path / "anna.eaf", {"AU12": [(40, 80, text), (80, 120, "A")]})
        assert refused(path) == f"tier 'AU12', annotation a1 at 0.040 s: '{text}' is no level of AU12; {no_level}"
    path = eaf(tmp_path / "anna.eaf", {"AU12": [(40, 80, "15B")]})
    assert refused(path).endswith("'15B' names AU15, but it is said of AU12; correct it")
    boris.write_text(BORIS + "s1\tanna.mp4\tAU12\tB\tSTATE\t0\t0.04\ns1\tanna.mp4\tAU12\t12G\tSTATE\t0.1\t0.2\n")
    assert refused(boris) == f"line 3: '12G' is no level of AU12; {no_level}"
    boris.write_text(BORIS + "s1\tanna.mp4\tAU12\tB|C\tSTATE\t0\t0.04\n")
    assert refused(boris) == "line 2: two levels or two sides of AU12 in one event; keep one"
    bids.write_text("onset\tduration\ttrial_type\tlevel\n0\t0.04\tAU12\tA\n0.1\t0.1\tAU12\thigh\n")
    bids.rename(tmp_path / "anna.tsv")
    assert refused(tmp_path / "anna.tsv") == "line 3: 'high'; wanted a level A to E, a side left or right, or n/a"
    wide.write_text("frame,AU12_r,AU12_c\n1,3,1\n2,5.5,1\n")
    assert refused(wide) == "line 3: AU12_r is '5.5'; wanted a level, 0 to 5 or A to E, or blank for unknown"
    wide.write_text("frame,AU12_c,AU12_side\n1,1,both\n")
    assert refused(wide) == "line 2: AU12_side is 'both'; wanted L, R or blank"


def test_what_cannot_come_in_is_refused_in_one_line(tmp_path: Path, clip: Rec, monkeypatch: pytest.MonkeyPatch) -> None:
    names_ben = tmp_path / "a.csv"
    names_ben.write_text("video,frame,AU12\nben.mp4,3,1\n")
    other_au = tmp_path / "b.csv"
    other_au.write_text("video,frame,AU27\nanna.mp4,3,1\n")
    log = tmp_path / "c.jsonl"
    log.write_text(json.dumps({"video": "x"}) + "\n")
    late = tmp_path / "d.csv"
    late.write_text("video,frame,AU12\nanna.mp4,99,1\n")
    whole = eaf(tmp_path / "e.eaf", {"AU12": [(0, 100, "B")]})
    monkeypatch.setattr(imports, "MOST", 5)

    def fewer(rec: Rec) -> F64:
        return times(rec)[:-2]

    cases: list[tuple[Path, list[Rec], Callable[[Rec], F64], str]] = [
        (names_ben, [clip], times, r"a\.csv: no label in there of the recordings and AUs of this project \(.*ben\.mp4"),
        (other_au, [clip], times, r"b\.csv: no label in there .*labels of AU27 are not used"),
        (log, [clip], times, r"c\.jsonl, line 1: this is not a label of the studio"),
        (late, [clip], times, r"d\.csv, line 2: frame 99 \(from 0\) is beyond"),
        (whole, [clip], times, r"e\.eaf: says more than 5 labels, because all frames count as coded"),
        (whole, [clip], fewer, r"2 of its 9 frames cannot be decoded"),
        (whole, [], times, r"no recordings in this project"),
        (tmp_path / "gone.csv", [clip], times, r"gone\.csv: cannot be read"),
    ]
    for path, recs, clock, message in cases:
        with pytest.raises(DataError, match=message) as raised:
            statements_of(path, recs, clock, AUS, "CD")
        assert "\n" not in str(raised.value)
