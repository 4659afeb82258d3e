"""ks-bench engine: measures every backend, precision and batch size of the machine in one run.

Each engine has its own process. At every batch size the engines take turns in short slices, for several rounds: other
load on the machine then hits all of them alike, so ratios stay right where single figures drift.
"""

import math
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.speed.engine_worker import ON_GPU, STAGES, STREAM, STREAM_PARTS, WHOLE_CLIP
from knowledge_spreader.benchmarks.speed.machine import gpu_used_mb, machine
from knowledge_spreader.benchmarks.speed.roofline import Peak, Work, best_of, count, measured_apart, share_of_roof
from knowledge_spreader.benchmarks.speed.subject import Subject, make_subject, whole_clip_twin
from knowledge_spreader.benchmarks.speed.timing import latency
from knowledge_spreader.benchmarks.speed.workers import Worker, WorkerError
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import ENCODER, ENCODER_INT8, HEAD
from knowledge_spreader.engines.open import BACKENDS, PRECISIONS, pick
from knowledge_spreader.errors import KSError, MissingError

BATCHES = (1, 2, 4, 8, 32, 64)
REFERENCE = ("onnxruntime", "fp32")
OPEN_UNTIL_S, MEASURE_UNTIL_S = 38.0, 48.0  # time limits of --quick
NO_TIME = "--quick had no time left for it"
WHOLE_CLIP_BATCHES = 4  # largest on a CPU: larger ones take seconds a call and give the same ratio


@dataclass(frozen=True, slots=True)
class BenchConfig:
    """The settings of ks-bench engine."""

    model: str = "random"  # a .ks file, a checkpoint, or random weights of the published size
    backends: tuple[str, ...] = ()  # () = all installed
    precisions: tuple[str, ...] = ()  # () = all that a backend has
    batches: tuple[int, ...] = ()  # () = BATCHES, or 1 and 8 when quick
    quick: bool = False
    threads: int = 0  # of a CPU engine; 0 = as many as the process may use
    sample_crops: Path | None = None  # a video or folder for int8
    aligned: bool = False  # whether its pictures are crops already
    progress: bool = False

    @property
    def pace(self) -> "Pace":
        return Pace(0.3, 2, 1, 0.05) if self.quick else Pace(3.0, 6, 1, 0.2)


@dataclass(frozen=True, slots=True)
class Pace:
    """How long each point is measured."""

    seconds: float  # at least, over all rounds
    rounds: int
    least: int  # calls per round, however long they take
    warm_up_s: float  # before the first round; later rounds begin with one call


@dataclass(slots=True)
class Point:
    """The measurements of one engine at one batch size."""

    worker: Worker
    batch: int
    ms: dict[str, list[float]] = field(default_factory=dict)  # part -> duration of each call
    rss_mb: float = math.nan
    gpu_mb: float | None = None
    stages: Mapping[str, float] = field(default_factory=dict)  # of the encoder, on a GPU


def bench(config: BenchConfig) -> Row:
    """Measures, and returns the content of the JSON file. Raises KSError if a backend asked for by name cannot run."""
    skipped: dict[str, str] = {}
    clock = _Clock(config.quick)
    wanted = list(_candidates(config, skipped))
    with tempfile.TemporaryDirectory(prefix="ks-bench-") as name, ExitStack() as stack:
        folder = Path(name)
        int8 = [backend for backend, precision in wanted if precision == "int8"]
        if config.quick and config.sample_crops is None and "int8" not in config.precisions:
            int8 = []  # quantising takes longer than all the rest
        subject = make_subject(config.model, int8, folder, config.sample_crops, config.aligned)
        wanted = [each for each in wanted if _has_int8(each, subject, skipped)]
        about = machine()
        threads = config.threads or about["cores"]
        workers = _open(wanted, subject, folder, threads, stack, skipped, clock)
        if not workers:
            raise MissingError(f"nothing could be measured: {'; '.join(f'{k}: {v}' for k, v in skipped.items())}")
        peaks = _Peaks(threads)
        peaks.look({w.precision if w.backend in ON_GPU else "cpu" for w in workers})
        points = _measure(workers, config, skipped, clock)
        if not clock.past(MEASURE_UNTIL_S):
            peaks.look(peaks.seen)
        rows = _rows(points, subject, peaks)
    for row in rows:
        if row["precision"] == "int8":
            row["int8"] = subject.int8
    return {
        "machine": {**about["machine"], "versions": _versions(about, workers), "peaks": peaks.to_dict()},
        "commit": about["commit"],
        "weights": subject.weights,
        "flags": _flags(config, subject, threads, skipped),
        "rows": rows,
    }


class _Clock:
    """Time since the start, so that --quick ends within a minute on a slow machine too."""

    def __init__(self, quick: bool) -> None:
        self._quick, self._begun_s = quick, time.perf_counter()

    def past(self, seconds: float) -> bool:
        return self._quick and time.perf_counter() - self._begun_s > seconds


