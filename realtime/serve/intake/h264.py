"""H264: access units of a stream, each of them decoded in a thread of its own; the newest picture is taken.

Every unit is needed for those after it, so none is dropped before it is decoded. Who sends faster than they can be
decoded waits: put() returns when there is room, and meanwhile nothing is read from the connection.
"""

import asyncio
import queue
import threading
from collections import Counter
from contextlib import suppress
from fractions import Fraction

import av
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext

from knowledge_spreader.displayed import displayed
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.serve.intake.pictures import BUSY, REPEATED, UNDECODABLE
from knowledge_spreader.realtime.types import Frame, Stream

_AHEAD = 4  # units that wait for the decoder
_KEPT = 64  # times of units in the decoder; more than it holds back
_CLOSE_S = 2.0

Unit = tuple[bytes, float, int, float]  # access unit, time_s, index, captured_s


class H264:
    """put() is called in the event loop, take() by another thread. close() it."""

    ended = False

    def __init__(
        self,
        stream: Stream,
        news: threading.Condition,
        loop: asyncio.AbstractEventLoop,
        *,
        most_px: int,
        bad_in_a_row: int,
    ) -> None:
        """loop: where put() is called."""
        self.stream, self.received = stream, 0
        self._news, self._bad_in_a_row = news, bad_in_a_row
        self._codec = _decoder(most_px)
        self._units: queue.SimpleQueue[Unit | None] = queue.SimpleQueue()
        self._loop, self._room = loop, asyncio.Semaphore(_AHEAD)
        self._lost = Counter({REPEATED: 0, BUSY: 0, UNDECODABLE: 0})
        self._in_decoder: dict[int, Unit] = {}  # by index
        self._bad = 0  # units in a row
        self._newest: tuple[av.VideoFrame, Unit] | None = None
        self._last_s: float | None = None
        self._error: Exception | None = None
        self._closed = False
        self._thread = threading.Thread(target=self._run, name=f"h264 {stream.number}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> bool:
        return self._newest is not None or self._error is not None

    @property
    def dropped(self) -> Counter[str]:
        return Counter(self._lost)

    async def put(self, data: bytes, time_s: float, captured_s: float) -> None:
        """Waits for room. A picture whose time does not increase is decoded, and then dropped."""
        index, self.received = self.received, self.received + 1
        await self._room.acquire()
        self._units.put((data, time_s, index, captured_s))

    def take(self) -> Frame | None:
        """The newest picture. Raises DataError after many units that cannot be decoded."""
        with self._news:
            newest, self._newest = self._newest, None
        if newest is None:
            if self._error is not None:
                raise self._error
            return None
        picture, (_, time_s, index, captured_s) = newest
        pts, unit = time_s.as_integer_ratio()  # exact
        return Frame(
            displayed(picture, self._codec.sample_aspect_ratio), self.stream, index, pts, Fraction(1, unit), captured_s
        )

    def close(self) -> None:
        """Blocks until the thread has ended."""
        self._closed = True
        self._units.put(None)
        self._thread.join(_CLOSE_S)

    def _run(self) -> None:
        try:
            while (unit := self._units.get()) is not None and not self._closed:
                self._decode(unit)
                with suppress(RuntimeError):  # the loop was closed meanwhile
                    self._loop.call_soon_threadsafe(self._room.release)
        except Exception as exc:  # the edge of the thread: take() raises it
            with self._news:
                self._error = exc
                self._news.notify_all()

    def _decode(self, unit: Unit) -> None:
        packet = Packet(unit[0])
        packet.pts = packet.dts = unit[2]
        self._in_decoder[unit[2]] = unit
        while len(self._in_decoder) > _KEPT:
            del self._in_decoder[next(iter(self._in_decoder))]
        try:
            pictures = self._codec.decode(packet) if unit[0] else []
        except FFmpegError:
            pictures = []
            self._lost[UNDECODABLE] += 1
            self._in_decoder.pop(unit[2], None)
        self._bad = 0 if pictures else self._bad + 1
        if self._bad >= self._bad_in_a_row:
            raise DataError(
                f"{self._bad} messages in a row gave no picture; send one H.264 access unit (Annex B) in each, and "
                "begin with a key frame and its SPS and PPS"
            )
        for picture in pictures:
            self._offer(picture)

    def _offer(self, picture: av.VideoFrame) -> None:
        unit = self._in_decoder.pop(picture.pts if picture.pts is not None else -1, None)
        if unit is None or (self._last_s is not None and unit[1] <= self._last_s):
            self._lost[REPEATED] += 1
        elif picture.is_corrupt:
            self._lost[UNDECODABLE] += 1
        else:
            self._last_s = unit[1]
            with self._news:
                self._lost[BUSY] += self._newest is not None
                self._newest = picture, unit
                self._news.notify_all()


def _decoder(most_px: int) -> VideoCodecContext:
    """One thread: more of them hold pictures back. A larger picture is an error before memory is taken for it."""
    codec = CodecContext.create("h264", "r")
    assert isinstance(codec, VideoCodecContext), codec
    codec.thread_count = 1
    codec.options = {"max_pixels": str(most_px)}
    return codec
