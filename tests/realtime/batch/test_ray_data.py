"""Recordings on a real Ray, of which parts are killed: each recording is there once, and whole."""

import json
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from knowledge_spreader.realtime.batch.faces_file import names_in, read_all
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from tests.realtime.clips import piece
from tests.realtime.ray_cluster import end_session, kill, members, session, two_nodes, until

pytest.importorskip("ray")
# Ray gives up on what does not start within its own limits, on a machine that is busy with other tests
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]
CLIPS, FRAMES = 12, 30
BATCH = [sys.executable, "-m", "knowledge_spreader.realtime.cli.batch"]


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """12 clips of 30 frames, and one that is none."""
    folder = tmp_path_factory.mktemp("recordings")
    for number in range(CLIPS):
        piece(demo_clip(), folder / f"{number:02}.mp4", range(number, number + FRAMES))
    (folder / "broken.mp4").write_text("no video")
    return folder


@pytest.mark.long
def test_killed_driver_actor_and_node_leave_each_recording_there_once_and_to_the_bit(
    recordings: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with two_nodes() as cluster:
        command = [*BATCH, str(recordings), "--out", str(out), "--ray", cluster.address, "--no-progress"]
        first = session(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: len(names_in(out)) >= 2, "two files")
        end_session(first)  # the driver: SIGKILL
        workers = lambda: members(cluster.head, "ray::MapWorker") + members(cluster.second, "ray::MapWorker")  # noqa: E731
        until(lambda: not workers(), "its workers end")
        before = read_all(out)
        assert len(before) == len(names_in(out))  # all whole

        second = session(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            until(lambda: len(names_in(out)) >= len(before) + 2, "two files more")
            kill(workers()[0])
            until(lambda: len(names_in(out)) >= len(before) + 4, "the batch goes on")
            kill(members(cluster.second, "raylet/raylet")[0])
            said, errors = second.communicate(timeout=120)
        finally:
            end_session(second)
    assert second.returncode == 2, errors  # because of the broken one
    assert b"12 of 13 recordings are done" in said
    rows = pq.read_table(out / "index.parquet").to_pylist()
    assert sorted(row["status"] for row in rows) == ["done"] * CLIPS + ["failed"]
    assert len(names_in(out)) == len({row["file"] for row in rows if row["file"]}) == CLIPS
    failed = [json.loads(line) for line in (out / "failed.jsonl").read_text().splitlines()]
    assert {line["path"] for line in failed} == {str(recordings / "broken.mp4")}
    assert failed[-1]["attempts"] == 3  # --retries 2
    assert not list((out / ".unfinished").rglob("*.parquet"))
    worker = Worker(Options(threads=1), tmp_path / "alone")
    (tmp_path / "alone").mkdir()
    for row in rows[:3]:
        alone = worker(Job(row["path"], row["recording"]))
        assert isinstance(alone, Done)
        ours = pq.read_table(out / row["file"])
        assert ours.equals(pq.read_table(tmp_path / "alone" / "faces" / alone.file))
        assert ours.num_rows == FRAMES
    worker.close()


@pytest.mark.long
def test_a_signal_ends_a_ray_of_its_own_with_all_its_processes(recordings: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run = session([*BATCH, str(recordings), "--out", str(out), "--ray", "--workers", "1", "--no-progress"])
    try:
        until(lambda: names_in(out), "a file")
        run.send_signal(signal.SIGTERM)
        assert run.wait(60) in (130, 143)
        until(lambda: not members(run.pid), "all its processes end", 30)
        assert len(read_all(out)) == len(names_in(out)) < CLIPS
    finally:
        end_session(run)


def test_a_recording_whose_worker_dies_each_time_is_set_aside(recordings: Path, tmp_path: Path) -> None:
    from knowledge_spreader.realtime.batch.ray_data import Analysing, version

    tries = tmp_path / "tries"
    tries.mkdir()
    analysing = Analysing(Options(threads=1), str(tmp_path), "1-of-1", str(tries), 2, version("knowledge-spreader"))
    job = Job(str(recordings / "00.mp4"), "00.mp4")
    for name in ("7-1", "7-2"):  # two workers have begun it, and were never heard of again
        (tries / name).touch()
    said = pickle.loads(analysing({"number": [7], "job": [pickle.dumps(job)]})["answer"][0])
    assert said == Failed(job, "00.mp4: its worker died 2 times; it was killed, or its node was lost", attempts=2)
    (tries / "7-2").unlink()  # one: there is another attempt
    said = pickle.loads(analysing({"number": [7], "job": [pickle.dumps(job)]})["answer"][0])
    assert isinstance(said, Done)


def test_a_node_without_the_folder_or_with_another_version_says_so(tmp_path: Path) -> None:
    from knowledge_spreader.realtime.batch.ray_data import Analysing, version

    batch = {"number": [0], "job": [pickle.dumps(Job("a.mp4", "a.mp4"))]}
    for tries, wanted, why in (
        (tmp_path, "0.0.7", "0.0.7 was wanted"),
        (tmp_path / "gone", version("knowledge-spreader"), "all nodes must see it under this path"),
    ):
        analysing = Analysing(Options(), str(tmp_path), "1-of-1", str(tries), 1, wanted)
        said = pickle.loads(analysing(batch)["answer"][0])
        assert isinstance(said, str)
        assert why in said
        assert "\n" not in said
