"""Percentiles of durations, and how long a call takes."""

import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.speed.timing import percentile

T = TypeVar("T")


def timed(call: Callable[[], T]) -> tuple[float, T]:
    """(milliseconds, what it returned)."""
    begun_s = time.perf_counter()
    found = call()
    return 1e3 * (time.perf_counter() - begun_s), found


def percentiles(durations_ms: Sequence[float], digits: int = 2) -> Row:
    """{"p50", "p95", "max"}; empty if nothing was measured."""
    if not durations_ms:
        return {}
    ordered = sorted(durations_ms)
    found = {"p50": percentile(ordered, 0.5), "p95": percentile(ordered, 0.95), "max": ordered[-1]}
    return {name: round(value, digits) for name, value in found.items()}
