"""Recorder: the results of a live session, and its video if asked, in the files that ks-live writes."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.realtime.sinks.base import Sink, Sinks
from knowledge_spreader.realtime.sinks.csv_sink import CsvSink
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink
from knowledge_spreader.realtime.types import Event, FrameResult


class Recorder:
    """Writes from one thread, and may be closed by another. Raises KSError if the files cannot be made.

    The video shows the frames as they came, without drawings: it can be reviewed and labelled like any recording.
    """

    def __init__(
        self, place: Path, aus: Sequence[int], sided: Sequence[int], experimental: Sequence[int], *, video: bool
    ) -> None:
        """place: a folder for this recording is made in it, called by the time."""
        folder = _new_folder(place)
        events = EventsSink(folder / "results_events.tsv", aus, experimental)
        sinks: list[Sink] = [CsvSink(folder / "results.csv", aus, Extras(sided=tuple(sided))), events]
        paths = [folder / "results.csv", *events.paths]
        if video:
            sinks.append(VideoSink(folder / "video.mp4", overlay=False))
            paths.append(folder / "video.mp4")
        self.files = [path.relative_to(place.parent).as_posix() for path in paths]
        self._sinks, self._mutex = Sinks(sinks), threading.Lock()
        self._start_s: float | None = None  # time_s of the first frame
        self._closed = False

    @property
    def failures(self) -> list[str]:
        """Why files are not written any more, one line each."""
        return list(self._sinks.failed.values())

    def write(self, result: FrameResult) -> None:
        with self._mutex:
            if not self._closed:
                self._sinks.write(self._from_here(result))

    def close(self) -> None:
        """Completes the files. May be called twice."""
        with self._mutex:
            if not self._closed:
                self._closed = True
                self._sinks.close()

    def _from_here(self, result: FrameResult) -> FrameResult:
        """Events that began before the recording begin with it."""
        first = self._start_s is None
        start_s = self._start_s = result.frame.time_s if self._start_s is None else self._start_s
        events = [replace(event, onset_s=max(event.onset_s, start_s)) for event in result.events]
        if first:
            told = {(event.face_id, event.au) for event in events if event.end_s is None}
            events = [event for event in events if event.end_s is None]  # those that end here were not recorded
            events += [event for event in _present(result) if (event.face_id, event.au) not in told]
        return replace(result, events=tuple(events))


def _present(result: FrameResult) -> list[Event]:
    """An onset for each AU that is present."""
    return [
        Event(result.frame.stream, row.face_id, au, result.frame.time_s, None, float(p))
        for row in result.faces
        for au, on, p in zip(row.aus, row.occurrence, row.probability, strict=True)
        if on
    ]


def _new_folder(place: Path) -> Path:
    name = datetime.now().astimezone().strftime("%Y-%m-%dT%H-%M-%S")
    try:
        for n in range(1, 1000):
            folder = place / (name if n == 1 else f"{name}-{n}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as exc:
        raise DataError(f"{place}: no folder can be made in it ({one_line(exc)}); check the disk") from exc
    raise DataError(f"{place}: too many recordings of this second; try again")
