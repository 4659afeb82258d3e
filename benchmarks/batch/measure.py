"""One ks-batch process over all clips: how long it takes, and what it takes."""

import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from knowledge_spreader.benchmarks.studio.memory import rss_each_mb
from knowledge_spreader.errors import KSError

_BATCH = "import sys; from knowledge_spreader.realtime.cli.batch import main; sys.exit(main())"
_LOOK_S = 0.25


@dataclass(frozen=True, slots=True)
class Way:
    """How the work is shared."""

    workers: int
    threads: int
    ray: bool = False

    def __str__(self) -> str:
        return f"{self.workers} x {self.threads} thread{'s' * (self.threads > 1)}{' on Ray' * self.ray}"

    def options(self) -> list[str]:
        said = ["--workers", str(self.workers), "--threads", str(self.threads)]
        return [*said, "--ray"] if self.ray else said


def measure(clips: Path, out: Path, way: Way, clip_s: float, options: list[str]) -> dict[str, Any]:
    """Raises KSError if a clip fails. steady: from the first file to the last, without start and end."""
    command = [sys.executable, "-c", _BATCH, str(clips), "--out", str(out), "--no-progress", *options, *way.options()]
    begun_s, most_mb, all_mb = time.perf_counter(), 0.0, 0.0
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        while process.poll() is None:
            each = rss_each_mb(process.pid)
            most_mb, all_mb = max([most_mb, *each[1:]]), max(all_mb, sum(each))
            time.sleep(_LOOK_S)
        assert process.stderr is not None
        said = process.stderr.read().strip().splitlines()
    if process.returncode:
        raise KSError(f"ks-batch {' '.join(command[3:])}: {said[-1] if said else f'exit code {process.returncode}'}")
    took_s = time.perf_counter() - begun_s
    ends_s = sorted(path.stat().st_mtime for path in (out / "faces").glob("*.parquet"))
    steady_s = (ends_s[-1] - ends_s[0]) / max(len(ends_s) - 1, 1)
    return {
        "workers": way.workers,
        "threads": way.threads,
        "ray": way.ray,
        "seconds": round(took_s, 2),
        "clips_per_minute": round(60 * len(ends_s) / took_s, 2),
        "steady_clips_per_minute": round(60 / steady_s, 2) if steady_s else None,
        "steady_times_real_time": round(clip_s / steady_s, 2) if steady_s else None,
        "worker_mb": round(most_mb, 1) or None,
        "all_mb": round(all_mb, 1) or None,
    }
