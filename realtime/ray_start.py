"""Ray, started or joined: nothing phones home, no dashboard, and who wants to use it needs a token.

Ray reads its environment when it is imported; so it is imported here, and nowhere before `ray_session`.
"""

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import ModuleType
from typing import Any

from knowledge_spreader.errors import DataError, MissingError, one_line

OLDEST = (2, 54)  # below it: CVE-2026-27482
LOCAL = ""  # the address of a Ray that is started for this run alone
_STORE_BYTES = 100 << 20  # frames never travel between processes, only a line per recording
_KNOCK_S = 5.0
_THREAD_S = 1.0
_HOW = "pip install 'knowledge-spreader[ray]'"


def check_ray() -> None:
    """Raises MissingError if Ray is not installed, or too old."""
    try:
        found = version("ray")
    except PackageNotFoundError as exc:
        raise MissingError(f"--ray needs Ray, which is not installed; {_HOW}") from exc
    wanted = ".".join(map(str, OLDEST))
    if tuple(int(part) for part in found.split(".")[:2]) < OLDEST:
        raise MissingError(f"--ray needs Ray {wanted} or newer, found {found}; {_HOW}")


@contextmanager
def ray_session(address: str = LOCAL, cpus: int = 0) -> Iterator[ModuleType]:
    """The module `ray`, connected; at the end disconnected, which ends all that was started from here.

    address: LOCAL, or "auto" or HOST:PORT of a cluster. cpus: of a local one; 0 = the cores of this machine.
    Raises MissingError without Ray, DataError if the cluster cannot be joined.
    """
    check_ray()
    _set_environment(local=address == LOCAL)
    if address != LOCAL:
        _knock(address)
    import ray

    with _signals_kept(), _stderr_unheard():
        try:
            if address == LOCAL:
                ray.init(
                    address="local",  # whatever RAY_ADDRESS says
                    num_cpus=cpus or None,
                    include_dashboard=False,
                    object_store_memory=_STORE_BYTES,
                    log_to_driver=False,
                    logging_level=logging.ERROR,
                )
            else:
                ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR)
        except (OSError, RuntimeError, ValueError, ray.exceptions.RayError) as exc:
            raise DataError(_not_joined(address, exc)) from exc
    before = set(threading.enumerate())
    try:
        yield ray
    finally:
        ray.shutdown()
        _end_threads(before)


def _end_threads(before: set[threading.Thread]) -> None:
    """Ray Data forgets to stop the thread that fetches ahead; if it is there when Python ends, the process aborts."""
    for thread in set(threading.enumerate()) - before:
        owner: Any = getattr(getattr(thread, "_target", None), "__self__", None)
        if hasattr(owner, "stop") and type(owner).__module__.startswith("ray."):
            owner.stop()
            thread.join(_THREAD_S)


def _set_environment(*, local: bool) -> None:
    """What Ray and the processes that it starts read. A user's own choice holds, but for the statistics."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ENABLE_AUTO_CONNECT"] = "0"  # else a call after the end starts it again
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # else its C++ writes into the terminal
    os.environ.setdefault("RAY_SERVE_PROXY_PREFER_LOCAL_NODE_ROUTING", "0")  # streams go to all copies alike
    if local:
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))  # of this run; else it leaves one at home


@contextmanager
def _stderr_unheard() -> Iterator[None]:
    """Ray's C++ tells there that its log level was set. Errors come as exceptions."""
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nothing:
            os.dup2(nothing.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)


def _knock(address: str) -> None:
    """Raises DataError if nobody answers: Ray itself would wait for minutes."""
    if address.startswith("ray://"):
        raise DataError(f"--ray {address}: Ray Client is not used here; give HOST:PORT of the head, its port is 6379")
    place = address
    if address == "auto":
        noted = Path(os.environ.get("RAY_TMPDIR", "/tmp")) / "ray" / "ray_current_cluster"
        place = os.environ.get("RAY_ADDRESS") or (noted.read_text().strip() if noted.is_file() else "")
    host, _, port = place.rpartition(":")
    try:
        if not host or not port.isdecimal():
            raise OSError("none was found" if address == "auto" else "that is no HOST:PORT")
        socket.create_connection((host.strip("[]"), int(port)), _KNOCK_S).close()
    except (OSError, OverflowError) as exc:
        raise DataError(_not_joined(address, exc)) from exc


def _not_joined(address: str, exc: Exception) -> str:
    if address == LOCAL:
        return f"Ray cannot be started on this machine ({one_line(exc)}); see /tmp/ray/session_latest/logs"
    return (
        f"--ray {address}: no cluster could be joined ({one_line(exc)}); is `ray start --head` running there, with "
        "this Python and Ray, and the same RAY_AUTH_TOKEN?"
    )


@contextmanager
def _signals_kept() -> Iterator[None]:
    """Ray takes SIGTERM over when it connects; afterwards it is again whose it was."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in kept.items():
            with suppress(TypeError):  # set by C, unknown to Python
                signal.signal(number, handler)
