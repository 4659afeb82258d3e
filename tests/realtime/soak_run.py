"""A live run whose consumer takes three frame intervals for each frame, in a process of its own: delays and memory.

`python -m tests.realtime.soak_run VIDEO` prints them as JSON.
"""

import json
import os
import sys
import time
from pathlib import Path

from knowledge_spreader import Options, watch

FPS = 30
TIMES_TOO_MUCH = 3


def rss_mb() -> float:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def soak(video: Path) -> dict[str, object]:
    busy_s = TIMES_TOO_MUCH / FPS
    delays_ms: list[float] = []
    memory_mb: list[float] = []
    with watch(video, options=Options(policy="live")) as results:
        for result in results:
            until = result.frame.captured_s + result.latency_ms / 1e3 + busy_s
            while time.perf_counter() < until:
                pass
            delays_ms.append(result.latency_ms)
            memory_mb.append(rss_mb())
        return {"frames": results.report()["frames"], "delays_ms": delays_ms, "memory_mb": memory_mb}


if __name__ == "__main__":
    print(json.dumps(soak(Path(sys.argv[1]))))
