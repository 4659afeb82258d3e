"""Writes results to any number of sinks. A sink that fails is stopped with its reason; the others continue."""

import logging
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from typing import Protocol, Self

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.sinks.result_file import ReaderGoneError
from knowledge_spreader.realtime.types import FrameResult

log = logging.getLogger(__name__)


class Sink(Protocol):
    """One output. It is made before the first frame, and its constructor raises KSError if it cannot work."""

    name: str  # for messages, as the user gave it: "--csv out.csv"

    def write(self, result: FrameResult) -> None:
        """Takes the result of a frame. Raises KSError if it cannot continue."""

    def close(self) -> None:
        """Completes the file. May be called after a failed write, and twice."""


class Sinks:
    """Passes each result to all sinks that still work, and closes all of them at the end of a `with` block."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._working = list(sinks)
        self._any = bool(sinks)
        self.failed: dict[str, str] = {}  # name of a sink -> the reason why it stopped

    @property
    def all_failed(self) -> bool:
        """There were sinks, and none is left: each one failed or its reader closed it."""
        return self._any and not self._working

    def write(self, result: FrameResult) -> None:
        for sink in tuple(self._working):
            if not self._try(sink, partial(sink.write, result)):
                self._working.remove(sink)
                self._try(sink, sink.close)

    def close(self) -> None:
        """Closes every sink, even if closing another one fails; the reasons are in `failed`."""
        with ExitStack() as closing:
            for sink in reversed(self._working):
                closing.callback(self._try, sink, sink.close)

    def _try(self, sink: Sink, action: Callable[[], None]) -> bool:
        try:
            action()
        except ReaderGoneError as exc:
            log.debug("%s: %s", sink.name, exc)
        except KSError as exc:
            log.warning("%s stopped: %s", sink.name, exc)
            self.failed.setdefault(sink.name, str(exc))
        else:
            return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()
