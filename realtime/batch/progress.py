"""What is told while a batch runs: a bar on a terminal, else a line now and then."""

import logging
import time
from typing import Self

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from knowledge_spreader.console import stderr_console
from knowledge_spreader.realtime.batch.job import Done, Failed

log = logging.getLogger(__name__)

_LINE_S = 30.0  # between lines without a terminal


class Meter:
    """A context manager. Counts ends of recordings, and tells how it goes.

    total: recordings of this run. before: of these, done in earlier runs. todo_bytes: of those that are left.
    """

    def __init__(self, total: int, before: int, todo_bytes: int, *, bar: bool) -> None:
        self.total, self.before, self.now, self.failed, self.damaged = total, before, 0, 0, 0
        self._todo_bytes, self._ended_bytes, self._video_s = todo_bytes, 0, 0.0
        self._start_s = self._told_s = time.perf_counter()
        columns = (TextColumn("recordings"), BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
        self._bar = Progress(*columns, console=stderr_console(), disable=not bar)
        self._shows = bar
        self._task = self._bar.add_task("", total=total, completed=before)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.stop()

    def ended(self, said: Done | Failed, recordings: int = 1) -> None:
        """recordings: how many of equal content end with it."""
        self._ended_bytes += said.job.bytes
        if isinstance(said, Done):
            self.now += recordings
            self.damaged += recordings if said.about.damage else 0
            self._video_s += (said.about.seconds or 0.0) if said.fresh else 0.0
        else:
            self.failed += recordings
        ended = self.before + self.now + self.failed
        self._bar.update(self._task, completed=ended, description=self.text())
        if not self._shows and time.perf_counter() - self._told_s >= _LINE_S:
            self._told_s = time.perf_counter()
            log.info("%d of %d recordings, %s", ended, self.total, self.text())

    def text(self) -> str:
        """Like "12.3 a minute, 4.1 x real time, 0:12:30 left, 2 failed"."""
        took_s = max(time.perf_counter() - self._start_s, 1e-9)
        parts = [f"{60 * (self.now + self.failed) / took_s:.1f} a minute", f"{self._video_s / took_s:.1f} x real time"]
        left_bytes = self._todo_bytes - self._ended_bytes
        if left_bytes > 0 and self._ended_bytes:
            parts.append(f"{_clock(took_s * left_bytes / self._ended_bytes)} left")
        if self.failed:
            parts.append(f"{self.failed} failed")
        return ", ".join(parts)


def _clock(seconds: float) -> str:
    """1 h 5 min 9 s -> "1:05:09"."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"
