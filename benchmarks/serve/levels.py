"""What a process holds: memory, threads, open files (Linux; None elsewhere), and whether it came back to it."""

import time
from dataclasses import asdict, dataclass
from pathlib import Path

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.serve.process import Server
from knowledge_spreader.benchmarks.studio.memory import rss_mb

_SETTLES_S = 20.0
_LOOK_S = 0.1
_REST_S = 0.3  # until a connection that has just asked is closed on both sides


@dataclass(frozen=True, slots=True)
class Level:
    rss_mb: float | None
    threads: int | None
    files: int | None

    def row(self) -> Row:
        return asdict(self)


def level(pid: int) -> Level:
    place = Path(f"/proc/{pid}")
    return Level(rss_mb(pid), _count(place / "task"), _count(place / "fd"))


def settled(server: Server) -> bool:
    """Waits until no stream is open; False if some still are after a while."""
    until_s = time.perf_counter() + _SETTLES_S
    while server.counters()["ks_serve_streams_open"]:
        if time.perf_counter() > until_s:
            return False
        time.sleep(_LOOK_S)
    time.sleep(_REST_S)
    return True


def _count(folder: Path) -> int | None:
    try:
        return len(list(folder.iterdir()))
    except OSError:
        return None
