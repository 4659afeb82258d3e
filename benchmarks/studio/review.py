"""An analysed recording opened, and its stills by index."""

import json
import time
from collections.abc import Iterable
from typing import Any

import numpy as np

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.studio.durations import percentiles, timed
from knowledge_spreader.benchmarks.studio.process import StudioProcess
from knowledge_spreader.errors import DataError

_AGAIN = 5
_STEPS = 10  # frame by frame from one place


def opening(studio: StudioProcess, rec_id: str) -> Row:
    """A recording's timeline, when it is built and when it is kept. The studio has not opened it before."""
    place = f"/api/recordings/{rec_id}/timeline"
    first_ms, data = timed(lambda: studio.get(place))
    kept = [timed(lambda: studio.get(place))[0] for _ in range(_AGAIN)]
    header: dict[str, Any] = json.loads(data[4 : 4 + int.from_bytes(data[:4], "little")])
    return {
        "first_ms": round(first_ms, 1),
        "kept_ms": percentiles(kept, 1),
        "bytes": len(data),
        "frames": header["frames"],
        "duration_s": round(header["duration_s"], 3),
        "faces": len(header["faces"]),
        "rows": sum(face["rows"] for face in header["faces"]),
    }


def stills(studio: StudioProcess, rec_id: str, frames: int, n: int, seed: int = 0) -> Row:
    """n stills in whole size of each kind: at random, and the next and the previous of one that was just shown."""
    if frames < 2 * _STEPS:
        raise DataError(f"stills are measured on {2 * _STEPS} frames or more; the recording has {frames}")
    draws = np.random.default_rng(seed)
    found: Row = {"n": n, "bytes": 0}
    size = 0

    def show(index: int) -> float:
        nonlocal size
        ms, data = timed(lambda: studio.get(f"/api/recordings/{rec_id}/still/{index}"))
        size += len(data)
        return ms

    at_random = draws.permutation(frames)[:n].tolist()
    found["first_ms"] = round(show(at_random[0]), 2)
    found["random_ms"] = percentiles(list(map(show, at_random[1:])))
    for name, step in (("next_ms", 1), ("previous_ms", -1)):
        came: list[float] = []
        for start in _starts(draws, frames, -(-n // _STEPS)):
            place = start if step > 0 else start + _STEPS
            show(place)
            came += [show(place + step * i) for i in range(1, _STEPS + 1)]
        found[name] = percentiles(came[:n])
    shown = len(at_random) + 2 * (-(-n // _STEPS)) * (_STEPS + 1)
    return {**found, "bytes": round(size / shown)}


def _starts(draws: np.random.Generator, frames: int, n: int) -> Iterable[int]:
    return map(int, draws.integers(0, frames - _STEPS, n))


def analysed(studio: StudioProcess, rec_id: str) -> float | None:
    """Seconds that the studio took to analyse it; None: it was analysed before."""
    begun_s = time.perf_counter()
    return None if studio.analysed(rec_id) else round(time.perf_counter() - begun_s, 1)
