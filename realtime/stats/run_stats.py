"""Tally: frames received, analysed and dropped (with the cause), and latencies."""

import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from knowledge_spreader.engines.base import Choice
from knowledge_spreader.realtime.stats.durations import Durations, Stages
from knowledge_spreader.realtime.types import FrameResult, Stream

_STOPPED = "stopped"  # cause of frames received but not analysed when the run ended


class Counted(Protocol):
    """The counts of a Capture or a Recording."""

    @property
    def stream(self) -> Stream: ...
    @property
    def received(self) -> int: ...
    @property
    def dropped(self) -> Mapping[str, int]: ...


@dataclass(slots=True)
class _Source:
    """Counts of one source, while it is open and after."""

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
    """Counts of one run. Use it from the consumer's thread only; each source keeps its own counts."""

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
        """A source was closed: frames it received that were not analysed count as dropped."""
        self._sources[number].closed = True

    def failed(self, name: str, error: str) -> None:
        """Records a source that failed, at its start or later."""
        self._failures.append({"source": _text(name), "error": _text(error)})

    def start(self) -> None:
        """Starts the clock for fps. Call it when all sources are open."""
        self._first_s = self._last_s = self._recent_s = time.perf_counter()

    def add(self, result: FrameResult) -> None:
        if result.frame.unreadable:
            return
        source = self._sources[result.frame.stream.number]
        source.analysed += 1
        if result.frame.stream.stills:
            source.faces += len(result.faces)
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
        """Frames analysed per second since the start."""
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
        """Number of different face ids, over all sources; of photographs, the number of faces."""
        return sum(source.faces for source in self._sources.values())

    def report(self) -> dict[str, Any]:
        """Everything in JSON types; None where nothing was measured."""
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
        "name": _text(source.counted.stream.name),
        **_frames([source]),
        "faces": source.faces,
        "reconnects": int(getattr(source.counted, "reconnects", 0)),
    }


def _text(name: str) -> str:
    """Bytes of a file name that are not UTF-8 are escaped: a report with half a character is no JSON for many."""
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _plain(values: Mapping[str, float]) -> dict[str, float | None]:
    return {name: None if value != value else value for name, value in values.items()}