def _has_int8(engine: tuple[str, str], subject: Subject, skipped: dict[str, str]) -> bool:
    backend, precision = engine
    if precision != "int8" or ENCODER_INT8[backend] in subject.model.sha256:
        return True
    skipped[f"{backend} int8"] = "not in the file, and --quick makes it only for --precisions int8 or --sample-crops"
    return False


def _candidates(config: BenchConfig, skipped: dict[str, str]) -> Iterator[tuple[str, str]]:
    """Installed backends x precisions. Others go into skipped, or raise MissingError if asked for by name."""
    for backend in config.backends or BACKENDS:
        try:
            pick(backend)
        except MissingError as exc:
            if config.backends:
                raise
            skipped[backend] = str(exc)
            continue
        offered = PRECISIONS[backend]
        chosen = [p for p in offered if p in (config.precisions or offered)]
        if not chosen:
            skipped[backend] = f"computes in {', '.join(offered)}"
        yield from ((backend, precision) for precision in chosen)


def _open(
    wanted: Sequence[tuple[str, str]],
    subject: Subject,
    folder: Path,
    threads: int,
    stack: ExitStack,
    skipped: dict[str, str],
    clock: _Clock,
) -> list[Worker]:
    """Starts two processes per engine, for frames and for whole clips, so that memory is counted separately."""
    twin = whole_clip_twin(subject, folder).path
    workers: list[Worker] = []
    for backend, precision in wanted:
        if workers and clock.past(OPEN_UNTIL_S):
            skipped[f"{backend} {precision}"] = NO_TIME
            continue
        before_mb = gpu_used_mb() if backend in ON_GPU else None
        try:
            worker = stack.enter_context(Worker(STREAM, backend, precision, subject.model.path, threads))
            worker.gpu_mb = _grown(before_mb, 0.0)
            clips = twin if backend in ("openvino", "onnxruntime") else subject.model.path
            naive = stack.enter_context(Worker(WHOLE_CLIP, backend, precision, clips, threads))
        except WorkerError as exc:
            skipped[f"{backend} {precision}"] = str(exc)
            continue
        workers += [worker, naive]
    return workers


def _measure(workers: Sequence[Worker], config: BenchConfig, skipped: dict[str, str], clock: _Clock) -> list[Point]:
    """Measures all points. Batches go upwards, because memory is that of the largest batch so far."""
    batches = sorted(set(config.batches or ((1, 8) if config.quick else BATCHES)))
    pace = config.pace
    points: list[Point] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=stderr_console(), disable=not config.progress, transient=True) as bar:
        total = sum(_takes_part(w, b, batches, config.quick) for w in workers for b in batches) * pace.rounds
        task = bar.add_task("", total=total)
        for batch in batches:
            here = [Point(w, batch) for w in workers if _takes_part(w, batch, batches, config.quick)]
            for _ in range(pace.rounds):
                for point in here:
                    bar.update(task, advance=1, description=f"batch {batch}, {point.worker.name}")
                    if points and clock.past(MEASURE_UNTIL_S):
                        skipped[f"{point.worker.name}, batch {batch}"] = NO_TIME
                    else:
                        _slice(point, pace, first=not point.ms)
            points += [point for point in here if point.ms]
    return points


def _takes_part(worker: Worker, batch: int, batches: Sequence[int], quick: bool) -> bool:
    if worker.role == STREAM:
        return True
    return batch == batches[0] if quick else worker.backend in ON_GPU or batch <= WHOLE_CLIP_BATCHES


def _slice(point: Point, pace: Pace, first: bool) -> None:
    worker, on_gpu = point.worker, point.worker.backend in ON_GPU
    before_mb = gpu_used_mb() if on_gpu and first else None
    reply = worker.ask(
        op="run",
        batch=point.batch,
        seconds=pace.seconds / pace.rounds,
        least=pace.least,
        warm_up_s=pace.warm_up_s if first else 0.0,
    )
    for part, durations_ms in reply["ms"].items():
        point.ms.setdefault(part, []).extend(durations_ms)
    point.rss_mb = reply["rss_mb"]
    if on_gpu and first:
        worker.gpu_mb = point.gpu_mb = _grown(before_mb, worker.gpu_mb)
        if worker.role == STREAM:
            point.stages = worker.ask(op="stages", batch=point.batch)


def _grown(before_mb: float | None, held_mb: float | None) -> float | None:
    """GPU memory that an engine holds. Only one engine works at a time, so all growth is its own."""
    now_mb = gpu_used_mb() if before_mb is not None else None
    return None if before_mb is None or now_mb is None or held_mb is None else held_mb + now_mb - before_mb


