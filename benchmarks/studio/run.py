"""bench_studio(): starts real studios in folders of their own, measures them, and ends them.

live      a studio and the bare pipeline take turns on one recording; ratios are of the turns, their median counts
memory    the same studio, from its start to the end of a long live session
review    another studio, whose recording is analysed and was never opened: timeline, stills
labels    that project again, with a long log
"""

import statistics
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.progress import Progress

from knowledge_spreader.benchmarks.provenance import Row, stamped
from knowledge_spreader.benchmarks.speed.machine import machine
from knowledge_spreader.benchmarks.studio.clip import write_long
from knowledge_spreader.benchmarks.studio.labels import saying, write_log
from knowledge_spreader.benchmarks.studio.live import WARM_S, alone, figures, ratio, through_studio
from knowledge_spreader.benchmarks.studio.memory import Memory, slope_mb_per_minute
from knowledge_spreader.benchmarks.studio.process import StudioProcess
from knowledge_spreader.benchmarks.studio.review import analysed, opening, stills
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import picture_rate
from knowledge_spreader.realtime.options import Options

_LEAST_S = 2.0 + WARM_S  # of live, so that something is left to measure
_PACKAGES = ("av", "starlette", "uvicorn", "websockets")


@dataclass(frozen=True, slots=True)
class StudioBenchConfig:
    """The settings of ks-bench studio."""

    model: Path
    clip: Path  # made into the live recording if that is not given
    recording: Path  # opened in Review
    live: Path | None = None
    cache: Path | None = None
    device: str = "auto"
    precision: str = "auto"
    threads: int = 0
    minutes: float = 1.0  # of the long live session
    turns: int = 3
    turn_s: float = 20.0
    stills: int = 200
    said: int = 200  # frames
    in_log: int = 100_000  # labels
    progress: bool = False

    def __post_init__(self) -> None:
        if not self.minutes * 60 >= _LEAST_S:
            raise DataError(f"--minutes must be {_LEAST_S / 60:g} or more; got {self.minutes:g}")
        for path in filter(None, (self.live, self.recording)):
            picture_rate(path)  # raises if it is no recording


def bench_studio(config: StudioBenchConfig) -> Row:
    """Measures, and returns the content of the JSON file. Raises KSError if a studio does not work."""
    here = machine()
    model = open_model(config.model)
    with (
        tempfile.TemporaryDirectory(prefix="ks-bench-studio-") as folder,
        Progress(console=stderr_console(), disable=not config.progress, transient=True) as bar,
    ):
        task = bar.add_task("studio", total=config.turns + 3)
        run = _Run(config, Path(folder), lambda: bar.advance(task))
        review = run.review()
        live = run.live()
    flags = {
        name: value.name if isinstance(value, Path) else value
        for name, value in asdict(config).items()
        if name not in ("progress", "cache")
    }
    about = {**here, "versions": {**here["versions"], **{name: version(name) for name in _PACKAGES}}}
    return stamped({**about, "weights": model.weights_id, "flags": flags, **live, **review})


class _Run:
    def __init__(self, config: StudioBenchConfig, folder: Path, tick: Callable[[], None]) -> None:
        self._config, self._folder, self._tick = config, folder, tick
        self._options = Options(
            model=str(config.model), device=config.device, precision=config.precision, threads=config.threads
        )

    def live(self) -> Row:
        config = self._config
        long_s = 60 * config.minutes
        path = config.live or self._folder / "live.mp4"
        if config.live is None:
            write_long(config.clip, path, max(config.turn_s, long_s) + 2 * WARM_S)
        rate = picture_rate(path) or 25.0
        with self._studio("live") as studio:
            studio.json("/api/state")
            start_mb, rec_id = studio.rss_mb(), studio.add(path)
            turns = []
            for _ in range(config.turns):
                turns.append((through_studio(studio, rec_id, config.turn_s), alone(path, self._options, config.turn_s)))
                self._tick()
            memory = Memory(studio.pid)
            long = through_studio(studio, rec_id, long_s, memory)
            after_mb = studio.rss_mb()
            self._tick()
        pages, bare = zip(*turns, strict=True)
        ratios = [ratio(figures([page], rate, page=True), figures([other], rate, page=False)) for page, other in turns]
        return {
            "live": {
                "recording": path.name,
                "fps_of_recording": round(rate, 3),
                "engine": long.engine,
                "studio": figures(pages, rate, page=True),
                "alone": figures(bare, rate, page=False),
                "ratio": _medians(ratios),
                "ratio_of_turns": ratios,
            },
            "memory": {
                "minutes": config.minutes,
                "start_mb": start_mb,
                "end_mb": memory.samples[-1][1] if memory.samples else None,
                "after_mb": after_mb,
                "slope_mb_per_minute": slope_mb_per_minute(memory.samples),
                "samples_mb": [mb for _, mb in memory.samples[:: max(len(memory.samples) // 120, 1)]],
                "studio": figures([long], rate, page=True),
            },
        }

    def review(self) -> Row:
        config = self._config
        with self._studio("analysed") as studio:
            took_s = analysed(studio, studio.add(config.recording))
        with self._studio("review") as studio:  # a new one: the first builds the timeline when it has analysed
            rec_id = studio.add(config.recording)
            if analysed(studio, rec_id) is not None:
                raise DataError(f"{config.recording}: was not kept in --cache; give a folder that can be written")
            aus = [one["au"] for one in studio.json("/api/state")["aus"]]
            timeline = opening(studio, rec_id)
            shown = stills(studio, rec_id, timeline["frames"], min(config.stills, timeline["frames"]))
            review_mb = studio.rss_mb()
            self._tick()
        frames = write_log(self._folder / "review", aus, config.in_log)
        with self._studio("review") as studio:
            said = saying(studio, rec_id, aus, frames, config.said)
            start_s = round(studio.start_s, 2)
            self._tick()
        return {
            "timeline": {"recording": config.recording.name, "analysed_s": took_s, **timeline},
            "stills": {**shown, "rss_mb": review_mb},
            "labels": {**said, "start_s": start_s},
        }

    def _studio(self, name: str) -> StudioProcess:
        config = self._config
        words = ["--base", str(config.model), "--device", config.device, "--precision", config.precision]
        words += ["--threads", str(config.threads)]
        if config.cache is not None:
            words += ["--cache", str(config.cache)]
        return StudioProcess(self._folder / name, words)


def _medians(rows: list[Row]) -> Row:
    known: dict[str, list[Any]] = {name: [row[name] for row in rows if row[name] is not None] for name in rows[0]}
    return {name: round(statistics.median(values), 3) if values else None for name, values in known.items()}
