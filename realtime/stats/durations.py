"""Percentiles of durations in constant memory, and the time of each stage."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

_LOW_MS, _HIGH_MS, _STEP = 1e-3, 1e6, 1.01  # a microsecond to a quarter of an hour, each bucket 1 % wider
_BUCKETS = math.ceil(math.log(_HIGH_MS / _LOW_MS, _STEP)) + 2


class Durations:
    """Counts durations in buckets of 1 % width, so that memory does not grow with the number of frames."""

    def __init__(self) -> None:
        self._counts = np.zeros(_BUCKETS, np.int64)

    def add(self, ms: float, times: int = 1) -> None:
        place = math.log(min(max(ms, _LOW_MS), _HIGH_MS) / _LOW_MS, _STEP)
        self._counts[round(place)] += times

    def __len__(self) -> int:
        return int(self._counts.sum())

    def percentile(self, percent: float) -> float:
        """The percentile in ms, to 0.5 %; nan without durations."""
        if not len(self):
            return math.nan
        rank = max(1, math.ceil(percent / 100 * len(self)))
        return float(_LOW_MS * _STEP ** int(np.searchsorted(self._counts.cumsum(), rank)))

    def percentiles(self, *percents: int) -> dict[str, float]:
        """{"p50": ms, ...}, rounded to the microsecond."""
        return {f"p{percent}": round(self.percentile(percent), 3) for percent in percents}


class Stages:
    """Time per frame of each stage of the pipeline. Stages may be measured in several threads."""

    def __init__(self) -> None:
        self._durations: dict[str, Durations] = {}
        self._lock = threading.Lock()

    @contextmanager
    def measure(self, name: str, frames: int = 1) -> Iterator[None]:
        """Measures the block and divides its time by `frames`."""
        start = time.perf_counter()
        yield
        self.add(name, (time.perf_counter() - start) * 1e3, frames)

    def add(self, name: str, ms: float, frames: int = 1) -> None:
        if frames:
            with self._lock:
                self._durations.setdefault(name, Durations()).add(ms / frames, frames)

    def report(self) -> dict[str, dict[str, float]]:
        """{stage: {"p50": ms, "p95": ms}}, in the order in which the stages first ran."""
        with self._lock:
            return {name: durations.percentiles(50, 95) for name, durations in self._durations.items()}
