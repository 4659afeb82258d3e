"""Who talks to the network: a command is run under strace, its open files are watched, or it has no network at all."""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

import pytest

_OPENS = re.compile(r"\b(socket|socketpair|io_uring_setup)\((?!AF_UNIX)")  # io_uring would pass by the other calls
WITHOUT_NETWORK = ("unshare", "--map-root-user", "--net")
LOG = "strace.log"
_STRACE = ("strace", "--follow-forks", "--seccomp-bpf", "-qq", "--trace=network,io_uring_setup")


@cache
def _runs(*command: str) -> bool:
    return bool(shutil.which(command[0])) and not subprocess.run([*command, "true"], capture_output=True).returncode


def has_strace() -> bool:
    return _runs(*_STRACE, "--output=/dev/null")


def needs_strace() -> None:
    if not has_strace():
        pytest.skip("strace is not here, or must not look at processes")


def needs_unshare() -> None:
    if not _runs(*WITHOUT_NETWORK):
        pytest.skip("unshare is not here, or must not make a network namespace")


def needs_proc() -> None:
    if not Path("/proc/self/net/tcp").exists():
        pytest.skip("no /proc, as on macOS and Windows")


def fresh_user(home: Path) -> dict[str, str]:
    """The environment of a user who has never answered whether statistics may be sent, outside of any CI."""
    answers = ("CI", "TF_BUILD", "JENKINS_URL", "ORT_DISABLE_TELEMETRY", "no_proxy", "NO_PROXY", "XDG_CACHE_HOME")
    env = {name: value for name, value in os.environ.items() if name not in answers}
    return env | {"HOME": str(home)}


def run(command: Sequence[object], home: Path) -> "subprocess.CompletedProcess[str]":
    """Fails the test unless the command ends with 0."""
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, env=fresh_user(home), check=False)
    assert done.returncode == 0, done.stderr
    return done


def sockets(command: Sequence[object], home: Path) -> list[str]:
    """Runs a command and all that it starts under strace; each opening of a socket that leads out of this machine.

    Without a socket there is no connection and no look-up, so nothing else has to be searched.
    """
    run(tracing(command, home)[0], home)
    return opened(home)


def tracing(command: Sequence[object], home: Path) -> tuple[list[str], dict[str, str]]:
    """The command under strace, and its environment."""
    return [*_STRACE, f"--output={home / LOG}", *map(str, command)], fresh_user(home)


def opened(home: Path) -> list[str]:
    """The openings of sockets in the log, which goes."""
    lines = (home / LOG).read_text(errors="replace").splitlines()
    (home / LOG).unlink()
    return [line for line in lines if _OPENS.search(line)]


def held_sockets(command: Sequence[object], home: Path) -> set[str]:
    """The same by looking at the open files every 50 ms, where strace is not allowed: "udp 00000000:0035" and the like.

    A socket that is closed again within 50 ms is missed; the answer to a look-up takes longer where there is none.
    """
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, env=fresh_user(home))
    seen: set[str] = set()
    while process.poll() is None:
        for pid in _with_children(process.pid):
            seen |= _internet_sockets(Path("/proc", str(pid)))
        time.sleep(0.05)
    assert process.returncode == 0
    return seen


def _with_children(pid: int) -> list[int]:
    found = [pid]
    for path in Path("/proc", str(pid), "task").glob("*/children"):
        with suppress(OSError):
            found += [grandchild for child in path.read_text().split() for grandchild in _with_children(int(child))]
    return found


def _internet_sockets(process: Path) -> set[str]:
    """Those that this process holds, of all in its network namespace."""
    held = set()
    with suppress(OSError):
        for path in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                held.add(os.readlink(path).removeprefix("socket:[").removesuffix("]"))
    seen = set()
    for kind in ("tcp", "tcp6", "udp", "udp6", "raw", "raw6"):
        with suppress(OSError):
            rows = [line.split() for line in (process / "net" / kind).read_text().splitlines()[1:]]
            seen |= {f"{kind} {row[2]}" for row in rows if row[9] in held}
    return seen
