"""A Ray cluster of two nodes on this machine, each a process tree of its own that can be killed."""

import fcntl
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from tests.paths import ROOT

WAIT_S = 90.0
_TOKEN = "a-token-for-the-tests-of-ray-alone"
ENVIRONMENT = os.environ | {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": _TOKEN,
    "RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING": "0",
}
RAY = [sys.executable, "-m", "ray.scripts.scripts", "start", "--block", "--disable-usage-stats"]
_SMALL = ["--num-cpus=1", "--object-store-memory=100000000", "--node-ip-address=127.0.0.1"]


@dataclass(frozen=True)
class Cluster:
    address: str
    head: int  # pids: the session of each node has all its processes
    second: int


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """One cluster, whichever worker asks: two do not start in time on two cores."""
    with (Path(tempfile.gettempdir()) / f"ks-ray-tests-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def two_nodes() -> Iterator[Cluster]:
    """One core each."""
    with one_at_a_time(), _two_nodes() as cluster:
        yield cluster


@contextmanager
def _two_nodes() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="ks-"))  # Ray puts sockets in it, whose paths may have 107 letters
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    nodes = []
    try:
        for name, more in (
            ("head", ["--head", f"--port={port}", "--include-dashboard=false", f"--temp-dir={folder}"]),
            ("second", [f"--address=127.0.0.1:{port}"]),
        ):
            with (folder / f"{name}.log").open("wb") as log:
                nodes.append(session([*RAY, *_SMALL, *more], stdout=log, stderr=subprocess.STDOUT))
            _until_started(nodes[-1], folder / f"{name}.log")
        yield Cluster(f"127.0.0.1:{port}", *(node.pid for node in nodes))
    finally:
        for node in nodes:
            end_session(node)
        shutil.rmtree(folder, ignore_errors=True)


def _until_started(node: subprocess.Popen[bytes], log: Path) -> None:
    until(lambda: b"Ray runtime started" in log.read_bytes() or node.poll() is not None, "Ray starts")
    assert node.poll() is None, log.read_text()[-1000:]


def session(command: list[str], **streams: object) -> subprocess.Popen[bytes]:
    """A process that leads a session, with the environment of the cluster."""
    return subprocess.Popen(  # type: ignore[call-overload, no-any-return]
        command, cwd=ROOT, env=ENVIRONMENT, stdin=subprocess.DEVNULL, start_new_session=True, **streams
    )


def end_session(leader: subprocess.Popen[bytes]) -> None:
    """Kills all processes that it has started, and theirs."""
    for pid in members(leader.pid):
        kill(pid)
    leader.wait(WAIT_S)
    for pipe in (leader.stdout, leader.stderr):
        if pipe is not None:
            pipe.close()


def members(leader: int, command: str = "") -> list[int]:
    """Processes of a session whose command line has `command` in it."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            try:
                state, _, _, of = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(of) == leader and state != "Z" and command.encode() in (entry / "cmdline").read_bytes():
                    found.append(int(entry.name))
            except (OSError, ValueError):
                continue  # it has just ended
    return sorted(found)


def kill(pid: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def until(holds: Callable[[], object], what: str, within_s: float = WAIT_S) -> None:
    """Waits until holds() is true."""
    end_s = time.monotonic() + within_s
    while not holds():
        assert time.monotonic() < end_s, what
        time.sleep(0.05)
