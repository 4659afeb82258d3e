"""Hub: one engine and one thread that answers the frames of all streams, together.

    slot of each stream -> look: take, decode, find faces -> wait up to the deadline -> encode, predict -> its listener
    realtime/serve/slot.py   threads of realtime/live_run.py                            the hub's thread

Photographs have slots of their own, and a thread that looks at nothing else. A slot that was left is free again when
nothing of its stream is in flight and all state of it is forgotten, in this thread.
"""

import asyncio
import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, Self, TypeVar

from knowledge_spreader.errors import KSError, one_line
from knowledge_spreader.realtime.live_run import analyse_live
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.pipeline import Analyser, Looked
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.metrics import Metrics
from knowledge_spreader.realtime.serve.slot import FREE, TAKEN, Slot
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.types import Frame, FrameResult

log = logging.getLogger(__name__)

_STOP_S = 5.0
P = ParamSpec("P")
T = TypeVar("T")


class Hub:
    """A context manager. opened: used by this hub alone, and stays open."""

    def __init__(self, opened: Opened, limits: Limits, broke: Callable[[], None] = lambda: None) -> None:
        """broke: called in the hub's thread if that ends with an error."""
        self.opened, self.limits, self._broke = opened, limits, broke
        self.error: BaseException | None = None  # what ended the thread
        self._news, self._stop, self._closes = threading.Condition(), threading.Event(), False
        self.streams, self.images, self._slots = _slots(opened, limits, self._news)
        self.metrics = Metrics(self.streams)
        self._analyser = opened.analyser(Stages())
        self._thread = threading.Thread(target=self._run, name="hub", daemon=True)
        most = limits.most_streams + limits.images  # cameras may open slowly
        self._pool = ThreadPoolExecutor(most, thread_name_prefix="serve")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        self._wake()
        self._thread.join(_STOP_S)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What would block the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, lambda: work(*args, **kwargs))

    @property
    def works(self) -> bool:
        return self._thread.is_alive() and not self._stop.is_set()

    @property
    def news(self) -> threading.Condition:
        """Of all slots: shared with the captures in them."""
        return self._news

    def take(self, slots: Sequence[Slot]) -> Slot | None:
        """A free one of `streams` or of `images`, now taken; None: all are in use."""
        with self._news:
            free = [slot for slot in slots if slot.state == FREE]
            if not free or not self.works or (self._closes and slots is self.streams):
                return None
            found = min(free, key=self._company)
            found.state = TAKEN
            return found

    def end_streams(self, why: BaseException) -> None:
        """Each stream is told why it ends, and no more are taken. From any thread."""
        with self._news:
            self._closes = True
        for slot in self.streams:
            slot.failed(why)

    def _company(self, slot: Slot) -> int:
        """How many streams the thread looks at that would look at this one."""
        lookers = self.opened.lookers
        return sum(other.state != FREE for other in self._slots[slot.number % lookers :: lookers])

    def _run(self) -> None:
        try:
            for result in self._results():
                self.metrics.answered(result)
                self._slots[result.frame.stream.number].answered(result)
                self._free_left()
        except Exception as exc:  # the edge of the thread: all streams are told
            log.exception("the engine's thread broke (%s); the server cannot go on", one_line(exc))
            self.error = exc
            for slot in self._slots:
                slot.failed(exc)
            self._broke()

    def _results(self) -> Iterator[FrameResult]:
        return analyse_live(
            self._slots,
            _Watched(self._analyser, self._slots, self.metrics),
            self._stop,
            lookers=self.opened.lookers,
            failed=_never,
            idle=self._free_left,
            wants_idle=self._has_empty,
            gather_s=self.limits.deadline_s,
            take_ahead=True,
        )

    def _has_empty(self) -> bool:
        return any(slot.is_empty for slot in self._slots)

    def _free_left(self) -> None:
        for slot in self._slots:
            if slot.is_empty:
                self._analyser.forget(slot.number)
                self.metrics.free(slot)

    def _wake(self) -> None:
        with self._news:
            self._news.notify_all()


def _slots(opened: Opened, limits: Limits, news: threading.Condition) -> tuple[list[Slot], list[Slot], list[Slot]]:
    """Those of streams, those of photographs, and all. Slot n is looked at by thread n % lookers."""
    streams, images = limits.most_streams, limits.images
    if not opened.photographs:
        made = [Slot(number, news) for number in range(streams + images)]
        return made[:streams], made[streams:], made
    lookers, last = opened.lookers, opened.lookers - 1
    rounds = max(-(-streams // last), images)
    made = [Slot(number, news) for number in range(rounds * lookers)]
    of_streams = [slot for slot in made if slot.number % lookers != last]
    return of_streams[:streams], made[last::lookers][:images], made  # a few belong to neither, and stay empty


class _Watched:
    """The analyser, counted. A picture that breaks it harms its own stream alone."""

    def __init__(self, analyser: Analyser, slots: Sequence[Slot], metrics: Metrics) -> None:
        self._analyser, self._slots, self._metrics = analyser, slots, metrics

    def look(self, frames: Sequence[Frame]) -> Looked:
        try:
            return self._analyser.look(frames)
        except Exception as exc:  # the edge between one stream and all others
            log.exception("a frame of %s breaks the face finder", frames[0].stream.name)
            for frame in frames:
                self._slots[frame.stream.number].failed(exc)
            return Looked(tuple(frames), ((),) * len(frames))

    def answer(self, looked: Looked) -> list[FrameResult]:
        self._metrics.batch_frames.observe(len(looked.frames))
        return self._analyser.answer(looked)


def _never(slot: Slot, exc: KSError) -> None:
    raise AssertionError(f"a slot hands on its errors itself: {exc}")
