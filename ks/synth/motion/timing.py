"""Movement over time: onset, apex and offset of an AU, smooth drift, and saccades."""

import numpy as np

from knowledge_spreader.arrays import F32


def smooth(x: np.ndarray) -> F32:
    """Minimum-jerk ramp from 0 to 1, for x from 0 to 1."""
    t = np.clip(x, 0, 1)
    return np.asarray(t**3 * (10 - 15 * t + 6 * t * t), np.float32)


def pulse(time_s: np.ndarray, start_s: float, onset_s: float, apex_s: float, offset_s: float) -> F32:
    """(T,) 0 before start_s, up to 1 over onset_s, 1 for apex_s, down to 0 over offset_s."""
    up = smooth((time_s - start_s) / max(onset_s, 1e-3))
    down = smooth((time_s - start_s - onset_s - apex_s) / max(offset_s, 1e-3))
    return np.asarray(up - down, np.float32)


def wander(rng: np.random.Generator, time_s: np.ndarray, slowest_s: float, fastest_s: float, waves: int = 6) -> F32:
    """(T,) a sum of sines with periods from fastest_s to slowest_s; standard deviation about 1."""
    periods = np.exp(rng.uniform(np.log(fastest_s), np.log(slowest_s), waves))
    size = np.sqrt(periods / periods.sum())
    phase = rng.uniform(0, 2 * np.pi, waves)
    return np.asarray((size * np.sqrt(2) * np.sin(2 * np.pi * time_s[:, None] / periods + phase)).sum(1), np.float32)


def steps(rng: np.random.Generator, time_s: np.ndarray, mean_s: float, spread: float, move_s: float) -> F32:
    """(T,) saccades: fixations of about mean_s at values of standard deviation `spread`, with moves of move_s."""
    value = np.full(len(time_s), rng.normal(0, spread * 0.5), np.float32)
    at = float(rng.exponential(mean_s))
    while at < time_s[-1]:
        target = rng.normal(0, spread) if rng.random() < 0.7 else rng.normal(0, spread * 0.15)
        share = smooth((time_s - at) / move_s)
        value = value * (1 - share) + np.float32(target) * share
        at += 0.15 + float(rng.exponential(mean_s))
    return value
