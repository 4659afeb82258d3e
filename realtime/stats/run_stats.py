"""Tally: what came in, what was answered, what was dropped and why, and how long it took."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from knowledge_spreader.engines.base import Choice
from knowledge_spreader.realtime.stats.durations import Durations, Stages
from knowledge_spreader.realtime.types import FrameResult, Stream

_STOPPED = "stopped"  # had come in when the run ended, and was not looked at any more


class Counted(Protocol):
    """What a Capture and a Recording count."""

    @property
    def stream(self) -> Stream: ...
    @property
    def received(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...


@dataclass(slots=True)
class _Source:
    """A source of the run, while it is open and after."""

    counted: Counted
    analysed: int = 0
    faces: int = 0
    error: str = ""
    closed: bool = False

    def dropped(self) -> dict[str, int]:
        causes = {cause: n for cause, n in self.counted.dropped.items() if n}
        rest = self.counted.received - self.analysed - sum(causes.values())
        if self.closed and rest > 0:
            causes[_STOPPED] = causes.get(_STOPPED, 0) + rest
        return causes


class Tally:
    """Counts of one run. Used by the consumer's thread; sources count for themselves."""

    def __init__(self, choice: Choice, model: Mapping[str, Any], stages: Stages) -> None:
        self._choice, self._model, self._stages = choice, model, stages
        self._sources: dict[int, _Source] = {}
        self._failures: list[dict[str, str]] = []
        self._latency, self._recent = Durations(), Durations()
        self._first_s = self._last_s = self._recent_s = time.perf_counter()
        self.analysed = 0

    def opened(self, counted: Counted) -> None:
        self._sources[counted.stream.number] = _Source(counted)

    def ended(self, number: int) -> None:
        """A source was closed: what it received and nobody looked at was dropped."""
        self._sources[number].closed = True

    def failed(self, name: str, error: str) -> None:
        """A source that could not be used, or not to its end."""
        self._failures.append({"source": name, "error": error})

    def start(self) -> None:
        """The clock of fps starts: everything is open."""
        self._first_s = self._last_s = self._recent_s = time.perf_counter()

    def add(self, result: FrameResult) -> None:
        source = self._sources[result.frame.stream.number]
        source.analysed += 1
        source.faces = max([source.faces, *(row.face.face_id + 1 for row in result.faces)])
        self.analysed += 1
        self._latency.add(result.latency_ms)
        self._recent.add(result.latency_ms)
        self._last_s = time.perf_counter()

    @property
    def failures(self) -> Sequence[Mapping[str, str]]:
        return self._failures

    @property
    def fps(self) -> float:
        """Frames answered per second since the start."""
        return self.analysed / max(self._last_s - self._first_s, 1e-9)

    def recent(self) -> dict[str, Any]:
        """fps and latency since the last call."""
        now = time.perf_counter()
        fps = len(self._recent) / max(now - self._recent_s, 1e-9)
        latency = self._recent.percentiles(50, 95, 99)
        self._recent, self._recent_s = Durations(), now
        return {"fps": round(fps, 1), "latency_ms": latency}

    def frames(self) -> dict[str, Any]:
        """{"in", "analysed", "dropped": {cause: n}} over all sources."""
        return _frames(self._sources.values())

    def faces(self) -> int:
        """Different faces: ids given, over all sources."""
        return sum(source.faces for source in self._sources.values())

    def report(self) -> dict[str, Any]:
        """All of it as JSON takes it; nan where nothing was measured becomes None."""
        return {
            "frames": self.frames(),
            "fps": round(self.fps, 2),
            "latency_ms": _plain(self._latency.percentiles(50, 95, 99)),
            "stages_ms": self._stages.report(),
            "engine": asdict(self._choice),
            "faces": self.faces(),
            "seconds": round(self._last_s - self._first_s, 3),
            "model": dict(self._model),
            "sources": [_one(source) for source in self._sources.values()],
            "failures": [dict(failure) for failure in self._failures],
        }


def _frames(sources: Iterable[_Source]) -> dict[str, Any]:
    dropped: Counter[str] = Counter()
    received = analysed = 0
    for source in sources:
        dropped.update(source.dropped())
        received += source.counted.received
        analysed += source.analysed
    return {"in": received, "analysed": analysed, "dropped": dict(dropped)}


def _one(source: _Source) -> dict[str, Any]:
    return {
        "name": source.counted.stream.name,
        **_frames([source]),
        "faces": source.faces,
        "reconnects": int(getattr(source.counted, "reconnects", 0)),
    }


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if value != value else value for name, value in values.items()}
