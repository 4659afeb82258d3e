"""Hub and slots: who is in a slot, what is in flight, and what a broken picture may harm."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction

import numpy as np
import pytest

from knowledge_spreader.engines.base import Engine
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.pipeline import Analyser, Looked
from knowledge_spreader.realtime.serve.hub import Hub
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.slot import FREE, LEAVES, TAKEN, Slot
from knowledge_spreader.realtime.types import Frame, FrameResult, Stream
from tests.realtime.serve.server import eventually
from tests.realtime.test_pipeline import Everywhere


class Frames:
    """An intake that holds what it is given, one frame at a time."""

    ended = False

    def __init__(self, slot: Slot) -> None:
        self.stream, self.received, self.dropped = Stream("a", slot.number, live=True), 0, Counter[str]()
        self._news = slot.news
        self.next: Frame | Exception | None = None

    @property
    def waiting(self) -> bool:
        return self.next is not None

    def give(self, time_s: float = 0.0) -> None:
        with self._news:
            image = np.zeros((112, 112, 3), np.uint8)
            self.next = Frame(image, self.stream, self.received, round(1000 * time_s), Fraction(1, 1000), 0.0)
            self.received += 1
            self._news.notify_all()

    def take(self) -> Frame | None:
        found, self.next = self.next, None
        if isinstance(found, Exception):
            self.next = found
            raise found
        return found


class Heard:
    """A listener."""

    def __init__(self) -> None:
        self.results: list[FrameResult] = []
        self.failures: list[BaseException] = []
        self.answered, self.failed = self.results.append, self.failures.append


class Gate(Everywhere):
    """Finds a face, when it is let; breaks at black pictures of stream `breaks`."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.here = threading.Event(), threading.Event()
        self.breaks, self.look_s = -1, 0.0

    def find(self, frame: Frame) -> list[FoundFace]:
        self.here.set()
        assert self.open.wait(30)
        time.sleep(self.look_s)
        if frame.stream.number == self.breaks:
            raise ZeroDivisionError
        return super().find(frame)


class Bare:
    """What a hub needs of Opened."""

    lookers, photographs = 1, False

    def __init__(self, made: Analyser) -> None:
        self.analyser = lambda stages: made


@contextmanager
def hub(engine: Engine, finder: Gate, streams: int = 2) -> Iterator[Hub]:
    opened: Opened = Bare(Analyser(engine, finder))
    with Hub(opened, Limits(streams=streams, images=1)) as made:
        try:
            yield made
        finally:
            finder.open.set()
    assert not [thread for thread in threading.enumerate() if thread.name in ("hub", "look 0")]


def entered(made: Hub) -> tuple[Slot, Frames, Heard]:
    slot = made.take(made.streams)
    assert slot
    frames, heard = Frames(slot), Heard()
    slot.begin(frames, heard)
    return slot, frames, heard


def test_a_slot_is_free_again_only_when_nothing_of_its_stream_is_in_flight(engine: Engine) -> None:
    finder = Gate()
    with hub(engine, finder, streams=1) as made:
        slot, frames, heard = entered(made)
        frames.give()
        assert finder.here.wait(30)
        slot.leave()  # while its frame is looked at
        assert slot.state == LEAVES
        assert made.take(made.streams) is None
        assert not finder.forgotten
        finder.open.set()
        eventually(lambda: slot.state == FREE)
        assert finder.forgotten == [slot.number]
        assert not heard.results  # nobody is there any more
        assert made.take(made.streams) is slot


def test_a_slot_that_is_left_before_anything_flowed_is_free_at_once(engine: Engine) -> None:
    with hub(engine, Gate()) as made:
        for _ in range(50):
            slot = made.take(made.streams)
            assert slot
            assert slot.state == TAKEN
            slot.leave()
            eventually(lambda slot=slot: slot.state == FREE)


def test_photographs_have_slots_of_their_own(engine: Engine) -> None:
    with hub(engine, Gate(), streams=2) as made:
        taken = [made.take(made.streams) for _ in range(3)]
        assert [slot and slot.number for slot in taken] == [0, 1, None]
        image = made.take(made.images)
        assert image
        assert image.number == 2


def test_an_error_of_an_intake_is_told_once_and_to_its_own_listener_alone(engine: Engine) -> None:
    finder = Gate()
    finder.open.set()
    with hub(engine, finder) as made:
        bad, frames, heard = entered(made)
        _, others, other = entered(made)
        with made.news:
            frames.next = DataError("the camera is gone")
            made.news.notify_all()
        eventually(lambda: len(heard.failures) == 1)
        others.give()
        eventually(lambda: len(other.results) == 1)
        assert not other.failures
        assert len(heard.failures) == 1
        bad.leave()
        eventually(lambda: bad.state == FREE)


