"""analyse_live(): the newest frames of live streams, with the faces found in other threads than the answers.

    capture of each stream -> look: take the newest frame, find its faces -> answer: encode, predict
    a thread each             one or more threads, each with its streams     the caller's thread

At most one looked frame of each stream waits to be answered. All that wait are answered in one batch. No frame is taken
from its capture so early that it would have to wait for an answer that is still being computed. So frames are no older
than they need be, whichever of the two is slower.

A server has a fixed number of captures, of which some are connected (realtime/serve/slot.py). It lets the first of a
batch wait a few milliseconds for the others, and decodes a frame while the one before is looked at: on two cores and
eight streams of JPEG pictures that answers a quarter more frames, 10 ms later.
"""

import math
import threading
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import closing
from typing import Generic, Protocol

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.ahead import ahead
from knowledge_spreader.realtime.pipeline import Looked
from knowledge_spreader.realtime.sources.live import Source, newest
from knowledge_spreader.realtime.types import Frame, FrameResult

_IDLE_S = 0.25
_NEW = 0.2  # weight of the newest duration in the expected one


class Analyses(Protocol):
    """The two halves of an Analyser."""

    def look(self, frames: Sequence[Frame]) -> Looked: ...
    def answer(self, looked: Looked) -> list[FrameResult]: ...


def analyse_live(
    captures: Sequence[Source],
    analyser: Analyses,
    stop: threading.Event,
    *,
    lookers: int = 1,
    failed: Callable[[Source, KSError], None],
    idle: Callable[[], None] = lambda: None,
    wants_idle: Callable[[], bool] = lambda: False,
    gather_s: float = 0.0,
    take_ahead: bool = False,
) -> Generator[FrameResult, None, None]:
    """One FrameResult per frame taken; those of a stream are in order. Sets `stop` when it ends.

    The captures are open and share one `news`. lookers: threads that find faces; stream n is looked at by thread
    n % lookers. failed: called with a source that fails while others go on; the error of the last one is raised.
    idle: called while no frame arrives. Both are called in the caller's thread. wants_idle: calls it now; who changes
    that notifies `news`. gather_s: a looked frame waits at most so long for those that are on their way, to be answered
    with them. take_ahead: a frame is taken, and so decoded, in another thread while the one before is looked at.
    """
    waiting = _Waiting(captures, min(lookers, len(captures)), wants_idle, gather_s)
    threads = []
    for i in range(waiting.lookers):
        mine = captures[i :: waiting.lookers]
        threads.append(
            threading.Thread(
                target=_look, args=(mine, analyser, waiting, stop, take_ahead), name=f"look {i}", daemon=True
            )
        )
    left = len(captures)
    try:
        for thread in threads:
            thread.start()
        while not stop.is_set():
            looked, failures, more = waiting.take()
            for capture, exc in failures:
                left -= 1
                if not left:
                    raise exc
                failed(capture, exc)
            if looked:
                yield from analyser.answer(_together(looked))
            elif more:
                idle()
            else:
                return
    finally:
        stop.set()
        waiting.wake()
        for thread in threads:
            if thread.ident is not None:
                thread.join()


def _look(
    captures: Sequence[Source],
    analyser: Analyses,
    waiting: "_Waiting[Source]",
    stop: threading.Event,
    take_ahead: bool,
) -> None:
    frames_taken = _take(captures, waiting, stop)
    try:
        with closing(ahead(frames_taken, 1, "take") if take_ahead else frames_taken) as taken:
            try:
                for frames in taken:
                    if frames:
                        waiting.begin(frames)
                        start_s = time.perf_counter()
                        waiting.put(analyser.look(frames), time.perf_counter() - start_s)
            except BaseException as exc:
                waiting.fail_with(exc)  # before the thread that takes is waited for
                raise
    except BaseException as exc:  # handed to the caller's thread
        waiting.end(exc)
    else:
        waiting.end()


def _take(
    captures: Sequence[Source], waiting: "_Waiting[Source]", stop: threading.Event
) -> Generator[list[Frame], None, None]:
    """A frame at a time, or none. Each is taken when the one before is being looked at, or later."""
    for frames in newest(captures, stop, waiting.fail, wanted=waiting.has_room, most=1):
        if frames:
            waiting.took(frames)
        yield frames
        if frames:
            waiting.until_begun(frames, stop)
            waiting.until_due(captures, stop)


def _together(looked: Sequence[Looked]) -> Looked:
    return Looked(
        tuple(frame for one in looked for frame in one.frames), tuple(faces for one in looked for faces in one.faces)
    )


