"""Exports of BORIS."""

from pathlib import Path

import pytest

from knowledge_spreader.datasets import UNKNOWN
from knowledge_spreader.datasets.own_labels import read_own_labels
from knowledge_spreader.errors import DataError
from tests.ks.datasets.own_labels.samples import put

U = UNKNOWN
# BORIS 8, "Export aggregated events"
AGGREGATED = """Observation id,Observation date,Description,Observation type,Source,Time offset (s),Coding duration,\
Media duration (s),FPS (frame/s),Subject,Observation duration by subject by observation,Behavior,Behavioral category,\
Modifier #1,Behavior type,Start (s),Stop (s),Duration (s),Media file name,Image index start,Image index stop,\
Image file path start,Image file path stop,Comment start,Comment stop
"""
HEAD = "s1,2026-03-02 10:11:12,,Media file,player #1:/lab/anna.mp4,0.0,0.600,0.600,10.000,No focal subject,0.6"


def aggregated(*events: str, head: str = HEAD) -> str:
    return AGGREGATED + "".join(f"{head},{event},/lab/anna.mp4,1,3,NA,NA,,\n" for event in events)


def test_aggregated_events_are_present_from_start_to_stop_and_a_point_in_the_nearest_frame(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    talk = "talk,Not defined,,STATE,0.000,0.500,0.500"
    path.write_text(aggregated("AU12,face,B,STATE,0.100,0.300,0.200", "au 4,face,,POINT,0.390,0.390,NA", talk))
    labels = read_own_labels([path])
    assert (labels.kinds, labels.aus) == (("boris",), (4, 12))
    assert labels.notes == (
        f"{path}: behaviors that are not used: 'talk'",
        f"{path}: without a behavior 'coded' the whole recording counts as coded: no event means absent",
    )
    assert put(path, (12, 4)) == [[0, 0], [1, 0], [1, 0], [0, 0], [0, 1], [0, 0]]
    assert next(labels.labels).where == f"{path}, line 2"


def test_a_behavior_may_say_absent_or_unscorable(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    path.write_text(
        aggregated("AU12 unscorable,,,STATE,0.1,0.2,0.1", "AU4 absent,,,POINT,0,NA,NA", "coded,,,STATE,0,0.3,0.3")
    )
    assert put(path, (12, 4), 4) == [[0, 0], [U, 0], [0, 0], [U, U]]


def test_tabular_events_of_boris_8_have_the_status_in_the_behavior_type(tmp_path: Path) -> None:
    path = tmp_path / "s1.tsv"
    columns = (
        "Observation id,Observation date,Source,Time offset (s),Subject,Behavior,Behavioral category,Behavior type"
    )
    rows = [
        f"{columns},Time,Media file name,Image index,Image file path,Comment",
        "s1,2026-03-02,player #1:/lab/anna.mp4,0,face 0,coded,,START,0.1,Not found,1,NA,",
        "s1,2026-03-02,player #1:/lab/anna.mp4,0,face 0,AU12,,START,0.2,/lab/anna.mp4,2,NA,",
        "s1,2026-03-02,player #1:/lab/anna.mp4,0,face 0,AU12,,STOP,0.4,/lab/anna.mp4,4,NA,",
        "s1,2026-03-02,player #1:/lab/anna.mp4,0,face 0,coded,,STOP,0.5,/lab/anna.mp4,5,NA,",
    ]
    path.write_text("\n".join(rows).replace(",", "\t") + "\n")
    (label,) = read_own_labels([path]).labels
    assert (label.span_s, label.face, label.where) == ((0.2, 0.4), 0, f"{path}, line 3")
    assert put(path, (12,)) == [[U], [0], [1], [1], [0], [U]]


def test_tabular_events_of_boris_7_stand_below_a_preamble(tmp_path: Path) -> None:
    path = tmp_path / "s1.csv"
    path.write_text(
        "Observation id,s1\n\nMedia file(s)\nPlayer #1,/lab/anna.mp4\n\nObservation date,2021-03-02 10:11:12\n"
        "Description,\nTime offset (s),0.0\n\n"
        "Time,Media file path,Total length,FPS,Subject,Behavior,Behavioral category,Modifiers,Comment,Status\n"
        "00:00:00.100,/lab/anna.mp4,0.6,10,No focal subject,AU12,,,,START\n"
        "0.3,/lab/anna.mp4,0.6,10,No focal subject,AU12,,,,STOP\n"
    )
    assert put(path, (12,)) == [[0], [1], [1], [0], [0], [0]]
    assert next(read_own_labels([path]).labels).where == f"{path}, line 11"


def test_all_observations_of_a_file_were_coded_for_the_same_aus(tmp_path: Path) -> None:
    path = tmp_path / "all.csv"
    header = "Observation id,Media file,Total length,FPS,Subject,Behavior,Modifiers,Behavior type,Start (s),Stop (s)\n"
    path.write_text(header + "s1,anna.mp4,1,10,,AU12,,STATE,0,0.1\ns2,ben.mp4,1,10,,AU4,,STATE,0,0.1\n")
    assert put(path, (12, 4), 2) == [[1, 0], [0, 0]]
    assert put(path, (12, 4), 2, recording="ben.mp4") == [[0, 1], [0, 0]]


def test_states_of_an_au_with_other_modifiers_may_overlap(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    head = "Source,Behavior,Modifier #1,Behavior type,Time\n"
    events = [("left", "START", "0"), ("right", "START", "0.2"), ("left", "STOP", "0.3"), ("right", "STOP", "0.4")]
    path.write_text(head + "".join(f"anna.mp4,AU12,{side},{kind},{at}\n" for side, kind, at in events))
    assert put(path, (12,)) == [[1], [1], [1], [1], [0], [0]]
    path.write_text(f"{head}anna.mp4,AU12,left,START,0\nanna.mp4,AU12,None,STOP,0.2\n")  # the only one that began
    assert put(path, (12,)) == [[1], [1], [0], [0], [0], [0]]
    path.write_text(f"{head}anna.mp4,AU12,A,START,0\nanna.mp4,AU12,B,START,0\nanna.mp4,AU12,,STOP,0.2\n")
    with pytest.raises(DataError, match=r"line 4: STOP of 'AU12' without the START before it; correct it in BORIS$"):
        read_own_labels([path])


def test_a_modifier_says_absent_or_unscorable_and_of_one_side_nothing(tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    head = "Source,Behavior,Modifier #1,Behavior type,Start (s),Stop (s)\n"
    events = [("Absent", 0, 0.1), ("unscorable", 0.2, 0.3), ("left|absent", 0.4, 0.5), ("", 0.4, 0.4)]
    path.write_text(head + "".join(f"anna.mp4,AU12,{word},STATE,{a},{b}\n" for word, a, b in events))
    assert put(path, (12,)) == [[0], [0], [U], [0], [1], [0]]


EVENT = "AU12,face,,STATE,0.1,0.3,0.2"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (aggregated("smile,,,STATE,0,1,1"), "no behavior of an AU; name the behaviors AU1, AU12, ..., got 'smile'"),
        (aggregated(EVENT.replace("0.3", "x")), "line 2: the stop must be a time in seconds; got 'x'"),
        (aggregated(EVENT, head=HEAD.replace(",0.0,", ",3.5,")), "a time offset of 3.5 s; set it to 0 in BORIS"),
        (aggregated(EVENT, head=HEAD.replace("anna.mp4", "a.mp4;b.mp4")), "were played one after the other"),
        (aggregated(EVENT) + aggregated(EVENT, head=HEAD.replace("No focal subject", "Ben")).split("\n", 1)[1],
         "line 3: subjects 'no focal subject' and 'ben' in one recording; call them 'face 0', 'face 1'"),
        ("Time,Behavior,Status\n1,AU12,START\n", "line 2: START of 'AU12' without a STOP; correct it in BORIS"),
        ("Time,Behavior,Status\n1,AU12,STOP\n", "line 2: STOP of 'AU12' without the START before it"),
        ("Time,Behavior,Status\n1,AU12,maybe\n", "line 2: wanted START, STOP or POINT; got 'maybe'"),
    ],
)  # fmt: skip
def test_what_is_not_plain_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "events.csv"
    path.write_text(text)
    with pytest.raises(DataError) as raised:
        read_own_labels([path])
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)