def test_a_picture_that_breaks_the_face_finder_ends_its_own_stream_alone(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    finder = Gate()
    finder.open.set()
    with hub(engine, finder) as made:
        _, frames, heard = entered(made)
        _, others, other = entered(made)
        finder.breaks = 0
        frames.give()
        eventually(lambda: len(heard.failures) == 1)
        assert isinstance(heard.failures[0], ZeroDivisionError)
        for i in range(3):
            others.give(i / 25)
            eventually(lambda i=i: len(other.results) == i + 1)
        assert made.works
        frames.give()  # nothing is taken any more
        others.give(1.0)
        eventually(lambda: len(other.results) == 4)
        assert frames.waiting
    assert "breaks the face finder" in caplog.text


def test_when_the_engine_breaks_all_are_told_and_nobody_is_let_in(
    engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(Analyser):
        def answer(self, looked: Looked) -> list[FrameResult]:
            raise MemoryError("no more")

    finder = Gate()
    finder.open.set()
    told = threading.Event()
    with Hub(Bare(Broken(engine, finder)), Limits(streams=3, images=1), told.set) as made:
        _, frames, heard = entered(made)
        _, _, other = entered(made)
        frames.give()
        eventually(lambda: not made.works)
        eventually(lambda: len(heard.failures) == len(other.failures) == 1)
        assert made.take(made.streams) is None
        assert isinstance(made.error, MemoryError)
        assert told.wait(30)
    assert "the server cannot go on" in caplog.text


def test_new_streams_go_to_the_thread_that_looks_at_the_fewest(engine: Engine) -> None:
    """Two threads look, one at even and one at odd numbers."""
    bare = Bare(Analyser(engine, Gate()))
    bare.lookers = 2
    with Hub(bare, Limits(streams=4, images=2)) as made:
        taken = [made.take(made.streams) for _ in range(3)]
        assert [slot and slot.number for slot in taken] == [0, 1, 2]
        assert made.take(made.streams).number == 3


@pytest.mark.parametrize(
    ("lookers", "streams", "images", "taken", "photographs"),
    [
        (2, 3, 2, [0, 2, 4], [1, 3]),
        (3, 4, 2, [0, 1, 3, 4], [2, 5]),
        (2, 1, 3, [0], [1, 3, 5]),
    ],
)
def test_the_last_thread_looks_at_photographs_alone(
    engine: Engine, lookers: int, streams: int, images: int, taken: list[int], photographs: list[int]
) -> None:
    """Thread n % lookers looks at slot n."""
    bare = Bare(Analyser(engine, Gate()))
    bare.lookers, bare.photographs = lookers, True
    with Hub(bare, Limits(streams=streams, images=images)) as made:
        assert sorted(slot.number for slot in made.streams) == taken
        assert [slot.number for slot in made.images] == photographs


def sizes_of_batches(engine: Engine, deadline_s: float) -> list[int]:
    """When two streams send at the same time, 20 times, and looking takes 10 ms."""

    class Counted(Analyser):
        sizes: Sequence[int] = ()

        def answer(self, looked: Looked) -> list[FrameResult]:
            self.sizes = (*self.sizes, len(looked.frames))
            return super().answer(looked)

    finder = Gate()
    finder.open.set()
    finder.look_s = 0.01
    analyser = Counted(engine, finder)
    with Hub(Bare(analyser), Limits(streams=2, images=1, deadline_s=deadline_s)) as made:
        (_, a, heard_a), (_, b, heard_b) = entered(made), entered(made)
        for i in range(20):
            with made.news:
                a.give(i / 25)
                b.give(i / 25)
            eventually(lambda i=i: len(heard_a.results) == len(heard_b.results) == i + 1)
    return list(analyser.sizes)


def test_frames_that_arrive_together_are_answered_together(engine: Engine) -> None:
    """40 frames in 20 pairs; the machine may stand still now and then."""
    sizes = sizes_of_batches(engine, deadline_s=0.5)
    assert sum(sizes) == 40
    assert sizes.count(2) >= 15


def test_the_first_waits_for_no_frame_that_comes_after_the_deadline(engine: Engine) -> None:
    """Looking at the second takes 10 ms, and the first waits 1 ms at most."""
    sizes = sizes_of_batches(engine, deadline_s=0.001)
    assert sum(sizes) == 40
    assert sizes.count(1) >= 30


def test_no_frame_waits_for_a_stream_that_sends_nothing(engine: Engine) -> None:
    """With a deadline of 1 s, ten frames of one stream beside a silent one would take 10 s."""
    finder = Gate()
    finder.open.set()
    with Hub(Bare(Analyser(engine, finder)), Limits(streams=2, images=1, deadline_s=1.0)) as made:
        (_, a, heard), _ = entered(made), entered(made)
        waiting = threading.Event()
        timer = threading.Timer(5.0, waiting.set)
        timer.start()
        for i in range(10):
            a.give(i / 25)
            eventually(lambda i=i: len(heard.results) == i + 1)
        assert not waiting.is_set()
        timer.cancel()
        timer.join()
