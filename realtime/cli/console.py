"""What ks-live prints on stderr: a line each second, a progress bar for recordings, a report at the end."""

import math
import time
from collections.abc import Mapping
from typing import Any

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from knowledge_spreader.console import stderr_console
from knowledge_spreader.realtime.stats.run_stats import Tally
from knowledge_spreader.realtime.types import FrameResult

_EACH_S = 1.0


class StatsLine:
    """A line of counts and latency each second."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._next_s = time.perf_counter() + _EACH_S

    def update(self, result: FrameResult) -> None:
        now = time.perf_counter()
        if now < self._next_s:
            return
        self._next_s = now + _EACH_S
        recent, frames = self._tally.recent(), self._tally.frames()
        dropped = ", ".join(f"{n} {cause}" for cause, n in frames["dropped"].items()) or "none"
        latency = "/".join(_ms(value) for value in recent["latency_ms"].values())
        stderr_console().print(
            f"{result.frame.time_s:9.1f} s  in {frames['in']}  analysed {frames['analysed']}  dropped {dropped}  "
            f"{len(result.faces)} face(s) now  {recent['fps']:.1f} fps  latency p50/p95/p99 {latency} ms",
            highlight=False,
            soft_wrap=True,
        )


class Bar:
    """Progress of recordings: by time if the duration is known, otherwise a count of frames; of photographs."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}", markup=False), BarColumn(), TextColumn("{task.fields[done]}"))
        self._progress = Progress(*columns, MofNCompleteColumn(), TimeRemainingColumn(), console=stderr_console())
        self._tasks: dict[int, Any] = {}
        self._frames: dict[int, int] = {}
        self._progress.start()

    def update(self, result: FrameResult) -> None:
        stream, number = result.frame.stream, result.frame.stream.number
        if number not in self._tasks:
            total = stream.stills or stream.duration_s
            self._tasks[number] = self._progress.add_task(stream.name, total=round(total) if total else None, done="")
            self._frames[number] = 0
        self._frames[number] += 1
        self._progress.update(
            self._tasks[number],
            completed=self._frames[number] if stream.stills else int(result.frame.time_s),
            done="photographs:" if stream.stills else f"{self._frames[number]} frames, seconds:",
        )

    def close(self) -> None:
        self._progress.stop()


def print_report(report: Mapping[str, Any]) -> None:
    """Prints the final report as a table on stderr."""
    frames = report["frames"]
    dropped = ", ".join(f"{n} {cause}" for cause, n in frames["dropped"].items()) or "none"
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    rows = [
        ("frames", f"{frames['in']} in, {frames['analysed']} analysed, dropped: {dropped}"),
        ("faces", f"{report['faces']}"),
        ("speed", f"{report['fps']:.1f} frames/s over {report['seconds']:.1f} s"),
        ("latency", _percentiles(report["latency_ms"])),
        *((f"  {name}", _percentiles(values)) for name, values in report["stages_ms"].items()),
        ("engine", _engine(report["engine"])),
        ("model", report["model"]["file"] + (f" ({report['model']['note']})" if report["model"]["note"] else "")),
    ]
    for source in report["sources"]:
        if source["reconnects"]:
            rows.append(("reconnects", f"{source['reconnects']} of {source['name']}"))
    for name, value in rows:
        table.add_row(name, value)
    stderr_console().print(table, highlight=False)


def _engine(engine: Mapping[str, str]) -> str:
    return f"{engine['backend']} {engine['version']}, {engine['precision']}, on {engine['device']}: {engine['why']}"


def _percentiles(values: Mapping[str, float | None]) -> str:
    return ", ".join(f"{name} {_ms(value)}" for name, value in values.items()) + " ms"


def _ms(value: float | None) -> str:
    return "-" if value is None or math.isnan(value) else f"{value:.3g}" if value < 100 else f"{value:.0f}"
