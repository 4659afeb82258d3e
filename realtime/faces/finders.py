"""FaceFinders: several FaceFinders, each for its own streams, so that threads can find faces side by side."""

from collections.abc import Sequence

from knowledge_spreader.realtime.faces.finder import FaceFinder, FoundFace
from knowledge_spreader.realtime.types import Frame


class FaceFinders:
    """Stream n belongs to finder n % len(finders). The frames of one finder must come from one thread at a time."""

    def __init__(self, finders: Sequence[FaceFinder]) -> None:
        self._finders = tuple(finders)

    def find(self, frame: Frame) -> list[FoundFace]:
        return self._of(frame.stream.number).find(frame)

    def forget(self, stream_number: int) -> None:
        self._of(stream_number).forget(stream_number)

    def _of(self, stream_number: int) -> FaceFinder:
        return self._finders[stream_number % len(self._finders)]
