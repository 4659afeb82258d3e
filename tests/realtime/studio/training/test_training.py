"""Training by real ks-adapt processes, on recordings of the demo clip's face."""

import csv
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.lock import FolderLock
from knowledge_spreader.realtime.studio.store.project import Project
from knowledge_spreader.realtime.studio.store.statement import Statement
from knowledge_spreader.realtime.studio.training import Training
from tests.paths import ROOT
from tests.realtime.adapt.clips import piece, truth
from tests.realtime.clips import repeat_clip, write_clip

PARTS = {"a.mp4": range(0, 30), "b.mp4": range(30, 130)}
AUS = (12, 25)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the recordings, which one test watches and the others find there."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, frames in PARTS.items():
        piece(folder / name, frames)
    return folder


def make(folder: Path, videos: Path, cache: Path) -> Project:
    """A project with both recordings, and labels of every third frame."""
    project = Project(folder, cache)
    known = truth(AUS)
    for rec in project.add(videos):
        project.set_subject(rec.id, "anna, the first")
        frames = PARTS[rec.name]
        LabelLog(project.labels_file).say(
            Statement(
                rec.video, project.spelled(rec), 0, i - frames.start, (i - frames.start) / 25, au, int(on), coder="xy"
            )
            for i in frames[::3]
            for au, on in zip(AUS, known[i], strict=True)
        )
    return project


@pytest.fixture
def project(tmp_path: Path, videos: Path, cache: Path) -> Iterator[Project]:
    with make(tmp_path / "study", videos, cache) as made:
        yield made


@pytest.fixture
def options(tiny_file: ModelFile) -> Options:
    return Options(model=str(tiny_file.path), threads=1)


def until(state: Callable[[], dict[str, Any]], *wanted: str, limit_s: float = 120) -> dict[str, Any]:
    end_s = time.monotonic() + limit_s
    while (found := state())["state"] not in wanted:
        assert time.monotonic() < end_s, found
        time.sleep(0.05)
    return found


@pytest.mark.slow
def test_labels_become_a_model_with_its_report_and_its_log(project: Project, options: Options) -> None:
    training = Training(project, options)
    assert training.state() == {
        **dict.fromkeys(("id", "began", "error"), ""),
        **{"state": "idle", "log": [], "frames": None, "report": None},
    }
    assert training.start("these", "none") == "001"
    began = training.state()
    assert (began["state"], began["id"], began["report"]) == ("running", "001", None)
    with pytest.raises(DataError, match="a training runs already"):
        training.start("these", "none")
    done = until(training.state, "done", "failed", "stopped")
    assert done["error"] == "", done
    assert any("44 labelled of 130 faces, 2 recordings, 1 people" in line for line in done["log"])
    assert done["frames"] == 130
    models = project.place("models")
    base, one = training.models()
    assert base == {"id": "bundled", "name": Path(options.model).name}
    assert (one["id"], one["file"], one["goal"]) == ("001", "001.ks", "these")
    assert one["weights"] == open_model(models / "001.ks").weights_id
    assert one["report"] == done["report"] == json.loads((models / "001.json").read_text())
    assert (one["f1_base"], one["f1_own"]) == (one["report"]["audit"]["f1_base"], one["report"]["audit"]["f1_own"])
    with (models / "001.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["video"], row["subject"]) for row in rows] == [
        (str(rec.path), "anna, the first") for rec in project.recordings()
    ]
    assert training.start("people", "none") == "002"  # models are kept
    assert until(training.state, "done", "failed", "stopped")["state"] == "done"


STARTS = """
import sys, time
from pathlib import Path
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.project import Project
from knowledge_spreader.realtime.studio.training import Training
with Project(Path(sys.argv[1]), Path(sys.argv[2])) as project:
    print(Training(project, Options(model=sys.argv[3], threads=1)).start("these", "none"), flush=True)
    time.sleep(600)
"""


def start_and_kill_the_studio(folder: Path, cache: Path, model: str) -> None:
    command = [sys.executable, "-c", STARTS, str(folder), str(cache), model]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as studio:
        assert studio.stdout
        assert studio.stdout.readline() == "001\n"
        studio.kill()
    assert studio.returncode == -signal.SIGKILL


@pytest.mark.slow
def test_a_training_survives_the_studio_and_is_found_again(tmp_path: Path, videos: Path, options: Options) -> None:
    folder, cache = tmp_path / "study", tmp_path / "cache"
    make(folder, videos, cache).close()
    start_and_kill_the_studio(folder, cache, options.model)
    with Project(folder, cache) as project:
        training = Training(project, options)
        assert training.state()["state"] == "running"
        done = until(training.state, "done", "failed", "stopped")
        assert (done["state"], done["id"], done["error"]) == ("done", "001", "")
        assert [one["id"] for one in training.models()] == ["bundled", "001"]


