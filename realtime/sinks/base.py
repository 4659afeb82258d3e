"""Any number of places where results go: one that fails stops with its reason, and the others go on."""

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
    """Somewhere results go. It is made before the first frame, and says then if it cannot work (KSError)."""

    name: str  # for messages, as the user gave it: "--csv out.csv"

    def write(self, result: FrameResult) -> None:
        """Takes a frame's result. Raises KSError when it cannot go on."""

    def close(self) -> None:
        """Makes the file whole. Safe after a failed write, and twice."""


class Sinks:
    """Hands each result to all sinks that still work; closes all at the end of a `with` block, whatever ends it."""

    def __init__(self, sinks: Sequence[Sink] = ()) -> None:
        self._working = list(sinks)
        self._any = bool(sinks)
        self.failed: dict[str, str] = {}  # name of a sink -> the reason why it stopped

    @property
    def all_failed(self) -> bool:
        """There were sinks, and none is left: each failed, or its reader went away."""
        return self._any and not self._working

    def write(self, result: FrameResult) -> None:
        for sink in tuple(self._working):
            if not self._try(sink, partial(sink.write, result)):
                self._working.remove(sink)
                self._try(sink, sink.close)

    def close(self) -> None:
        """Closes every sink, also when closing another fails; the reasons are in `failed`."""
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
