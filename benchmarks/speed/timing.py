"""Durations -> latency percentiles, spread and throughput; and the loop that takes them."""

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

COV_LIMIT = 0.025  # above it a latency is not to be trusted to the last per cent (trtexec warns at the same)


@dataclass(frozen=True, slots=True)
class Latency:
    """Of one kind of call."""

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
    """Percentiles between the two nearest calls; the standard deviation is that of a sample (n - 1)."""
    assert durations_ms, "nothing was measured"
    ordered = sorted(durations_ms)
    n = len(ordered)
    mean = sum(ordered) / n
    deviation = math.sqrt(sum((x - mean) ** 2 for x in ordered) / (n - 1)) if n > 1 else 0.0
    p50, p90, p95, p99 = (percentile(ordered, share) for share in (0.50, 0.90, 0.95, 0.99))
    return Latency(n, ordered[0], mean, p50, p90, p95, p99, ordered[-1], deviation / mean, 1e3 * batch / mean)


def percentile(ordered: Sequence[float], share: float) -> float:
    """Value at a share of the way through sorted values, in a straight line between neighbours."""
    place = share * (len(ordered) - 1)
    low = math.floor(place)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (place - low) * (ordered[high] - ordered[low])


def take(call: Callable[[], Sequence[float]], seconds: float, least: int, warm_up_s: float) -> list[Sequence[float]]:
    """What call() tells of itself, again and again for a time and at least so many times, after a warm-up."""
    begun_s = time.perf_counter()
    call()
    while time.perf_counter() - begun_s < warm_up_s:
        call()
    told: list[Sequence[float]] = []
    begun_s = time.perf_counter()
    while len(told) < least or time.perf_counter() - begun_s < seconds:
        told.append(call())
    return told