class _Peaks:
    """The machine's peak rates, measured before and after the engines; the higher one counts."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._of: dict[str, Peak] = {}

    @property
    def seen(self) -> set[str]:
        return set(self._of)

    def look(self, kinds: set[str]) -> None:
        for kind in sorted(kinds):
            now = measured_apart(kind, self._threads)
            self._of[kind] = best_of([now, *filter(None, [self._of.get(kind)])])

    def of(self, backend: str, precision: str) -> Peak:
        return self._of[precision if backend in ON_GPU else "cpu"]

    def to_dict(self) -> dict[str, Any]:
        return {kind: peak.to_dict() for kind, peak in self._of.items()}


def _rows(points: Sequence[Point], subject: Subject, peaks: _Peaks) -> list[Row]:
    encoder, head = count(subject.model.graph(ENCODER)), count(subject.model.graph(HEAD))
    work = {"encoder": encoder, "head": head, "frame": encoder + head}
    rows = [_row(point, part, work.get(part), peaks) for point in points for part in point.ms]
    p50 = {(row["backend"], row["precision"], row["batch"], row["what"]): row["p50_ms"] for row in rows}
    for row in rows:
        backend, precision, batch, what = (row[name] for name in ("backend", "precision", "batch", "what"))
        reference = p50.get((*REFERENCE, batch, what))
        row["to_ort_fp32"] = None if reference is None else round(row["p50_ms"] / reference, 4)
        frame = p50.get((backend, precision, batch, "frame"))
        if what == WHOLE_CLIP and frame:
            row["to_frame"] = round(row["p50_ms"] / frame, 3)
    order = [*STREAM_PARTS, WHOLE_CLIP]
    engines = list(dict.fromkeys((row["backend"], row["precision"]) for row in rows))
    return sorted(
        rows, key=lambda r: (engines.index((r["backend"], r["precision"])), r["batch"], order.index(r["what"]))
    )


def _row(point: Point, part: str, work: Work | None, peaks: _Peaks) -> Row:
    worker, batch = point.worker, point.batch
    told = latency(point.ms[part], batch)
    row: Row = {"backend": worker.backend, "precision": worker.precision, "batch": batch, "what": part}
    row |= {name: round(value, 5) if isinstance(value, float) else value for name, value in told.to_dict().items()}
    row["rss_mb"] = None if math.isnan(point.rss_mb) else round(point.rss_mb, 1)
    row["gpu_mb"] = point.gpu_mb
    if work is not None:
        peak = peaks.of(worker.backend, worker.precision)
        p50_s = told.p50_ms / 1e3
        row["gflop"] = round(work.flop * batch / 1e9, 4)
        row["gflop_per_s"] = round(work.flop * batch / p50_s / 1e9, 2)
        row["roof_share"] = round(share_of_roof(work, batch, worker.precision, p50_s, peak), 4)
        row["peak_share"] = round(work.flop * batch / p50_s / peak.flop_per_s, 4)
        row["roof"] = peak.of
    if part == "encoder" and point.stages:
        row |= {name: round(point.stages[name], 5) for name in STAGES}
    if part == WHOLE_CLIP:
        row["naive"] = worker.about["naive"]
    return row


def _versions(about: Row, workers: Sequence[Worker]) -> dict[str, str]:
    return {**about["versions"], **{w.backend: w.about["version"] for w in workers if w.role == STREAM}}


def _flags(config: BenchConfig, subject: Subject, threads: int, skipped: Mapping[str, str]) -> Row:
    """How it was measured, to tell whether two results are comparable."""
    return {
        "graph": True,  # CUDA graphs, where an engine has them
        "spin": False,  # waiting threads sleep
        "transfers": True,  # latency includes copies to and from a GPU
        "threads": threads,
        "quick": config.quick,
        "seconds_per_point": config.pace.seconds,
        "rounds": config.pace.rounds,
        "processes": "one for each engine, taking turns in each round",
        "faces": "uint8 noise",
        "int8": subject.int8,
        "n_frames": subject.model.spec.n_frames,
        "side_px": subject.model.spec.side_px,
        "backbone": subject.model.spec.backbone,
        "skipped": dict(skipped),
    }


def check_names(config: BenchConfig) -> None:
    """Raises KSError for unknown backends or precisions, and for batches or threads out of range."""
    for what, given, known in (
        ("--backends", config.backends, BACKENDS),
        ("--precisions", config.precisions, tuple(dict.fromkeys(p for ps in PRECISIONS.values() for p in ps))),
    ):
        if unknown := [name for name in given if name not in known]:
            raise KSError(f"{what} takes {', '.join(known)}; got {', '.join(unknown)}")
    if any(not 1 <= batch <= 4096 for batch in config.batches):
        raise KSError(f"--batches takes 1 to 4096 faces; got {', '.join(map(str, config.batches))}")
    if config.threads < 0:
        raise KSError(f"--threads takes 1 or more, or 0 for all; got {config.threads}")
