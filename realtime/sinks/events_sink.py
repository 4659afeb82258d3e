"""AU events as intervals, in a BIDS events.tsv or an ELAN .eaf. Keeps each onset until its AU ends.

Times count from where players start the recording (play_start.py), or from the first frame of a live stream.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Protocol

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.play_start import play_start_s
from knowledge_spreader.realtime.sinks.bids_tsv import TsvWriter
from knowledge_spreader.realtime.sinks.elan import EafWriter
from knowledge_spreader.realtime.types import Event, FrameResult, Stream


class EventWriter(Protocol):
    """Writes intervals, in the order in which they end."""

    paths: tuple[Path, ...]  # files that it may write

    def start(self, stream: Stream, origin_s: float) -> None:
        """Called once for each stream, before its intervals. origin_s: Frame.time_s from which its times count."""

    def add(self, interval: Event) -> None:
        """Takes an event whose end_s is known. Raises DataError if it cannot be written."""

    def close(self) -> None:
        """Completes the file. May be called after a failed add."""


@dataclass(slots=True)
class _Open:
    event: Event
    last_s: float  # time of the last frame that shows the face
    peak: float


class EventsSink:
    """path: NAME.tsv, with a sidecar NAME.json, or NAME.eaf, one for each stream.

    An AU that is still present at the end of the run ends at the last frame that shows the face. experimental: AUs
    that are described as experimental. Raises DataError on another suffix or if a file cannot be written.
    """

    def __init__(self, path: str | Path, aus: Sequence[int], experimental: Sequence[int] = ()) -> None:
        self.name = f"--events {path}"
        path = Path(path)
        self._writer: EventWriter
        match path.suffix.lower():
            case ".tsv":
                self._writer = TsvWriter(path, aus, experimental)
            case ".eaf":
                self._writer = EafWriter(path, experimental)
            case _:
                raise DataError(f"{path}: events are written as NAME_events.tsv (BIDS) or NAME.eaf (ELAN)")
        self._started: set[int] = set()  # numbers of streams
        self._open: dict[tuple[int, int], dict[int, _Open]] = {}  # (stream, face) -> AU -> its open event
        self._closed = False

    @property
    def paths(self) -> tuple[Path, ...]:
        return self._writer.paths

    def write(self, result: FrameResult) -> None:
        stream, time_s = result.frame.stream, result.frame.time_s
        if stream.number not in self._started:
            self._started.add(stream.number)
            self._writer.start(stream, float(play_start_s(result.frame)))
        for event in result.events:
            self._take(event)
        for answer in result.faces if self._open else ():
            for au, held in self._open.get((stream.number, answer.face.face_id), {}).items():
                held.last_s = time_s
                p = float(answer.probability[result.aus.index(au)])
                if p > held.peak:  # never for nan
                    held.peak = p

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        try:
            for of_face in self._open.values():
                for held in of_face.values():
                    self._writer.add(_ended(held))
        finally:
            self._open.clear()
            self._writer.close()

    def _take(self, event: Event) -> None:
        key = (event.stream.number, event.face_id)
        of_face = self._open.setdefault(key, {})
        held = of_face.pop(event.au, None)
        if event.end_s is None:
            if held is not None:  # its offset was not reported
                self._writer.add(_ended(held))
            of_face[event.au] = _Open(event, event.onset_s, event.peak)
        else:
            self._writer.add(event)
        if not of_face:
            del self._open[key]


def _ended(held: _Open) -> Event:
    return replace(held.event, end_s=held.last_s, peak=held.peak)
