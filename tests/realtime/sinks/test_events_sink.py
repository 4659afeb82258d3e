"""Events: BIDS tables and ELAN files."""

import itertools
import json
import xml.etree.ElementTree as ET
from urllib.parse import unquote, urlparse

import pandas as pd
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.finish import finish
from knowledge_spreader.realtime.types import Event, Stream
from tests.realtime.kill import write_and_kill
from tests.realtime.sinks.results import AUS, FILE, answer, result


def came(au, onset_s, face_id=0, stream=FILE, peak=0.6):
    return Event(stream, face_id, au, onset_s, None, peak)


def went(au, onset_s, end_s, face_id=0, stream=FILE, peak=0.9):
    return Event(stream, face_id, au, onset_s, end_s, peak)


def written(path, *results):
    sink = EventsSink(path, AUS)
    for each in results:
        sink.write(each)
    sink.close()
    sink.close()


def table(path):
    return pd.read_csv(path, sep="\t", keep_default_na=False, na_values=["n/a"])


LONG_AND_SHORT = [  # AU12 from 0.04 to 0.16, AU1 from 0.08 to 0.12: the shorter ends first
    result(0),
    result(1, events=[came(12, 0.04)]),
    result(2, events=[came(1, 0.08)]),
    result(3, events=[went(1, 0.08, 0.12)]),
    result(4, events=[went(12, 0.04, 0.16)]),
]


def test_the_table_has_bids_columns_and_is_sorted_by_onset(tmp_path):
    path = tmp_path / "sub-01_task-smile_events.tsv"
    written(path, *LONG_AND_SHORT)
    assert path.read_text() == (
        "onset\tduration\ttrial_type\tface_id\tstream\tpeak\n"
        "0.04\t0.12\tAU12\t0\tclip.mp4\t0.900000\n"
        "0.08\t0.04\tAU1\t0\tclip.mp4\t0.900000\n"
    )


def test_the_sidecar_describes_every_column(tmp_path):
    written(tmp_path / "a_events.tsv", *LONG_AND_SHORT)
    told = json.loads((tmp_path / "a_events.json").read_text())
    assert list(told) == list(table(tmp_path / "a_events.tsv").columns)
    assert told["onset"]["Units"] == told["duration"]["Units"] == "s"
    assert told["trial_type"]["Levels"]["AU12"] == "lip corner puller"
    assert all(column["Description"] for column in told.values())


def test_what_is_open_at_the_end_ends_at_the_last_frame_that_shows_the_face(tmp_path):
    other = Stream("b.mp4", number=1)
    written(
        tmp_path / "e.tsv",
        result(0, answer(0, p=[0, 0, 0.6, 0]), events=[came(12, 0.0)]),
        result(1, answer(0, p=[0, 0, 0.8, 0])),
        result(2, answer(0, p=[0, 0, 0.7, 0])),
        result(3, ()),
        result(50, answer(0), stream=other),  # face 0 of another stream is another face
    )
    (row,) = table(tmp_path / "e.tsv").to_dict("records")
    assert (row["onset"], row["duration"], row["peak"]) == (0.0, 0.08, 0.8)  # frame 2 of 25 a second


def test_an_onset_whose_end_never_came_is_ended_by_the_next(tmp_path):
    written(
        tmp_path / "e.tsv", result(0, events=[came(12, 0.0)]), result(3), result(9, events=[came(12, 0.36)]), result(10)
    )
    assert table(tmp_path / "e.tsv")[["onset", "duration"]].to_numpy().tolist() == [[0.0, 0.12], [0.36, 0.04]]


def test_an_unknown_peak_is_n_a_and_any_name_of_a_stream_comes_back(tmp_path):
    stream = Stream('tab\t"quote"\nline')
    written(tmp_path / "e.tsv", result(1, stream=stream, events=[went(1, 0.0, 0.04, stream=stream, peak=float("nan"))]))
    (row,) = table(tmp_path / "e.tsv").to_dict("records")
    assert row["stream"] == stream.name
    assert "n/a" in (tmp_path / "e.tsv").read_text()
    assert row["peak"] != row["peak"]


