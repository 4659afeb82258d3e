"""ks-bench live: measures the whole pipeline on this machine, on a file and on live streams.

    end to end    a 720p file with one face: frames/s and ms per stage, in every precision that runs here and for all
                  outputs that are asked for; MediaPipe FaceLandmarker with blendshapes on the same file for comparison.
                  They take turns, and "times_mediapipe" is the median of the ratios within each turn. MediaPipe runs
                  twice: decoding and landmarks in turn, and with a thread that decodes ahead.
    capacity      streams x faces at the clip's own rate: frames/s of each stream, share dropped, latency p50, p95, p99

Each run has its own process. A stream is the file played in real time, so no camera or network is measured.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.speed.live_videos import write_video
from knowledge_spreader.benchmarks.speed.machine import machine
from knowledge_spreader.benchmarks.speed.workers import threads_environment
from knowledge_spreader.engines.ks_file.model_file import ENCODER_INT8, ModelFile, open_model
from knowledge_spreader.engines.open import PRECISIONS, pick
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.face.detector import OPENVINO
from knowledge_spreader.face.detector_weights import find_face_model

MEDIAPIPE = "MediaPipe FaceLandmarker"
MEDIAPIPE_AHEAD = f"{MEDIAPIPE}, decoded ahead"
DEFAULT = "default"
OUTPUTS: Mapping[str, Mapping[str, Any]] = {  # name -> options of ks-live
    DEFAULT: {},  # AUs, head pose and gaze
    "all": {"landmarks": "478", "blendshapes": True},  # these, 478 landmarks and 52 blendshapes
    "crops": {"pose": False, "voices": "crops"},  # AUs of the crops alone, without the face mesh
}


@dataclass(frozen=True, slots=True)
class LiveBenchConfig:
    """The settings of ks-bench live."""

    model: Path
    clip: Path
    device: str = "auto"
    precisions: tuple[str, ...] = ()  # () = all that the file has for the device
    outputs: tuple[str, ...] = (DEFAULT,)  # of OUTPUTS, in the end-to-end runs
    streams: tuple[int, ...] = (1, 2, 4)
    faces: tuple[int, ...] = (1, 4)
    seconds: float = 10.0  # of each run
    rounds: int = 3  # of the end-to-end runs
    threads: int = 0
    face_model: str = ""
    face_runtime: str = OPENVINO
    landmarker: Path | None = None  # MediaPipe's face_landmarker.task
    progress: bool = False


def bench_live(config: LiveBenchConfig) -> Row:
    """Measures, and returns the content of the JSON file. Raises KSError if nothing can be run."""
    if unknown := [name for name in config.outputs if name not in OUTPUTS]:
        raise DataError(f"--outputs must be of {', '.join(OUTPUTS)}; got {', '.join(unknown)}")
    model = open_model(config.model)
    face_model = str(find_face_model(config.face_model, config.face_runtime))
    backend, _ = pick(config.device)
    precisions = config.precisions or _precisions(model, backend)
    with tempfile.TemporaryDirectory() as folder, Progress(disable=not config.progress, transient=True) as bar:
        total = config.rounds * (len(precisions) * len(config.outputs) + 2 * bool(config.landmarker))
        task = bar.add_task("live", total=total)
        videos = {n: Path(folder) / f"{n}.mp4" for n in sorted({1, *config.faces})}
        rates = {n: write_video(config.clip, path, faces=n, seconds=config.seconds) for n, path in videos.items()}
        base = {
            "model": str(config.model),
            "device": backend,
            "threads": config.threads,
            "face_model": face_model,
            "face_runtime": config.face_runtime,
            "precision": "auto",
        }
        end_to_end = _end_to_end(config, {**base, "video": str(videos[1])}, precisions, lambda: bar.advance(task))
        capacity = [  # not in the progress bar: these are few
            {**_capacity(base, videos[faces], streams), "streams": streams, "faces": faces, "rate": rates[faces]}
            for faces in config.faces
            for streams in config.streams
        ]
    told = {name: value for name, value in asdict(config).items() if name != "progress"}
    flags = {name: value.name if isinstance(value, Path) else str(value) for name, value in told.items()}
    flags["face_model"] = Path(face_model).name
    return {**machine(), "weights": model.weights_id, "flags": flags, "end_to_end": end_to_end, "capacity": capacity}


def _precisions(model: ModelFile, backend: str) -> tuple[str, ...]:
    """The precisions that the file has for the backend. Where bf16 does not run, its row says so."""
    known = ENCODER_INT8.get(backend, "")
    return tuple(p for p in PRECISIONS[backend] if p != "int8" or known in model.sha256)


def _end_to_end(
    config: LiveBenchConfig, base: Mapping[str, Any], precisions: Sequence[str], tick: Callable[[], None]
) -> list[Row]:
    runs: dict[str, list[Row]] = {}
    for _ in range(config.rounds):
        for precision in precisions:
            for outputs in config.outputs:
                name = precision if outputs == DEFAULT else f"{precision}, {outputs}"
                asked = {**base, "kind": "file", "precision": precision, "options": OUTPUTS[outputs]}
                runs.setdefault(name, []).append(_run(asked))
                tick()
        for name in (MEDIAPIPE, MEDIAPIPE_AHEAD) if config.landmarker else ():
            how = {"landmarker": str(config.landmarker), "ahead": name == MEDIAPIPE_AHEAD}
            runs.setdefault(name, []).append(_run({**base, "kind": "landmarker", **how}))
            tick()
    rows = [_middle(name, found) for name, found in runs.items()]
    for row in rows:
        for key, name in (("times_mediapipe", MEDIAPIPE), ("times_mediapipe_ahead", MEDIAPIPE_AHEAD)):
            if row["what"] not in (MEDIAPIPE, MEDIAPIPE_AHEAD) and name in runs:
                row.update(_times(key, runs[row["what"]], runs[name]))
    return rows


def _times(key: str, runs: Sequence[Row], beside: Sequence[Row]) -> Row:
    """{key: median ratio of the speeds within a turn}; empty if a run failed."""
    if any("error" in run for run in (*runs, *beside)):
        return {}
    return {key: round(statistics.median(a["fps"] / b["fps"] for a, b in zip(runs, beside, strict=True)), 3)}


def _middle(name: str, runs: Sequence[Row]) -> Row:
    """The run of median speed, with the speeds of all runs."""
    if errors := [run["error"] for run in runs if "error" in run]:
        return {"what": name, "error": errors[0]}
    speeds = [run["fps"] for run in runs]
    middle = min(runs, key=lambda run: abs(run["fps"] - statistics.median(speeds)))
    kept = ("fps", "stages_ms", "engine", "rss_mb", "answers_per_frame")
    return {"what": name, "fps_of_runs": speeds, **{key: middle[key] for key in kept if key in middle}}


def _capacity(base: Mapping[str, Any], video: Path, streams: int) -> Row:
    run = _run({**base, "kind": "live", "video": str(video), "streams": streams})
    if "error" in run:
        return run
    frames = run["frames"]
    return {
        "fps": round(run["fps"] / streams, 2),
        "precision": run["engine"]["precision"],
        "dropped": round(sum(frames["dropped"].values()) / max(frames["in"], 1), 4),
        "latency_ms": run["latency_ms"],
        "answers_per_frame": run["answers_per_frame"],
        "rss_mb": run["rss_mb"],
    }


def _run(request: Mapping[str, Any]) -> Row:
    command = [sys.executable, "-m", "knowledge_spreader.benchmarks.speed.live_worker", json.dumps(dict(request))]
    environment = {**os.environ, **threads_environment(request["threads"])}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    if not done.stdout.strip():
        said = done.stderr.strip().rpartition("\n")[2][:200] or "it printed nothing; perhaps memory ran out"
        raise KSError(f"a run of the live pipeline ended with status {done.returncode}: {said}")
    row: Row = json.loads(done.stdout)
    return row


def print_live(result: Row, console: Console) -> None:
    """Prints both tables."""
    table = Table(title="End to end, 1280 x 720 file, one face")
    for column in ("", "frames/s", "x MediaPipe / decoded ahead", "ms a frame by stage, p50", "memory MB"):
        table.add_column(column, justify="left" if column in ("", "ms a frame by stage, p50") else "right")
    for row in result["end_to_end"]:
        if "error" in row:
            table.add_row(row["what"], "-", "-", row["error"], "-")
            continue
        stages = ", ".join(f"{name} {ms['p50']:.1f}" for name, ms in row["stages_ms"].items())
        times = " / ".join(f"{row[key]:.2f}" for key in ("times_mediapipe", "times_mediapipe_ahead") if key in row)
        table.add_row(row["what"], f"{row['fps']:.1f}", times, stages, f"{row['rss_mb']:.0f}")
    console.print(table)
    precision = next((row["precision"] for row in result["capacity"] if "error" not in row), "")
    table = Table(title=f"Capacity, live, {precision}, newest frame wins")
    for column in ("streams", "faces in each", "frames/s of each", "dropped", "p50 ms", "p95 ms", "p99 ms"):
        table.add_column(column, justify="right")
    for row in result["capacity"]:
        if "error" in row:
            table.add_row(str(row["streams"]), str(row["faces"]), row["error"])
            continue
        ms = row["latency_ms"]
        speed = f"{row['fps']:.1f} of {row['rate']:.0f}"
        share = f"{100 * row['dropped']:.1f} %"
        percentiles = [f"{ms[p]:.0f}" for p in ("p50", "p95", "p99")]
        table.add_row(str(row["streams"]), str(row["faces"]), speed, share, *percentiles)
    console.print(table)
