"""The backend for one machine: some worker processes, looked after.

killed from outside    its recording is tried again in a new process, then set aside
over the memory limit  killed; its recording is set aside, or tried once more if the process had done others before
a recording fails      it is tried again after the others, then set aside
"""

import os
import time
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field, replace
from pathlib import Path
from threading import Event
from typing import Any

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.batch.job import Done, Failed, Job
from knowledge_spreader.realtime.batch.slot import Slot
from knowledge_spreader.realtime.options import Options

MEMORY_GB = 4.0  # limit of a worker
_USUAL_GB = 1.0  # what a worker needs
_LOOK_S = 1.0  # between looks at the memory
_WAKE_S = 0.2  # between looks at `stop`
_SLURM_CORES = ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE")  # of a job, by the more exact first
_DEAF = 3  # processes in a row that die before the model is open


@dataclass(slots=True)
class _Try:
    job: Job
    attempts: int = 0
    outgrown: bool = False  # its process grew over the limit, after it had done others


@dataclass(slots=True)
class _Place:
    """A slot and what it does."""

    slot: Slot
    future: "Future[Any] | None" = None
    doing: _Try | None = None  # None while it opens
    done: int = 0  # recordings of this process
    over_bytes: int = 0  # it was killed at this size


@dataclass(slots=True)
class LocalBackend:
    """Called with jobs, yields one Done or Failed for each, as they end. Raises KSError if no worker can be opened.

    retries: further attempts. memory_bytes: of each worker; 0: no limit. stop: ends all at once when it is set.
    """

    options: Options
    folder: Path
    shard: str
    workers: int
    retries: int
    memory_bytes: int
    stop: Event
    _dead: int = field(default=0, init=False)  # processes in a row that died while they opened the model

    def __call__(self, jobs: Sequence[Job]) -> Iterator[Done | Failed]:
        todo = deque(_Try(job) for job in jobs)
        places = [
            _Place(Slot(self.options, self.folder, self.shard)) for _ in range(max(1, min(self.workers, len(jobs))))
        ]
        try:
            looked_s = time.monotonic()
            while not self.stop.is_set():
                self._give(places, todo)
                busy = [place.future for place in places if place.future is not None and (place.doing or todo)]
                if not busy:
                    return
                wait(busy, timeout=_WAKE_S, return_when=FIRST_COMPLETED)
                for place in places:
                    if place.future is not None and place.future.done() and (said := self._ended(place, todo)):
                        yield said
                if time.monotonic() - looked_s >= _LOOK_S:
                    looked_s = time.monotonic()
                    self._look(places)
        finally:
            for place in places:
                place.slot.close()

    def _give(self, places: Sequence[_Place], todo: "deque[_Try]") -> None:
        """Work for those that have none."""
        for place in places:
            if place.future is None and todo:
                try:
                    if place.slot.pid is not None:
                        place.future = place.slot.run(todo[0].job)
                        place.doing = todo.popleft()
                        continue
                except BrokenProcessPool:  # killed while it had nothing to do
                    pass
                place.future, place.done, place.over_bytes = place.slot.open(), 0, 0

    def _ended(self, place: _Place, todo: "deque[_Try]") -> Done | Failed | None:
        """What came of it, unless it is tried again."""
        future, doing = place.future, place.doing
        assert future is not None
        place.future = place.doing = None
        try:
            said = future.result()
        except BrokenProcessPool:
            place.slot.close()
            return self._killed(place, doing, todo)
        if doing is None:  # it is open now
            place.slot.pid, self._dead = int(said), 0
            return None
        place.done += 1
        doing.attempts += 1
        if isinstance(said, Failed):
            if not said.stops and doing.attempts <= self.retries:
                todo.append(doing)
                return None
            return replace(said, attempts=doing.attempts)
        assert isinstance(said, Done)
        return said

    def _killed(self, place: _Place, doing: _Try | None, todo: "deque[_Try]") -> Failed | None:
        if doing is None:
            self._dead += 1
            if self._dead >= _DEAF:
                raise KSError(
                    f"{self._dead} workers in a row were killed while they opened the model, perhaps out of memory; "
                    "give fewer --workers"
                )
            return None
        doing.attempts += 1
        if place.over_bytes:
            if place.done and not doing.outgrown:
                doing.outgrown = True
                todo.append(doing)
                return None
            limit, size = (round(n / 1e9, 1) for n in (self.memory_bytes, place.over_bytes))
            reason = (
                f"{doing.job.name}: its worker grew to {size} GB of memory; the limit is --memory-gb {limit}, give more"
            )
            return Failed(doing.job, reason, doing.attempts)
        if doing.attempts <= self.retries:
            todo.append(doing)
            return None
        reason = f"its worker was killed {doing.attempts} times, perhaps out of memory; give fewer --workers"
        return Failed(doing.job, f"{doing.job.name}: {reason}", doing.attempts)

    def _look(self, places: Sequence[_Place]) -> None:
        """Kills the workers that have grown over the limit."""
        for place in places:
            size = place.slot.resident_bytes if self.memory_bytes and place.doing is not None else None
            if size is not None and size > self.memory_bytes and not place.over_bytes:
                place.over_bytes = size
                place.slot.kill()


def default_workers(threads: int) -> int:
    """One per `threads` cores, as far as the free memory goes; at least one."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    granted = next(filter(None, map(os.environ.get, _SLURM_CORES)), "")
    if granted.isdecimal():  # not every cluster binds a job to its cores
        cores = min(cores, int(granted))
    free = _free_bytes()
    room = cores if free is None else int(free / (1e9 * _USUAL_GB))
    return max(1, min(cores // max(threads, 1), room))


def _free_bytes() -> int | None:
    """Memory that processes can still take; None where the system does not tell."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(1024 * int(line.split()[1]) for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration, ValueError, IndexError):
        return None
