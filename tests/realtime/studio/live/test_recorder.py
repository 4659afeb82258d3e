"""Recording a live session: the files that ks-live writes, whole whatever ends it."""

import csv
import threading
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from knowledge_spreader.realtime.sinks.ours import is_ours
from knowledge_spreader.realtime.studio.live.recorder import Recorder
from knowledge_spreader.realtime.studio.store.project import Project
from knowledge_spreader.realtime.types import Event
from tests.realtime.sinks.results import AUS, FILE, answer, result
from tests.realtime.studio.live.home import Home, page, served


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        yield Home(project)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t" if path.suffix == ".tsv" else ","))


def times(path: Path) -> list[float]:
    with av.open(str(path)) as video:
        return [float(frame.time or 0) for frame in video.decode(video=0)]


def test_events_that_began_before_the_recording_begin_with_it(tmp_path: Path) -> None:
    """At the first frame, 0.4 s, AU 1 is present since before, AU 4 begins, and AU 25 ends: it was not recorded."""
    (tmp_path / "recorded").mkdir()
    recorder = Recorder(tmp_path / "recorded", AUS, (), (), video=False)
    face = answer(p=[0.75, 0.875, 0.25, 0.25])
    recorder.write(result(10, face, events=[Event(FILE, 0, 4, 0.4, None, 0.875), Event(FILE, 0, 25, 0.1, 0.4, 0.9)]))
    recorder.write(result(11, face))
    recorder.write(result(12, face, events=[Event(FILE, 0, 1, 0.1, 0.48, 0.75)]))
    recorder.close()
    recorder.write(result(13, face))  # after the end: a result that was on its way
    recorder.close()
    folder = tmp_path / Path(recorder.files[0]).parent
    assert [Path(name).name for name in recorder.files] == [
        *("results.csv", "results_events.tsv", "results_events.json")
    ]
    assert sorted(path.name for path in folder.iterdir()) == sorted(Path(name).name for name in recorder.files)
    assert [row["frame"] for row in rows(folder / "results.csv")] == ["11", "12", "13"]  # OpenFace counts from 1
    # the file is no video, so times count from the first frame that was recorded
    found = [
        (row["trial_type"], float(row["onset"]), float(row["duration"])) for row in rows(folder / "results_events.tsv")
    ]
    assert found == [("AU1", 0.0, 0.08), ("AU4", 0.0, 0.08)]
    assert not recorder.failures


def test_two_recordings_of_one_second_lie_in_two_folders(tmp_path: Path) -> None:
    made = [Recorder(tmp_path, AUS, (), (), video=True) for _ in range(3)]
    assert len({Path(one.files[0]).parent for one in made}) == 3
    assert made[0].files[-1].endswith("/video.mp4")
    for one in made:
        one.close()


def test_a_file_that_cannot_be_written_is_said_and_the_others_go_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path, AUS, (), (), video=False)
    folder = tmp_path.parent / Path(recorder.files[0]).parent
    (folder / "results.csv").mkdir()
    recorder.write(result(0))
    recorder.close()
    (why,) = recorder.failures
    assert "results.csv" in why
    assert (folder / "results_events.tsv").is_file()


def test_a_page_records_results_and_video_and_stops(home: Home) -> None:
    with served(home) as address, page(address) as one:
        one.start()
        one.picture()
        one.say(record={"video": True})
        began = one.until("recording")["recording"]
        assert [name.partition("/")[0] for name in began["files"]] == ["recorded"] * 4
        shown = [one.picture()[0]["time_s"] for _ in range(8)]
        assert began["since_s"] < shown[-1]
        one.say(record=None)
        assert one.until("recording") == {"recording": None}
        table, *_, video = (home.project.folder / name for name in began["files"])
        found = rows(table)
        assert {float(row["timestamp"]) for row in found} >= set(shown[2:-1])
        assert len(times(video)) == len({row["frame"] for row in found})
        assert all(is_ours(home.project.folder / name) for name in began["files"])
        assert home.project.add(video)  # it can be reviewed like any other
        one.picture()  # the session goes on
        one.say(stop=True)
        one.until("status", "stopped")


@pytest.mark.slow
def test_the_end_of_the_source_completes_the_recording(home: Home) -> None:
    with served(home) as address, page(address) as one:
        one.start()
        one.picture()
        one.say(record={"video": False})
        table = home.project.folder / one.until("recording")["recording"]["files"][0]
        assert one.until("recording") == {"recording": None}
        assert one.until("status")["status"] == "stopped"
        assert float(rows(table)[-1]["timestamp"]) > 7  # the clip lasts 7.8 s


def test_a_recording_outlives_its_page_and_is_whole_when_the_studio_closes(home: Home) -> None:
    with served(home) as address:
        with page(address) as one:
            one.start()
            one.picture()
            one.say(record={"video": True})
            files = one.until("recording")["recording"]["files"]
            last, _ = one.picture()
        with page(address) as other:
            other.start("camera:0")
            assert "the demo clip is being recorded" in other.until("error")["error"]
        with page(address) as again:
            again.start()
            assert again.until("recording")["recording"]["files"] == files
            assert again.picture()[0]["time_s"] > last["time_s"]
    assert not [thread for thread in threading.enumerate() if thread.name == "live session"]
    table, *_, video = (home.project.folder / name for name in files)
    assert len(times(video)) == len({row["frame"] for row in rows(table)}) > 2
