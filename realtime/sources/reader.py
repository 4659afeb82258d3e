"""Picture, Intake, Pace and the Reader protocol: what a source gives to the live and every-frame policies."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import Any, Protocol

import av

from knowledge_spreader.arrays import U8
from knowledge_spreader.displayed import displayed

_SOUND_S = 5  # audio kept while frames are dropped
_SOUND_PACKETS = 1000  # five seconds of packets of 5 ms


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded picture in the decoder's own format, converted only if needed: many live ones are dropped."""

    image: av.VideoFrame | U8
    index: int  # among all pictures that the source received, from 0
    pts: int
    time_base: Fraction
    captured_s: float
    audio: tuple[Any, ...] = ()
    pixel_aspect: Fraction | None = None  # width of a stored pixel by its height
    file: str = ""  # name of an image of a folder
    unreadable: str = ""  # why the image is only black: "unreadable", "size"

    @property
    def pts_s(self) -> float:
        return float(self.pts * self.time_base)

    def rgb(self) -> U8:
        """(H, W, 3), as people see it: upright, unmirrored, with square pixels."""
        return displayed(self.image, self.pixel_aspect) if isinstance(self.image, av.VideoFrame) else self.image


def merged_sound(dropped: Picture, newer: Picture) -> Picture:
    """The newer picture, with the audio packets of the dropped one in front of its own."""
    return replace(newer, audio=recent([*dropped.audio, *newer.audio])) if dropped.audio else newer


def recent(packets: Sequence[Any]) -> tuple[Any, ...]:
    """The audio packets of the last 5 s; limits memory when no frame is taken."""
    last = packets[-1]
    if last.pts is None:
        return tuple(packets[-_SOUND_PACKETS:])
    limit = last.pts - _SOUND_S / last.time_base
    return tuple(p for p in packets if p.pts is None or p.pts > limit)[-_SOUND_PACKETS:]


@dataclass(slots=True)
class Intake:
    """Counts of one source over all its connections. Only the thread that reads the source changes it."""

    received: int = 0  # pictures, analysed or dropped
    dropped: Counter[str] = field(default_factory=Counter)  # by cause

    def next_index(self) -> int:
        self.received += 1
        return self.received - 1

    def lose(self, cause: str, count: int = 1) -> None:
        """Pictures that were received but never decoded."""
        self.received += count
        self.dropped[cause] += count


class Pace:
    """Plays a recording in real time, or `speed` times as fast: each packet waits for its time stamp."""

    def __init__(self, speed: float, stop: threading.Event) -> None:
        self._speed, self._stop = speed, stop
        self._start: tuple[float, float] | None = None  # by the stream's clock and by ours
        self.waited_s = 0.0  # by the last call

    def __call__(self, stamp_s: float) -> float:
        """Waits until the packet is due. Returns the due time, which is in the past if the reader is too slow."""
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
    audio: Any  # av.AudioStream to copy the audio with, or None
    finite: bool  # the end of the data is the end of the source, not an interruption

    def pictures(self) -> Iterator[Picture]:
        """Blocks until the next picture. Raises DataError, one line, if reading fails."""

    def close(self) -> None: ...
