"""bench_batch(): real ks-batch processes share the same clips in several ways, in turns; the results must agree."""

import hashlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from rich.progress import Progress

from knowledge_spreader.benchmarks.batch.clips import write_clips
from knowledge_spreader.benchmarks.batch.measure import Way, measure
from knowledge_spreader.benchmarks.provenance import Row, stamped
from knowledge_spreader.benchmarks.speed.machine import machine
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError, KSError

WAYS = (Way(1, 1), Way(1, 2), Way(2, 1))
ON_RAY = (Way(1, 1, ray=True), Way(2, 1, ray=True))


@dataclass(frozen=True, slots=True)
class BatchBenchConfig:
    """The settings of ks-bench batch."""

    model: Path
    recording: Path
    clips: int = 200
    frames: int = 50
    rounds: int = 1
    ray: bool = False
    device: str = "auto"
    precision: str = "auto"
    progress: bool = False

    def __post_init__(self) -> None:
        if self.clips < 2 or self.frames < 2 or self.rounds < 1:
            raise DataError("--clips and --frames must be 2 or more, --rounds 1 or more")


def bench_batch(config: BatchBenchConfig) -> Row:
    """All figures in JSON types. Raises KSError."""
    ways = (*WAYS, *ON_RAY) if config.ray else WAYS
    options = ["--model", str(config.model), "--device", config.device, "--precision", config.precision]
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as temporary:
        clips = Path(temporary) / "clips"
        clip_s = write_clips(config.recording, clips, config.clips, config.frames)
        sums: set[tuple[int, str]] = set()  # an engine with more threads adds in another order
        with Progress(console=stderr_console(), disable=not config.progress, transient=True) as bar:
            task = bar.add_task("", total=config.rounds * len(ways))
            for number in range(config.rounds):
                for way in ways:
                    bar.update(task, description=str(way))
                    out = Path(temporary) / f"{number}-{way.workers}-{way.threads}-{way.ray}"
                    rows.append({"round": number + 1, **measure(clips, out, way, clip_s, options)})
                    sums.add((way.threads, _sum(out)))
                    bar.advance(task)
    if len(sums) > len({threads for threads, _ in sums}):
        raise KSError("the results of the ways differ; please report it")
    settings = {name: getattr(config, name) for name in ("clips", "frames", "rounds", "ray", "device", "precision")}
    return stamped(
        {
            **machine(),
            "settings": {**settings, "recording": config.recording.name, "clip_s": round(clip_s, 3)},
            "model": {"file": config.model.name, "weights": open_model(config.model).weights_id},
            "rows": rows,
            "two_workers_by_one": _ratio(rows, ray=False),
            "two_workers_by_one_on_ray": _ratio(rows, ray=True),
        }
    )


def _ratio(rows: list[dict[str, Any]], *, ray: bool) -> float | None:
    """Steady speed of two workers by that of one, a thread each: the median over the rounds."""
    speed = {
        (row["round"], row["workers"]): row["steady_clips_per_minute"]
        for row in rows
        if row["ray"] == ray and row["threads"] == 1
    }
    found = [speed[number, 2] / speed[number, 1] for number, workers in speed if workers == 2]
    return round(median(found), 3) if found else None


def _sum(out: Path) -> str:
    """Of all tables, to the bit."""
    import pyarrow.parquet as pq

    digest = hashlib.sha256()
    for path in sorted((out / "faces").glob("*.parquet")):
        table = pq.read_table(path)
        digest.update(path.name.encode())
        for batch in table.replace_schema_metadata(None).to_batches():
            digest.update(repr(batch.to_pydict()).encode())
    return digest.hexdigest()
