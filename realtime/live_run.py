"""analyse_live(): the newest frames of live streams, with the faces found in other threads than the answers.

    capture of each stream -> look: take the newest frame, find its faces -> answer: encode, predict
    a thread each             one or more threads, each with its streams     the caller's thread

At most one looked frame of each stream waits to be answered. All that wait are answered in one batch. No frame is taken
from its capture so early that it would have to wait for an answer that is still being computed. So frames are no older
than they need be, whichever of the two is slower.
"""

import threading
import time
from collections.abc import Callable, Generator, Sequence

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.pipeline import Analyser, Looked
from knowledge_spreader.realtime.sources.live import Capture, newest
from knowledge_spreader.realtime.types import FrameResult

_IDLE_S = 0.25
_NEW = 0.2  # weight of the newest duration in the expected one

Failure = tuple[Capture, KSError]


def analyse_live(
    captures: Sequence[Capture],
    analyser: Analyser,
    stop: threading.Event,
    *,
    lookers: int = 1,
    failed: Callable[[Capture, KSError], None],
    idle: Callable[[], None] = lambda: None,
) -> Generator[FrameResult, None, None]:
    """One FrameResult per frame taken; those of a stream are in order. Sets `stop` when it ends.

    The captures are open and share one `news`. lookers: threads that find faces; stream n is looked at by thread
    n % lookers. failed: called with a source that fails while others go on; the error of the last one is raised.
    idle: called while no frame arrives. Both are called in the caller's thread.
    """
    waiting = _Waiting(captures[0].news, min(lookers, len(captures)))
    threads = []
    for i in range(waiting.lookers):
        mine = captures[i :: waiting.lookers]
        threads.append(
            threading.Thread(target=_look, args=(mine, analyser, waiting, stop), name=f"look {i}", daemon=True)
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


def _look(captures: Sequence[Capture], analyser: Analyser, waiting: "_Waiting", stop: threading.Event) -> None:
    try:
        for frames in newest(captures, stop, waiting.fail, wanted=waiting.has_room, most=1):
            if frames:
                start_s = time.perf_counter()
                waiting.put(analyser.look(frames), time.perf_counter() - start_s)
                waiting.until_due(captures, stop)
    except BaseException as exc:  # handed to the caller's thread
        waiting.end(exc)
    else:
        waiting.end()


def _together(looked: Sequence[Looked]) -> Looked:
    return Looked(
        tuple(frame for one in looked for frame in one.frames), tuple(faces for one in looked for faces in one.faces)
    )


class _Waiting:
    """Looked frames on their way to the answering thread, and when that will want the next. Thread-safe."""

    def __init__(self, news: threading.Condition, lookers: int) -> None:
        self.lookers = lookers
        self._news, self._working = news, lookers
        self._looked: dict[int, Looked] = {}  # by stream
        self._failures: list[Failure] = []
        self._error: BaseException | None = None
        self._answering_s: float | None = None  # since when; None: the answering thread waits
        self._look_s = self._answer_s = 0.0  # expected durations, of a frame and of a batch

    def take(self) -> tuple[list[Looked], list[Failure], bool]:
        """What waits, or nothing after 0.25 s; and whether more may come. Raises the error of a thread that looks."""
        with self._news:
            if self._answering_s is not None:
                self._answer_s = _smoothed(self._answer_s, time.perf_counter() - self._answering_s)
                self._answering_s = None
                self._news.notify_all()
            self._news.wait_for(lambda: self._looked or self._failures or self._error or not self._working, _IDLE_S)
            looked, self._looked = list(self._looked.values()), {}
            failures, self._failures = self._failures, []
            if not looked and not failures and self._error is not None:
                raise self._error
            if looked:
                self._answering_s = time.perf_counter()
                self._news.notify_all()
            return looked, failures, bool(looked or failures or self._working)

    def has_room(self, capture: Capture) -> bool:
        return capture.stream.number not in self._looked

    def put(self, looked: Looked, took_s: float) -> None:
        with self._news:
            self._looked[looked.frames[0].stream.number] = looked
            self._look_s = _smoothed(self._look_s, took_s)
            self._news.notify_all()

    def until_due(self, captures: Sequence[Capture], stop: threading.Event) -> None:
        """Waits while a frame that is looked at now would have to wait for the answers to those before it."""
        with self._news:
            while not stop.is_set():
                room = sum(map(self.has_room, captures))
                if not room:
                    self._news.wait()  # take() wakes
                    continue
                if self._answering_s is None:
                    return
                early_s = self._answering_s + self._answer_s - room * self._look_s - time.perf_counter()
                if early_s <= 0:
                    return
                self._news.wait(early_s)

    def fail(self, capture: Capture, exc: KSError) -> None:
        with self._news:
            self._failures.append((capture, exc))
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
