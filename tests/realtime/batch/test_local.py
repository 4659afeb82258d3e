"""Workers on one machine: each in a process of its own, which may be killed at any time."""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from knowledge_spreader.errors import ModelError
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.local import LocalBackend, default_workers
from knowledge_spreader.realtime.batch.slot import resident_bytes
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options

pytestmark = pytest.mark.slow


def backend(folder: Path, *, workers: int = 1, retries: int = 1, memory_bytes: int = 0) -> LocalBackend:
    return LocalBackend(Options(threads=1), folder, "1-of-1", workers, retries, memory_bytes, threading.Event())


def jobs(clips: Path) -> list[Job]:
    return [Job(str(path), path.name) for path in sorted(clips.glob("*.mp4"))]


def told(ends: Sequence[Done | Failed]) -> dict[str, str]:
    return {end.job.name: end.reason if isinstance(end, Failed) else "done" for end in ends}


def kill_at_work(folder: Path, times: int) -> threading.Thread:
    """Kills each of our processes that has begun a recording, so many times."""

    def run() -> None:
        for _ in range(times):
            while not (drafts := list(folder.rglob("*.part.csv"))):
                time.sleep(0.01)
            pid = int(drafts[0].name.split("-")[-2])
            os.kill(pid, signal.SIGKILL)
            drafts[0].unlink(missing_ok=True)  # the next one is of another process

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    return thread


def test_two_workers_share_the_work_and_end_with_it(clips: Path, tmp_path: Path) -> None:
    assert told(list(backend(tmp_path, workers=2)(jobs(clips)))) == dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), "done")
    assert not multiprocessing.active_children()


def test_a_killed_worker_costs_its_attempt_alone(clips: Path, tmp_path: Path) -> None:
    killer = kill_at_work(tmp_path, 1)
    ends = list(backend(tmp_path)(jobs(clips)))
    killer.join(5)
    assert told(ends) == dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), "done")
    assert len(list((tmp_path / "faces").iterdir())) == 3


def test_a_recording_whose_workers_are_killed_again_and_again_is_set_aside(tmp_path: Path) -> None:
    killer = kill_at_work(tmp_path, 2)
    (end,) = backend(tmp_path)([Job(str(demo_clip()), "long.mp4")])
    killer.join(5)
    assert isinstance(end, Failed)
    assert end.attempts == 2
    assert end.reason == "long.mp4: its worker was killed 2 times, perhaps out of memory; give fewer --workers"


def test_a_worker_that_is_killed_while_it_waits_is_replaced(clips: Path, tmp_path: Path) -> None:
    ends = []
    for end in backend(tmp_path, retries=0)(jobs(clips)):
        ends.append(end)
        if len(ends) == 1:
            (process,) = multiprocessing.active_children()
            process.kill()
            process.join()
            time.sleep(0.5)  # the pool notices
    assert told(ends) == dict.fromkeys(("a.mp4", "b.mp4", "c.mp4"), "done")


def test_a_recording_that_needs_more_memory_than_is_allowed_is_set_aside(clips: Path, tmp_path: Path) -> None:
    ends = list(backend(tmp_path, memory_bytes=50_000_000)([Job(str(demo_clip()), "big.mp4")]))
    assert told(ends).keys() == {"big.mp4"}
    assert told(ends)["big.mp4"].startswith("big.mp4: its worker grew to 0.")
    assert told(ends)["big.mp4"].endswith(" GB of memory; the limit is --memory-gb 0.1, give more")


def test_a_recording_that_fails_is_tried_again_after_the_others(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no video")
    bad = Job(str(tmp_path / "text.mp4"), "text.mp4")
    ends = list(backend(tmp_path, retries=2)([bad, *jobs(clips)[:1]]))
    assert [end.job.name for end in ends] == ["a.mp4", "text.mp4"]
    assert isinstance(ends[1], Failed)
    assert ends[1].attempts == 3


def test_what_no_worker_can_open_ends_the_run(clips: Path, tmp_path: Path) -> None:
    (tmp_path / "model.ks").write_text("no model")
    options = Options(model=str(tmp_path / "model.ks"))
    with pytest.raises(ModelError, match=r"model\.ks"):
        list(LocalBackend(options, tmp_path, "1-of-1", 1, 2, 0, threading.Event())(jobs(clips)))
    assert not multiprocessing.active_children()


def test_stop_ends_all_at_once_and_leaves_nothing_torn(tmp_path: Path) -> None:
    ours = backend(tmp_path)

    def stop_at_work() -> None:
        while not list(tmp_path.rglob("*.part.csv")):
            time.sleep(0.01)
        ours.stop.set()

    threading.Thread(target=stop_at_work, daemon=True).start()
    assert list(ours([Job(str(demo_clip()), "long.mp4")])) == []
    assert not multiprocessing.active_children()
    assert list((tmp_path / "faces").iterdir()) == []


def test_there_is_a_worker_per_core_as_far_as_the_memory_goes() -> None:
    cores = len(os.sched_getaffinity(0))
    assert 1 <= default_workers(1) <= cores
    assert default_workers(threads=100 * cores) == 1
    mine = resident_bytes(os.getpid())
    assert mine is not None
    assert 10e6 < mine < 10e9


def test_a_job_of_slurm_gets_no_more_workers_than_cores_that_it_was_granted(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a cluster that does not bind a job to its cores, all of a node are to be seen."""
    monkeypatch.setenv("SLURM_CPUS_ON_NODE", "1")
    assert default_workers(1) == 1
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1000")
    assert default_workers(1) <= len(os.sched_getaffinity(0))
