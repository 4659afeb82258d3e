"""What a source hands to its policy: a picture not yet converted, how many there were, and what a source must offer."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

import av

from knowledge_spreader.arrays import U8
from knowledge_spreader.frame_reader import upright

_SOUND_S = 5
_SOUND_PACKETS = 1000  # five seconds of packets of 5 ms


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture in the decoder's own format: many live ones are dropped, and need not be converted."""

    image: av.VideoFrame | U8
    index: int  # among all that the source received
    pts: int
    time_base: Fraction
    captured_s: float
    audio: tuple[Any, ...] = ()

    @property
    def pts_s(self) -> float:
        return float(self.pts * self.time_base)

    def rgb(self) -> U8:
        """(H, W, 3), upright."""
        return upright(self.image) if isinstance(self.image, av.VideoFrame) else self.image


def merged_sound(dropped: Picture, newer: Picture) -> Picture:
    """The newer one with the sound of the one that was dropped for it."""
    return replace(newer, audio=recent([*dropped.audio, *newer.audio])) if dropped.audio else newer


def recent(packets: Sequence[Any]) -> tuple[Any, ...]:
    """Sound packets without those that are seconds older than the last: nobody comes to fetch them."""
    last = packets[-1]
    if last.pts is None:
        return tuple(packets[-_SOUND_PACKETS:])
    limit = last.pts - _SOUND_S / last.time_base
    return tuple(p for p in packets if p.pts is None or p.pts > limit)[-_SOUND_PACKETS:]


@dataclass(slots=True)
class Intake:
    """Counts of one source through all its connections. Only the thread that reads the source writes it."""

    received: int = 0  # pictures, whatever became of them
    dropped: Counter[str] = field(default_factory=Counter)  # by cause

    def next_index(self) -> int:
        self.received += 1
        return self.received - 1

    def lose(self, cause: str, count: int = 1) -> None:
        """Pictures that were received but never decoded."""
        self.received += count
        self.dropped[cause] += count


class Pace:
    """Plays a recording at its own speed, or at `speed` times it: each packet comes when its time has come."""

    def __init__(self, speed: float, stop: threading.Event) -> None:
        self._speed, self._stop = speed, stop
        self._start: tuple[float, float] | None = None  # of the stream, and of our clock
        self.waited_s = 0.0  # the last time

    def __call__(self, stamp_s: float) -> float:
        """Waits; returns when it was due, which is earlier than now where the reader is too slow."""
        now_s = time.perf_counter()
        self._start = self._start or (stamp_s, now_s)
        due_s = self._start[1] + (stamp_s - self._start[0]) / self._speed
        self.waited_s = max(due_s - now_s, 0.0)
        if self.waited_s:
            self._stop.wait(self.waited_s)
        return due_s


class Reader(Protocol):
    """An opened source."""

    rate: Fraction | None
    duration_s: float | None
    audio: Any  # template of its sound, or None
    finite: bool  # its end is the end, not an interruption

    def pictures(self) -> Iterator[Picture]:
        """Blocks for the next one. Raises DataError, one line, when no more can come."""

    def close(self) -> None: ...