@pytest.mark.slow
def test_a_killed_training_says_so_in_one_line_and_is_started_again(
    tmp_path: Path, videos: Path, options: Options
) -> None:
    folder, cache = tmp_path / "study", tmp_path / "cache"
    make(folder, videos, cache).close()
    start_and_kill_the_studio(folder, cache, options.model)
    with Project(folder, cache) as project:
        training = Training(project, options)
        pid = json.loads((project.place("models") / "training.json").read_text())["pid"]
        os.kill(pid, signal.SIGKILL)
        failed = until(training.state, "failed", "done")
        assert failed["state"] == "failed"
        assert failed["error"] == (
            "the training was killed, or the machine was switched off; start again, and it goes on with the first "
            "recording that was not done"
        )
        assert training.models() == [{"id": "bundled", "name": Path(options.model).name}]
        assert training.start("these", "none") == "001"
        assert until(training.state, "done", "failed")["state"] == "done"


@pytest.mark.slow
def test_a_training_can_be_stopped(project: Project, options: Options, tmp_path: Path) -> None:
    project.cache = tmp_path / "another cache"
    short = write_clip(tmp_path / "short.mkv", 100, size=(320, 240), options={"bf": "0"})
    project.add(repeat_clip(short, tmp_path / "long.mkv", 100))  # takes long to watch
    training = Training(project, options)
    training.start("these", "none")
    training.stop()
    stopped = training.state()
    assert (stopped["state"], stopped["error"]) == ("stopped", "")
    FolderLock(project.place("models")).close()  # the process is gone
    training.stop()  # of nothing


def test_a_process_that_has_the_number_of_a_training_that_was_killed_is_not_taken_for_it(
    project: Project, options: Options
) -> None:
    """This process lives, and holds no lock."""
    models = project.place("models")
    (models / "training.json").write_text(json.dumps({"id": "001", "pid": os.getpid(), "began": "then"}))
    training = Training(project, options)
    assert training.state()["state"] == "failed"
    training.stop()  # sends no signal to it
    assert training.state()["state"] == "failed"


HARD_TO_STOP = """
import json, os, signal, sys, time
from pathlib import Path
from knowledge_spreader.realtime.studio.store.lock import FolderLock
signal.signal(signal.SIGINT, signal.SIG_IGN)
lock = FolderLock(Path(sys.argv[1]))
(Path(sys.argv[1]) / "training.json").write_text(json.dumps({"id": "001", "pid": os.getpid(), "began": "then"}))
print("ready", flush=True)
time.sleep(600)
"""


def test_while_a_training_is_being_stopped_it_is_told_at_once_that_it_runs(project: Project, options: Options) -> None:
    command = [sys.executable, "-c", HARD_TO_STOP, str(project.place("models"))]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as hard:
        assert hard.stdout
        assert hard.stdout.readline() == "ready\n"
        training = Training(project, options)
        stopping = threading.Thread(target=training.stop)
        stopping.start()
        for _ in range(5):
            asked_s = time.monotonic()
            assert training.state()["state"] == "running"
            assert time.monotonic() - asked_s < 4
            time.sleep(0.1)
        assert stopping.is_alive()
        hard.kill()
        stopping.join()
    assert training.state()["state"] == "stopped"


@pytest.mark.parametrize(
    "text",
    ["[]", "5", '{"audit":5}', '{"audit":{"f1_own":NaN},"aus":[]}', '{"audit":{},"aus":[1e999]}', "[" * 10_000, "\0"],
)
def test_a_damaged_report_is_none(project: Project, options: Options, text: str) -> None:
    models = project.place("models")
    (models / "001.ks").touch()
    (models / "001.json").write_text(text)
    (models / "training.json").write_text('{"id": "001", "began": "then", "code": 0}')
    training = Training(project, options)
    state, (_, model) = training.state(), training.models()
    assert (state["state"], state["report"], state["frames"]) == ("done", None, None)
    assert (model["report"], model["f1_own"], model["weights"]) == (None, None, "")


@pytest.mark.parametrize("text", ["[]", '{"id": "001", "began": NaN}', "[" * 10_000])
def test_what_is_damaged_of_the_last_training_is_none(project: Project, options: Options, text: str) -> None:
    (project.place("models") / "training.json").write_text(text)
    assert Training(project, options).state()["state"] == "idle"


def test_what_is_missing_is_one_line_and_nothing_starts(
    project: Project, options: Options, tmp_path: Path, videos: Path
) -> None:
    training = Training(project, options)
    with pytest.raises(DataError, match="wanted one of these, people, anyone"):
        training.start("all", "none")
    with Project(tmp_path / "empty", tmp_path / "cache") as empty, pytest.raises(DataError, match="no labels"):
        Training(empty, options).start("these", "none")
    lost = project.recordings()[0]
    lost.path.rename(tmp_path / "elsewhere.mp4")
    try:
        with pytest.raises(DataError, match="the file is gone"):
            training.start("these", "none")
    finally:
        (tmp_path / "elsewhere.mp4").rename(lost.path)
    assert training.state()["state"] == "idle"
    assert not list(project.place("models").glob("*.ks"))


def test_what_ks_adapt_refuses_is_the_line_that_it_prints(project: Project, tmp_path: Path) -> None:
    training = Training(project, Options(model=str(tmp_path / "none.ks")))
    training.start("these", "none")
    failed = until(training.state, "failed", "done")
    assert "none.ks" in failed["error"]
    assert not failed["error"].startswith("error")
    assert failed["log"][-1] == f"error: {failed['error']}"