def test_a_run_without_an_event_writes_a_table_without_rows(tmp_path):
    written(tmp_path / "e.tsv", result(0))
    assert len(table(tmp_path / "e.tsv")) == 0
    assert (tmp_path / "e.json").exists()


def test_a_killed_run_leaves_every_interval_that_ended(tmp_path):
    count = write_and_kill("events", tmp_path / "e.tsv")
    rows = table(tmp_path / "e.tsv")
    assert len(rows) >= (count - 1) // 2  # the script ends one at every second frame
    assert (rows["trial_type"] == "AU12").all()


def test_a_table_that_a_kill_left_is_sorted_by_finish(tmp_path):
    path = tmp_path / "e.tsv"
    sink = EventsSink(path, AUS)
    for each in LONG_AND_SHORT:
        sink.write(each)
    with path.open("a") as file:
        file.write("0.5\t0.")
    assert table(path)["onset"].tolist() == [0.08, 0.04, 0.5]
    assert finish(path) == path
    assert table(path)["onset"].tolist() == [0.04, 0.08]
    sink._writer.close()


def test_a_json_file_of_another_kind_is_never_overwritten(tmp_path):
    (tmp_path / "e.json").write_text('{"frames": 3}')
    with pytest.raises(DataError, match="describes no events, but --events needs that name"):
        EventsSink(tmp_path / "e.tsv", AUS)
    assert (tmp_path / "e.json").read_text() == '{"frames": 3}'
    assert not (tmp_path / "e.tsv").exists()


def test_another_suffix_and_another_table_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"NAME_events\.tsv \(BIDS\) or NAME\.eaf \(ELAN\)"):
        EventsSink(tmp_path / "e.csv", AUS)
    (tmp_path / "e.tsv").write_text("a\tb\n1\t2\n")
    with pytest.raises(DataError, match="is not a table of events"):
        finish(tmp_path / "e.tsv")


def spans(path):
    """{tier: [(begin_ms, end_ms, text)]}, after checking what the EAF 3.0 schema asks for."""
    root = ET.parse(path).getroot()
    order = ["HEADER", "TIME_ORDER", "TIER", "LINGUISTIC_TYPE"]
    tags = [child.tag for child in root]
    assert tags == sorted(tags, key=order.index)
    assert {"AUTHOR", "DATE", "FORMAT", "VERSION"} <= set(root.attrib)
    times = {slot.get("TIME_SLOT_ID"): int(slot.get("TIME_VALUE")) for slot in root.iter("TIME_SLOT")}
    assert len(times) == len(list(root.iter("TIME_SLOT")))
    assert list(times.values()) == sorted(times.values())
    assert all(0 <= time_ms < 2**32 for time_ms in times.values())
    ids = [one.get("ANNOTATION_ID") for one in root.iter("ALIGNABLE_ANNOTATION")]
    assert len(set(ids)) == len(ids)
    refs = [one.get(f"TIME_SLOT_REF{n}") for one in root.iter("ALIGNABLE_ANNOTATION") for n in (1, 2)]
    assert sorted(refs) == sorted(times)  # each its own
    kinds = {kind.get("LINGUISTIC_TYPE_ID") for kind in root.iter("LINGUISTIC_TYPE")}
    found = {}
    for tier in root.iter("TIER"):
        assert tier.get("LINGUISTIC_TYPE_REF") in kinds
        found[tier.get("TIER_ID")] = [
            (times[one.get("TIME_SLOT_REF1")], times[one.get("TIME_SLOT_REF2")], one.findtext("ANNOTATION_VALUE"))
            for one in tier.iter("ALIGNABLE_ANNOTATION")
        ]
        for (_, end, _), (begin, _, _) in itertools.pairwise(found[tier.get("TIER_ID")]):
            assert end <= begin
    return found


def test_an_eaf_has_a_tier_for_each_au_of_each_face(tmp_path):
    results = [
        *LONG_AND_SHORT,
        result(5, answer(1), events=[went(12, 0.16, 0.2, face_id=1), went(1, 0.12, 0.1204, peak=float("nan"))]),
    ]
    written(tmp_path / "out.eaf", *results)
    assert spans(tmp_path / "out.eaf") == {
        "AU1 face 0": [(80, 120, "inner brow raiser (0.90)"), (120, 121, "inner brow raiser")],  # never empty
        "AU12 face 0": [(40, 160, "lip corner puller (0.90)")],
        "AU12 face 1": [(160, 200, "lip corner puller (0.90)")],
    }
    assert [path.name for path in tmp_path.iterdir()] == ["out.eaf"]


