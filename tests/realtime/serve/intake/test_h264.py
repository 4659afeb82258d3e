"""H264: access units as they come -> the newest picture, every unit decoded."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction

import av
import numpy as np
import pytest
from av.codec.context import CodecContext

from knowledge_spreader.displayed import displayed
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.serve.intake.h264 import H264
from knowledge_spreader.realtime.types import Frame, Stream
from tests.realtime.serve.server import access_units, eventually

STREAM = Stream("door", 3, live=True)


@contextmanager
def intake(*, most_px: int = 10**7, bad_in_a_row: int = 100) -> Iterator["Fed"]:
    """Its event loop runs in a thread, as the server's does."""
    loop = asyncio.new_event_loop()
    running = threading.Thread(target=loop.run_forever)
    running.start()
    made = H264(STREAM, threading.Condition(), loop, most_px=most_px, bad_in_a_row=bad_in_a_row)
    try:
        yield Fed(made, loop)
    finally:
        made.close()
        loop.call_soon_threadsafe(loop.stop)
        running.join()
        loop.close()
    assert not [thread for thread in threading.enumerate() if thread.name == "h264 3"]


class Fed:
    def __init__(self, made: H264, loop: asyncio.AbstractEventLoop) -> None:
        self.made, self.loop = made, loop

    def put(self, time_s: float, unit: bytes) -> None:
        asyncio.run_coroutine_threadsafe(self.made.put(unit, time_s, 0.0), self.loop).result(30)

    def frame(self) -> Frame:
        eventually(lambda: self.made.waiting)
        found = self.made.take()
        assert found
        return found


def encoded(count: int, size: tuple[int, int] = (64, 48)) -> list[bytes]:
    """Units without B-frames: each gives its picture at once. Picture i is grey 40 + 7 i."""
    codec = CodecContext.create("libx264", "w")
    codec.width, codec.height, codec.pix_fmt, codec.time_base = *size, "yuv420p", Fraction(1, 25)
    codec.options = {"tune": "zerolatency", "preset": "ultrafast"}
    units = []
    for i in range(count):
        frame = av.VideoFrame.from_ndarray(np.full((size[1], size[0], 3), 40 + 7 * i, np.uint8), format="rgb24")
        frame.pts = i
        units += [bytes(packet) for packet in codec.encode(frame)]
    return units


def test_each_unit_gives_its_picture_with_the_time_that_was_sent() -> None:
    times = [0.1, 1 / 3, 1e9 + 0.7]  # exact to the last bit
    with intake() as fed:
        for i, (time_s, unit) in enumerate(zip(times, encoded(3), strict=True)):
            fed.put(time_s, unit)
            frame = fed.frame()
            assert (frame.index, frame.pts_s, frame.stream) == (i, time_s, STREAM)
            assert frame.image.shape == (48, 64, 3)
            assert float(np.median(frame.image)) == pytest.approx(40 + 7 * i, abs=2)


def test_units_as_they_are_stored_with_b_frames_give_their_pictures_in_order() -> None:
    """Of the demo clip. What PyAV reads out of the file is what comes, but for what the decoder still holds back."""
    units = access_units(30)
    assert [time_s for time_s, _ in units] != sorted(time_s for time_s, _ in units)
    with av.open(str(demo_clip())) as container:
        wanted = {frame.time: frame for frame, _ in zip(container.decode(video=0), range(30), strict=False)}
    found: list[Frame] = []
    with intake() as fed:
        for time_s, unit in units:
            fed.put(time_s, unit)
            while fed.made.waiting:
                found.append(fed.frame())
        eventually(lambda: fed.made.received - sum(fed.made.dropped.values()) >= 20)
        while fed.made.waiting:
            found.append(fed.frame())
    times = [frame.pts_s for frame in found]
    assert times == sorted(set(times))
    for frame in found:
        assert np.array_equal(frame.image, displayed(wanted[frame.pts_s]))


def test_pictures_that_are_not_taken_are_decoded_and_counted() -> None:
    """Each needs the one before it: the last of ten is right only if all were decoded."""
    with intake() as fed:
        for i, unit in enumerate(encoded(10)):
            fed.put(float(i), unit)
        eventually(lambda: fed.made.dropped["busy"] == 9)
        assert float(np.median(fed.frame().image)) == pytest.approx(40 + 7 * 9, abs=2)


def test_a_picture_whose_time_does_not_increase_is_dropped_after_it_was_decoded() -> None:
    first, second, third = encoded(3)
    with intake() as fed:
        fed.put(5.0, first)
        assert fed.frame().pts_s == 5.0
        fed.put(5.0, second)
        fed.put(6.0, third)
        assert float(np.median(fed.frame().image)) == pytest.approx(40 + 7 * 2, abs=2)
        assert fed.made.dropped["repeated"] == 1


def test_garbage_is_counted_and_after_too_much_in_a_row_an_error() -> None:
    with intake(bad_in_a_row=5) as fed:
        for _ in range(4):
            fed.put(0.0, b"garbage")
        (good,) = encoded(1)
        fed.put(1.0, good)
        assert fed.frame().pts_s == 1.0
        for _ in range(5):
            fed.put(2.0, b"garbage")
        eventually(lambda: fed.made.waiting)
        with pytest.raises(DataError, match=r"5 messages in a row gave no picture; send one H\.264 access unit"):
            fed.made.take()
        assert fed.made.dropped["undecodable"] == 9


def test_a_larger_picture_than_is_taken_is_never_decoded() -> None:
    """64 x 48 pixels are 3,072."""
    with intake(most_px=3_071, bad_in_a_row=2) as fed:
        for i, unit in enumerate(encoded(2)):
            fed.put(float(i), unit)
        eventually(lambda: fed.made.waiting)
        with pytest.raises(DataError):
            fed.made.take()


def test_who_sends_faster_than_can_be_decoded_waits() -> None:
    """1080p, 200 units at once: never more than four wait for the decoder."""
    units = encoded(20, (1920, 1080))
    with intake() as fed:
        for i in range(60):
            fed.put(float(i), units[i % 20])
            assert fed.made._units.qsize() <= 4


def test_closing_ends_the_thread_while_units_wait() -> None:
    units = encoded(4, (1920, 1080))
    with intake() as fed:
        for i, unit in enumerate(units):
            fed.put(float(i), unit)