class _Waiting(Generic[Source]):
    """Looked frames on their way to the answering thread, and when that will want the next. Thread-safe."""

    def __init__(
        self, captures: Sequence[Source], lookers: int, wants_idle: Callable[[], bool], gather_s: float
    ) -> None:
        self.lookers = lookers
        self._captures, self._news, self._working = captures, captures[0].news, lookers
        self._wants_idle, self._gather_s = wants_idle, gather_s
        self._taken: set[int] = set()  # streams with a frame that is taken and not looked at yet
        self._began_s: dict[int, float] = {}  # those of which it is being looked at, and since when
        self._first_s = 0.0  # when the first of those that wait was put
        self._looked: dict[int, Looked] = {}  # by stream
        self._failures: list[tuple[Source, KSError]] = []
        self._error: BaseException | None = None
        self._answering_s: float | None = None  # since when; None: the answering thread waits
        self._look_s = self._answer_s = 0.0  # expected durations, of a frame and of a batch

    def take(self) -> tuple[list[Looked], list[tuple[Source, KSError]], bool]:
        """What waits, and whether more may come. Raises the error of a thread that looks.

        Nothing after 0.25 s, or when the caller wants to be idle.
        """
        with self._news:
            if self._answering_s is not None:
                self._answer_s = _smoothed(self._answer_s, time.perf_counter() - self._answering_s)
                self._answering_s = None
                self._news.notify_all()
            self._news.wait_for(self._is_due, _IDLE_S)
            self._gather()
            looked, self._looked = list(self._looked.values()), {}
            failures, self._failures = self._failures, []
            if not looked and not failures and self._error is not None:
                raise self._error
            if looked:
                self._answering_s = time.perf_counter()
                self._news.notify_all()
            return looked, failures, bool(looked or failures or self._working)

    def _is_due(self) -> bool:
        return bool(self._looked or self._failures or self._error or not self._working or self._wants_idle())

    def _gather(self) -> None:
        """Waits for frames that will have been looked at before the first of those that wait is due."""
        while self._looked and self._error is None:
            now_s, due_s = time.perf_counter(), self._first_s + self._gather_s
            if now_s >= due_s or self._next_s(now_s) > due_s:
                return
            self._news.wait(due_s - now_s)

    def _next_s(self, now_s: float) -> float:
        """When the next frame is expected to be looked at; inf if none comes."""
        began_s = [*self._began_s.values()]
        if any(capture.waiting and self.has_room(capture) for capture in self._captures):
            began_s.append(now_s)
        return min(began_s) + self._look_s if began_s else math.inf

    def has_room(self, capture: Source) -> bool:
        number = capture.stream.number
        return number not in self._looked and number not in self._taken

    def took(self, frames: Sequence[Frame]) -> None:
        with self._news:
            self._taken.add(frames[0].stream.number)

    def begin(self, frames: Sequence[Frame]) -> None:
        """They are being looked at."""
        with self._news:
            self._began_s[frames[0].stream.number] = time.perf_counter()
            self._news.notify_all()

    def until_begun(self, frames: Sequence[Frame], stop: threading.Event) -> None:
        number = frames[0].stream.number
        with self._news:
            while number in self._taken and number not in self._began_s and not stop.is_set() and not self._error:
                self._news.wait()

    def put(self, looked: Looked, took_s: float) -> None:
        number = looked.frames[0].stream.number
        with self._news:
            self._taken.discard(number)
            del self._began_s[number]
            self._first_s = self._first_s if self._looked else time.perf_counter()
            self._looked[number] = looked
            self._look_s = _smoothed(self._look_s, took_s)
            self._news.notify_all()

    def until_due(self, captures: Sequence[Source], stop: threading.Event) -> None:
        """Waits while a frame that is looked at now would have to wait for the answers to those before it."""
        with self._news:
            while not stop.is_set() and not self._error:
                room = sum(capture.connected and self.has_room(capture) for capture in captures)
                if not room:
                    self._news.wait()  # take() wakes, and who connects
                    continue
                if self._answering_s is None:
                    return
                looks = room + len(self._taken)
                early_s = self._answering_s + self._answer_s - looks * self._look_s - time.perf_counter()
                if early_s <= 0:
                    return
                self._news.wait(early_s)

    def fail(self, capture: Source, exc: KSError) -> None:
        with self._news:
            self._failures.append((capture, exc))
            self._news.notify_all()

    def fail_with(self, error: BaseException) -> None:
        """A thread that looks will end with this."""
        with self._news:
            self._error = self._error or error
            self._news.notify_all()

    def end(self, error: BaseException | None = None) -> None:
        """A thread that looks has ended."""
        with self._news:
            self._working -= 1
            self._error = self._error or error
            self._news.notify_all()

    def wake(self) -> None:
        with self._news:
            self._news.notify_all()


def _smoothed(before_s: float, new_s: float) -> float:
    return new_s if not before_s else (1 - _NEW) * before_s + _NEW * new_s
