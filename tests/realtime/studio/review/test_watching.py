"""watching.py: recordings are analysed one after another by a process, which can be stopped at any time."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.adapt.cache import watch_recordings
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.review.watching import Watcher
from knowledge_spreader.realtime.studio.store.project import Rec, digest
from tests.realtime.adapt.clips import piece
from tests.realtime.clips import repeat_clip, write_clip

N = 12


@pytest.fixture(scope="module")
def recs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Rec]:
    folder = tmp_path_factory.mktemp("videos")
    piece(folder / "a.mp4", range(N))
    repeat_clip(piece(folder / "piece.mp4", range(40)), folder / "long.mp4", 200)
    piece(folder / "b.mp4", range(40, 40 + N))
    write_clip(folder / "nobody.mp4", 10)
    whole = piece(folder / "whole.mkv", range(40)).read_bytes()
    start, end = len(whole) // 3, len(whole) // 2
    (folder / "broken.mkv").write_bytes(whole[:start] + np.random.default_rng(0).bytes(end - start) + whole[end:])
    return {path.stem: Rec(digest(path)[0], path, path.name, "anna") for path in folder.iterdir()}


@pytest.fixture
def options(tiny_file: ModelFile) -> Options:
    return Options(model=str(tiny_file.path), threads=1)


@pytest.fixture
def watcher(options: Options, tmp_path: Path) -> Iterator[Watcher]:
    made = Watcher(tmp_path / "cache", options)
    yield made
    made.close()


def until(watcher: Watcher, rec: Rec, done: Callable[[dict[str, Any]], bool]) -> list[dict[str, Any]]:
    """The states that are seen until one is what is waited for."""
    states: list[dict[str, Any]] = []
    end_s = time.perf_counter() + 60
    while not states or not done(states[-1]):
        assert time.perf_counter() < end_s, states[-3:]
        time.sleep(0.02)
        states.append(watcher.state(rec))
    return states


def ended(state: dict[str, Any]) -> bool:
    return state["state"] in ("ready", "failed", "new")


def test_a_recording_goes_from_new_to_ready_and_is_ready_at_the_next_start(
    recs: dict[str, Rec], options: Options, watcher: Watcher, tmp_path: Path
) -> None:
    new = {"state": "new", "frames_done": 0, "frames": 0, "error": ""}
    assert watcher.state(recs["a"]) == new
    with pytest.raises(DataError, match=r"a\.mp4 is not analysed yet; analyse it first"):
        watcher.watched(recs["a"])
    watcher.ask(recs["a"])
    watcher.ask(recs["nobody"])
    watcher.ask(recs["a"])  # is in the queue already
    assert watcher.state(recs["nobody"])["state"] == "waiting"
    assert until(watcher, recs["a"], ended)[-1]["state"] == "ready"
    assert until(watcher, recs["nobody"], ended)[-1]["state"] == "ready"
    found = watcher.watched(recs["a"])
    wanted = watch_recordings([recs["a"].own()], options, tmp_path / "cache")
    assert (found.faces.crops == wanted.faces.crops).all()
    assert set(found.faces.person) == {"anna"}
    assert watcher.watched(recs["a"]) is found
    assert len(watcher.watched(recs["nobody"]).times_s[0]) == 10
    again = Watcher(tmp_path / "cache", options)
    assert [again.state(recs[name])["state"] for name in ("a", "nobody", "b")] == ["ready", "ready", "new"]
    again.close()


def test_a_recording_that_cannot_be_read_fails_with_a_line_and_the_next_one_is_done(
    recs: dict[str, Rec], watcher: Watcher
) -> None:
    watcher.ask(recs["broken"])
    watcher.ask(recs["b"])
    failed = until(watcher, recs["broken"], ended)[-1]
    assert failed["state"] == "failed"
    assert "broken.mkv" in failed["error"]
    assert "mend the recording or leave it out" in failed["error"]
    assert "\n" not in failed["error"]
    assert until(watcher, recs["b"], ended)[-1]["state"] == "ready"


def test_it_says_how_far_it_is_and_stops_within_two_seconds_and_the_others_go_on(
    recs: dict[str, Rec], watcher: Watcher, tmp_path: Path
) -> None:
    for name in ("long", "b", "a"):
        watcher.ask(recs[name])
    states = until(watcher, recs["long"], lambda state: state["frames_done"] > 20)
    assert states[-1]["state"] == "watching"
    assert states[-1]["frames"] == 40 * 200
    done = [state["frames_done"] for state in states]
    assert done == sorted(done)
    watcher.stop(recs["a"].id)
    assert watcher.state(recs["a"])["state"] == "new"
    process = watcher._process
    assert process is not None
    start_s = time.perf_counter()
    watcher.stop(recs["long"].id)
    assert watcher.state(recs["long"])["state"] == "new"
    process.wait(3)
    assert time.perf_counter() - start_s < 5
    assert until(watcher, recs["b"], ended)[-1]["state"] == "ready"
    assert watcher.state(recs["a"])["state"] == "new"
    assert len(list((tmp_path / "cache").iterdir())) == 1  # nothing unfinished is left


def test_closing_ends_the_work_within_two_seconds(recs: dict[str, Rec], options: Options, tmp_path: Path) -> None:
    watcher = Watcher(tmp_path, options)
    watcher.ask(recs["long"])
    watcher.ask(recs["a"])
    process = None
    while process is None:
        time.sleep(0.01)
        process = watcher._process
    start_s = time.perf_counter()
    watcher.close()  # while it is still starting
    assert time.perf_counter() - start_s < 5
    assert process.poll() is not None
    watcher.ask(recs["a"])
    assert watcher.state(recs["a"])["state"] != "watching"
    watcher.close()


@pytest.mark.slow
def test_a_process_that_dies_is_a_failure_and_the_recording_can_be_asked_for_again(
    recs: dict[str, Rec], watcher: Watcher
) -> None:
    watcher.ask(recs["long"])
    until(watcher, recs["long"], lambda state: state["frames_done"] > 0)
    assert watcher._process is not None
    os.kill(watcher._process.pid, signal.SIGKILL)
    failed = until(watcher, recs["long"], ended)[-1]
    assert failed["state"] == "failed"
    assert failed["error"] == "long.mp4: the analysis broke off (exit code -9); try again"
    watcher.ask(recs["long"])
    until(watcher, recs["long"], lambda state: state["frames_done"] > 0)


@pytest.mark.slow
def test_stopping_and_asking_again_at_once_begins_anew(recs: dict[str, Rec], watcher: Watcher) -> None:
    watcher.ask(recs["b"])
    while watcher.state(recs["b"])["state"] != "watching":
        time.sleep(0.01)
    watcher.stop(recs["b"].id)
    watcher.ask(recs["b"])
    assert until(watcher, recs["b"], ended)[-1]["state"] == "ready"


@pytest.mark.slow
def test_what_was_found_and_then_damaged_is_said_and_can_be_found_again(
    recs: dict[str, Rec], watcher: Watcher, tmp_path: Path
) -> None:
    watcher.ask(recs["a"])
    until(watcher, recs["a"], ended)
    (entry,) = (tmp_path / "cache").iterdir()
    (entry / "tokens.f16").unlink()
    with pytest.raises(DataError, match="damaged or gone; analyse it again"):
        watcher.watched(recs["a"])
    assert watcher.state(recs["a"])["state"] == "failed"
    watcher.ask(recs["a"])
    until(watcher, recs["a"], ended)
    assert len(watcher.watched(recs["a"]).faces) == N


@pytest.mark.slow
def test_the_process_ends_when_nothing_is_left_to_do(recs: dict[str, Rec], watcher: Watcher) -> None:
    watcher.ask(recs["a"])
    while (process := watcher._process) is None:
        time.sleep(0.01)
    until(watcher, recs["a"], ended)
    assert process.wait(10) == 0
