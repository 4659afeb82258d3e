"""A worker in a process of its own: one that is killed takes nothing with it. All end with their parent."""

import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager, suppress
from functools import cache
from multiprocessing.connection import wait as wait_for_handles
from pathlib import Path

from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.worker import Worker
from knowledge_spreader.realtime.options import Options


class Slot:
    """A place for one process after another, each with its Worker. Close it in the end."""

    def __init__(self, options: Options, folder: Path, shard: str) -> None:
        self._made_of = options, folder, shard
        self._pool: ProcessPoolExecutor | None = None
        self.pid: int | None = None  # set it when open() has answered

    def open(self) -> "Future[int]":
        """Starts the process, which opens the model. The future is its pid; it raises what Worker raises."""
        self.close()
        context = multiprocessing.get_context("spawn")  # fork would copy locks held by other threads
        self._pool = ProcessPoolExecutor(1, mp_context=context, initializer=_begin)
        with _without_ctrl_c():
            return self._pool.submit(_open, *self._made_of)

    def run(self, job: Job) -> "Future[Done | Failed]":
        """What the Worker says. It, and the future, raise BrokenProcessPool if the process is killed."""
        assert self._pool is not None, "open it first"
        return self._pool.submit(_run, *self._made_of, job)

    @property
    def resident_bytes(self) -> int | None:
        """Memory of the process; None before it is open, and where the system does not tell."""
        return resident_bytes(self.pid) if self.pid is not None else None

    def kill(self) -> None:
        """Ends the process at once."""
        if self.pid is not None:
            with suppress(OSError):
                os.kill(self.pid, signal.SIGKILL if os.name == "posix" else signal.SIGTERM)

    def close(self) -> None:
        """Ends the process at once, also one that is still opening."""
        self.kill()
        pool, self._pool, self.pid = self._pool, None, None
        if pool is not None:
            for process in list((getattr(pool, "_processes", None) or {}).values()):  # one that is still opening
                process.kill()
            pool.shutdown(cancel_futures=True)


def resident_bytes(pid: int) -> int | None:
    """Memory of a process that is in RAM; None if it has ended, and where the system does not tell."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except (OSError, IndexError):
        return None


def _begin() -> None:
    """In the new process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    cv2.setNumThreads(1)  # the workers already use all cores
    logging.getLogger("knowledge_spreader").setLevel(logging.ERROR)  # what is worth a line is in the results
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # short of memory, Linux takes a worker, not its parent
    parent = multiprocessing.parent_process()
    assert parent
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process with its parent, which cannot do so if it is killed."""
    wait_for_handles([parent])
    os._exit(1)


@cache
def _worker(options: Options, folder: Path, shard: str) -> Worker:
    """The one of this process."""
    return Worker(options, folder, shard)


def _open(options: Options, folder: Path, shard: str) -> int:
    _worker(options, folder, shard)
    return os.getpid()


def _run(options: Options, folder: Path, shard: str, job: Job) -> Done | Failed:
    return _worker(options, folder, shard)(job)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Blocks SIGINT: a process that is started here never gets it, this one gets it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
