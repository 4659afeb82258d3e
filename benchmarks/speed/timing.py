"""Measures durations, and turns them into latency percentiles, spread and throughput."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

COV_LIMIT = 0.025  # above this coefficient of variation small differences mean nothing; trtexec's limit


@dataclass(frozen=True, slots=True)
class Latency:
    """Latency and throughput of one kind of call."""

    n: int  # calls
    min_ms: float
    mean_ms: float
    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    cov: float  # standard deviation over mean
    per_s: float  # faces per second

    def to_dict(self) -> dict[str, Any]:
        return asdict(self)


def latency(durations_ms: Sequence[float], batch: int) -> Latency:
    """Statistics of the durations of calls with `batch` faces; the standard deviation is that of a sample (n - 1)."""
    assert durations_ms, "nothing was measured"
    ordered = sorted(durations_ms)
    n = len(ordered)
    mean = sum(ordered) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in ordered) / (n - 1)) if n > 1 else 0.0
    p50, p90, p95, p99 = (percentile(ordered, share) for share in (0.50, 0.90, 0.95, 0.99))
    return Latency(n, ordered[0], mean, p50, p90, p95, p99, ordered[-1], deviation / mean, 1e3 * batch / mean)


def percentile(ordered: Sequence[float], share: float) -> float:
    """The percentile of sorted values at `share` (0 to 1), interpolated linearly."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def take(call: Callable[[], Sequence[float]], seconds: float, least: int, warm_up_s: float) -> list[Sequence[float]]:
    """Results of call(), repeated for `seconds` and at least `least` times, after a warm-up."""
    begun_s = time.perf_counter()
    call()
    while time.perf_counter() - begun_s < warm_up_s:
        call()
    told: list[Sequence[float]] = []
    begun_s = time.perf_counter()
    while len(told) < least or time.perf_counter() - begun_s < seconds:
        told.append(call())
    return told
