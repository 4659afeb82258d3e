"""Ray over two hosts with a network between them, of which one is cut off in the middle."""

import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.batch.faces_file import names_in
from knowledge_spreader.realtime.batch.job import Done, Job
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from tests.realtime.clips import piece
from tests.realtime.hosts import Host, two_hosts
from tests.realtime.ray_cluster import RAY, end_session, one_at_a_time, session, until
from tests.realtime.serve.watching import Watching

pytest.importorskip("ray")
pytestmark = [pytest.mark.slow, pytest.mark.long]
CLIPS, FRAMES = 40, 30
TOKEN = "for-the-tests-of-ray-alone"
PORT = 6379


@contextmanager
def cluster() -> Iterator[tuple[Host, Host]]:
    """Ray's head on the first, its other node on the second, with a core each."""
    folder = Path(tempfile.mkdtemp(prefix="ks-"))  # Ray puts sockets in it, whose paths may have 107 letters
    nodes = []
    try:
        with one_at_a_time(), two_hosts(folder) as hosts:
            first, _ = hosts
            for host, more in zip(
                hosts,
                (["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"],
                 [f"--address={first.address}:{PORT}"]),
                strict=True,
            ):  # fmt: skip
                small = ["--num-cpus=1", "--object-store-memory=100000000", f"--node-ip-address={host.address}"]
                nodes.append(session(host.command([*RAY, *small, *more]), stdout=subprocess.PIPE))
                assert nodes[-1].stdout is not None
                assert any(b"Ray runtime started" in line for line in nodes[-1].stdout)
            yield hosts
    finally:
        for node in nodes:
            end_session(node)
        shutil.rmtree(folder, ignore_errors=True)


def runs_on(host: Host, what: str) -> bool:
    said = subprocess.check_output(host.command(["ps", "-eo", "args"]), text=True)
    return any(line.startswith(what) for line in said.splitlines())


def test_the_recordings_of_a_host_that_is_cut_off_go_to_the_other(tmp_path: Path) -> None:
    out, videos = tmp_path / "out", tmp_path / "videos"
    videos.mkdir()
    for number in range(CLIPS):
        piece(demo_clip(), videos / f"{number:02}.mp4", range(number, number + FRAMES))
    with cluster() as (first, second):
        words = [sys.executable, "-m", "knowledge_spreader.realtime.cli.batch", videos, "--out", out, "--no-progress"]
        batch = session(first.command([*words, "--ray", f"{first.address}:{PORT}"]), stdout=subprocess.PIPE)
        try:
            until(lambda: len(names_in(out)) >= 4, "four files")
            assert runs_on(first, "ray::MapWorker")
            assert runs_on(second, "ray::MapWorker")
            second.cut()
            assert len(names_in(out)) < CLIPS
            said, _ = batch.communicate(timeout=180)
        finally:
            end_session(batch)
    assert batch.returncode == 0
    assert f"{CLIPS} of {CLIPS} recordings are done".encode() in said
    rows = pq.read_table(out / "index.parquet").to_pylist()
    assert [row["status"] for row in rows] == ["done"] * CLIPS
    assert len(names_in(out)) == len({row["file"] for row in rows}) == CLIPS
    (tmp_path / "alone").mkdir()
    worker = Worker(Options(threads=1), tmp_path / "alone")
    for row in rows:
        alone = worker(Job(row["path"], row["recording"]))
        assert isinstance(alone, Done)
        assert pq.read_table(out / row["file"]).equals(pq.read_table(tmp_path / "alone" / "faces" / alone.file))
    worker.close()


def test_the_streams_of_a_host_that_is_cut_off_go_on_at_the_other(tmp_path: Path) -> None:
    ((_, picture),) = read_pictures(demo_clip(), [0])
    stop = threading.Event()
    (tmp_path / "token").write_text(TOKEN)
    (tmp_path / "token").chmod(0o600)
    with cluster() as (first, second):
        words = [sys.executable, "-m", "knowledge_spreader.realtime.cli.serve", "--host", "0.0.0.0", "--threads", 1]
        more = ["--ray", f"{first.address}:{PORT}", "--replicas", "2:2", "--token-file", tmp_path / "token"]
        server = session(first.command([*words, *more]), stdout=subprocess.PIPE)
        try:
            assert server.stdout is not None
            assert server.stdout.readline()
            assert runs_on(second, "ray::ServeReplica")
            clients = [Watching(f"http://{first.address}:8765", TOKEN, picture, stop) for _ in range(4)]
            for client in clients:
                client.start()
                until(lambda client=client: client.epochs, "it is answered")
            second.cut()
            until(lambda: any(client.epochs[-1] == 1 for client in clients), "one goes on elsewhere")
            before = [len(client.epochs) for client in clients]
            until(lambda: all(len(c.epochs) > n for c, n in zip(clients, before, strict=True)), "all are answered")
            assert {0, 1} == {client.epochs[-1] for client in clients}  # those of the first host did not notice
        finally:
            stop.set()
            end_session(server)