def test_an_eaf_finds_its_recording_from_anywhere_and_from_beside_it(tmp_path):
    clip = tmp_path / "clips" / "a b&\u4eba.mp4"
    clip.parent.mkdir()
    clip.write_bytes(b"")
    stream = Stream(str(clip), path=clip)
    (tmp_path / "out").mkdir()
    written(tmp_path / "out" / "e.eaf", result(0, stream=stream))
    media = ET.parse(tmp_path / "out" / "e.eaf").getroot().find("HEADER/MEDIA_DESCRIPTOR")
    assert unquote(urlparse(media.get("MEDIA_URL")).path) == str(clip)
    assert media.get("MIME_TYPE") == "video/mp4"
    assert (tmp_path / "out" / unquote(media.get("RELATIVE_MEDIA_URL"))).resolve() == clip


@pytest.mark.parametrize(("suffix", "kind"), [(".MP4", "video/mp4"), (".mts", "video/*"), (".ts", "video/*")])
def test_a_recording_is_a_video_whatever_else_its_suffix_means(tmp_path, suffix, kind):
    clip = tmp_path / f"clip{suffix}"
    clip.touch()
    written(tmp_path / "e.eaf", result(0, stream=Stream(str(clip), path=clip)))
    media = ET.parse(tmp_path / "e.eaf").getroot().find("HEADER/MEDIA_DESCRIPTOR")
    assert media.get("MIME_TYPE") == kind


def test_each_stream_has_its_own_eaf(tmp_path):
    streams = [Stream("a"), Stream("b", number=1), Stream("c", number=2)]
    written(
        tmp_path / "out.eaf",
        *(result(0, stream=s) for s in streams),
        *(result(5, stream=s, events=[went(12, 0.04 * s.number, 0.2, stream=s)]) for s in streams),
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out-2.eaf", "out-3.eaf", "out.eaf"]
    assert spans(tmp_path / "out-3.eaf") == {"AU12 face 0": [(80, 200, "lip corner puller (0.90)")]}


def test_a_live_streams_eaf_counts_from_its_first_frame(tmp_path):
    camera = Stream("camera\x1b 0", live=True)
    hour_s = 1.7e9  # a camera whose clock counts from 1970
    results = [result(0, stream=camera, shift_s=hour_s), result(25, stream=camera, shift_s=hour_s)]
    results.append(result(50, stream=camera, events=[went(12, hour_s + 1.0, hour_s + 2.0, stream=camera)]))
    written(tmp_path / "out.eaf", *results)
    assert spans(tmp_path / "out.eaf") == {"AU12 face 0": [(1000, 2000, "lip corner puller (0.90)")]}


def test_a_killed_run_leaves_a_journal_that_becomes_the_eaf(tmp_path):
    count = write_and_kill("events", tmp_path / "out.eaf")
    journal = tmp_path / "out.eaf.part.jsonl"
    assert [path.name for path in tmp_path.iterdir()] == [journal.name]
    with journal.open("a") as file:
        file.write('{"stream": 0, "fa')
    assert finish(journal) == tmp_path / "out.eaf"
    assert len(spans(tmp_path / "out.eaf")["AU12 face 0"]) >= (count - 1) // 2
    assert not journal.exists()


def test_a_foreign_journal_is_refused_and_stays(tmp_path):
    journal = tmp_path / "out.eaf.part.jsonl"
    journal.write_text('{"au": 12}\n')
    with pytest.raises(DataError, match="cannot be read as a journal"):
        finish(journal)
    assert journal.exists()


def test_pympi_reads_the_eaf(tmp_path):
    elan = pytest.importorskip("pympi.Elan", reason="pympi-ling is not installed")
    written(tmp_path / "out.eaf", *LONG_AND_SHORT)
    found = elan.Eaf(str(tmp_path / "out.eaf"))
    assert found.get_annotation_data_for_tier("AU12 face 0") == [(40, 160, "lip corner puller (0.90)")]
