"""Memory and CPU time of a process and all that it started, as Linux counts them (/proc); None elsewhere."""

import os
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_EVERY_S = 1.0
_SETTLED = 0.25  # a slope is of what comes after this share of the time
_FEWEST = 3  # samples

Sample = tuple[float, float]  # seconds since the start, MB


def rss_mb(pid: int) -> float | None:
    """Resident memory of the tree, MB (10^6 bytes). Pages that processes share count in each of them."""
    each = rss_each_mb(pid)
    return round(sum(each), 1) if each else None


def rss_each_mb(pid: int) -> list[float]:
    """Resident memory of each process of the tree, itself first."""
    found = sorted(_tree(pid), key=lambda fields: int(fields[19]))  # by their start: children come later
    return [int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6 for fields in found]


def cpu_s(pid: int) -> float | None:
    """CPU time of the tree so far, with that of children that have ended."""
    ticks = [sum(map(int, fields[11:15])) for fields in _tree(pid)]
    return sum(ticks) / os.sysconf("SC_CLK_TCK") if ticks else None


def _tree(pid: int) -> Iterator[list[str]]:
    """The fields of /proc/PID/stat, from the third on, of the process and its descendants."""
    found: dict[int, list[str]] = {}
    for place in Path("/proc").glob("[0-9]*/stat"):
        try:
            found[int(place.parent.name)] = place.read_text(errors="replace").rpartition(")")[2].split()
        except OSError:  # it has ended
            continue
    inside = {pid} & set(found)
    while more := {one for one, fields in found.items() if int(fields[1]) in inside} - inside:
        inside |= more
    return (found[one] for one in inside)


class Memory:
    """A context manager: takes a sample of the tree's memory at start(), each second, and at the end."""

    def __init__(self, pid: int) -> None:
        self.samples: list[Sample] = []
        self._pid, self._stop, self._begun_s = pid, threading.Event(), 0.0
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)

    def start(self) -> None:
        self._begun_s = time.perf_counter()
        self._thread.start()

    def __enter__(self) -> "Memory":
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join()
            self._take()

    def _run(self) -> None:
        while not self._stop.is_set():
            self._take()
            self._stop.wait(_EVERY_S)

    def _take(self) -> None:
        found = rss_mb(self._pid)
        if found is not None:
            self.samples.append((time.perf_counter() - self._begun_s, found))


def slope_mb_per_minute(samples: list[Sample]) -> float | None:
    """Of the straight line through the samples after the first quarter of the time, in which the run settles."""
    since_s = _SETTLED * samples[-1][0] if samples else 0.0
    settled = [sample for sample in samples if sample[0] >= since_s]
    if len(settled) < _FEWEST:
        return None
    times_s, mb = np.array(settled).T
    return round(60 * float(np.polyfit(times_s, mb, 1)[0]), 2)
