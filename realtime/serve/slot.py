"""Slot: one of a server's fixed number of places for a stream, empty or with what a connection sends in it.

    free -> taken: nobody else gets it -> begin(): frames flow -> leave() -> nothing in flight -> free

To analyse_live() it is a capture that is connected now and then. Its number is the stream's: the tracks and windows of
a stream are kept under it, so it is only free again when they are forgotten (hub.py).
"""

import threading
from collections import Counter
from typing import Protocol

from knowledge_spreader.realtime.types import Frame, FrameResult, Stream

FREE, TAKEN, FLOWS, BROKEN, LEAVES = "free", "taken", "flows", "broken", "leaves"


class Intake(Protocol):
    """What a connection sends, as frames: a Capture, or one of realtime/serve/intake."""

    @property
    def stream(self) -> Stream: ...
    @property
    def waiting(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def received(self) -> int: ...
    @property
    def dropped(self) -> Counter[str]: ...

    def take(self) -> Frame | None: ...


class Listener(Protocol):
    """Who gets the answers. Called in threads of the hub: hands on, and returns at once."""

    def answered(self, result: FrameResult) -> None: ...
    def failed(self, exc: BaseException) -> None: ...


class Slot:
    """Thread-safe. `news` is that of all slots of a hub."""

    def __init__(self, number: int, news: threading.Condition) -> None:
        self.number, self.news = number, news
        self.state = FREE
        self.ended = False
        self._nobody = Stream("", number, live=True)
        self._intake: Intake | None = None
        self._listener: Listener | None = None
        self._in_flight = 0  # frames that were taken and not answered yet

    @property
    def connected(self) -> bool:
        return self.state == FLOWS

    @property
    def stream(self) -> Stream:
        intake = self._intake
        return intake.stream if intake is not None else self._nobody

    @property
    def waiting(self) -> bool:
        intake = self._intake
        return intake is not None and self.state == FLOWS and intake.waiting

    @property
    def intake(self) -> Intake | None:
        return self._intake

    @property
    def is_empty(self) -> bool:
        """It was left, and nothing of it is in flight."""
        return self.state == LEAVES and not self._in_flight

    def begin(self, intake: Intake, listener: Listener) -> None:
        """Frames flow from now on."""
        assert intake.stream.number == self.number, intake.stream
        with self.news:
            assert self.state == TAKEN, self.state
            self._intake, self._listener, self.state = intake, listener, FLOWS
            self.news.notify_all()

    def leave(self) -> None:
        """No more frames, and no more answers. The hub frees the slot."""
        with self.news:
            assert self.state in (TAKEN, FLOWS, BROKEN), self.state
            self.state, self._listener = LEAVES, None
            self.news.notify_all()

    def free(self) -> None:
        """By the hub, after all state of the stream is forgotten."""
        with self.news:
            assert self.is_empty, self.state
            self.state, self._intake = FREE, None

    def take(self) -> Frame | None:
        """The newest frame, if there is one. An error of the intake goes to its listener, and to nobody else."""
        with self.news:
            intake = self._intake
            if intake is None or not self.waiting:
                return None
            self._in_flight += 1
        frame = None
        try:
            frame = intake.take()
        except Exception as exc:  # the edge between one stream and all others
            self.failed(exc)
        finally:
            if frame is None:
                self._landed()
        return frame

    def answered(self, result: FrameResult) -> None:
        """Hands an answer on, if anybody is still there."""
        listener = self._listener
        if listener is not None:
            listener.answered(result)
        self._landed()

    def failed(self, exc: BaseException) -> None:
        """No more frames; the listener is told why."""
        with self.news:
            listener = self._listener
            if self.state == FLOWS:
                self.state = BROKEN
        if listener is not None:
            listener.failed(exc)

    def _landed(self) -> None:
        with self.news:
            self._in_flight -= 1
            if self.is_empty:
                self.news.notify_all()
