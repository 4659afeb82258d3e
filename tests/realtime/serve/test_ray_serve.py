"""ks-serve on a real Ray of two nodes: a copy is killed, and its client comes back in a new epoch."""

import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path
from urllib.request import urlopen

import pytest

from knowledge_spreader.benchmarks.serve.bad_clients import BareSocket
from knowledge_spreader.benchmarks.serve.process import Server
from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.client import connect
from knowledge_spreader.realtime.demo import demo_clip
from tests.realtime.ray_cluster import ENVIRONMENT, end_session, kill, members, session, two_nodes, until
from tests.realtime.serve.watching import Watching

av = pytest.importorskip("av")
pytest.importorskip("ray")
# Ray gives up on what does not start within its own limits, on a machine that is busy with other tests
pytestmark = [pytest.mark.slow, pytest.mark.flaky(reruns=2)]
TOKEN = "for-the-tests-of-ray-alone"
SERVE = [sys.executable, "-m", "knowledge_spreader.realtime.cli.serve"]


def opened(server: Server) -> BareSocket:
    """A stream, as soon as there is a place for it."""
    found: list[BareSocket] = []

    def opens() -> bool:
        with suppress(KSError):
            found.append(BareSocket(server).hello())
        return bool(found)

    until(opens, "a place is free")
    return found[0]


@pytest.mark.long
def test_a_killed_copy_ends_its_streams_alone_and_their_client_comes_back(tmp_path: Path) -> None:
    with av.open(str(demo_clip())) as clip:
        picture = next(clip.decode(video=0)).to_ndarray(format="rgb24")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    stops, address = [threading.Event(), threading.Event()], f"http://127.0.0.1:{port}"
    with two_nodes() as cluster:
        more = ["--ray", cluster.address, "--replicas", "2:2", "--max-streams", "1", "--port", str(port)]
        (tmp_path / "token").write_text(TOKEN)
        (tmp_path / "token").chmod(0o600)
        command = [*SERVE, *more, "--threads", "1", "--token-file", str(tmp_path / "token")]
        server = session(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            assert server.stdout.readline().decode() == f"ks-serve: {address}\n"
            with urlopen(f"{address}/healthz") as said:
                assert said.status == 200
            clients = [Watching(address, TOKEN, picture, stop) for stop in stops]  # of one stream each: one per copy
            for client in clients:  # in turn: who come at the same moment may be sent to the same copy
                client.start()
                until(lambda client=client: client.epochs, "it is answered")
            copies = [pid for node in (cluster.head, cluster.second) for pid in members(node, "ray::ServeReplica")]
            assert len(copies) == 2
            with pytest.raises(KSError, match=r"full|streams"), connect(address, TOKEN, patience_s=0):
                pass
            kill(copies[0])
            until(lambda: sorted(client.epochs[-1] for client in clients) == [0, 1], "one comes back, one stayed")
            stops[0].set()
            with opened(Server(address, TOKEN)) as last:
                server.send_signal(signal.SIGTERM)
                assert last.closed() == (1012, "the server stops; connect again")
            assert server.wait(60) == 0
            until(lambda: not members(cluster.head, "ray::ServeReplica"), "no copy is left", 30)
        finally:
            for stop in stops:
                stop.set()
            end_session(server)


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (["--ray", "127.0.0.1:9"], "no cluster could be joined"),
        (["--ray", "auto:of-me"], "that is no HOST:PORT"),
        (["--ray", "--port", "0"], "--ray needs a --port"),
        (["--ray", "--model", "gone.ks"], "gone.ks"),
    ],
)
def test_what_cannot_be_served_is_one_line(more: list[str], why: str) -> None:
    said = subprocess.run([*SERVE, *more], capture_output=True, text=True, env=ENVIRONMENT, timeout=60, check=False)
    assert said.returncode == 2
    assert why in said.stderr
    assert said.stderr.count("\n") == 1
