"""The live policy: a thread always drains the source, the newest frame wins, and a lost source is reopened."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol, TypeVar

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.sources.open_reader import open_reader
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Picture, Reader, merged_sound
from knowledge_spreader.realtime.sources.recorded import damage, frame_of, stream_of
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.timeline import Timeline
from knowledge_spreader.realtime.sources.video.interrupt import interruptible
from knowledge_spreader.realtime.types import Frame, Stream

log = logging.getLogger(__name__)

_LOOK_S = 0.25  # newest() checks this often whether to stop, because an Event cannot wake a Condition
_MISSING_S = 2.0  # an RTSP recording may end this much before its stated duration
_CLOSE_S = 2.0  # limit for closing the thread, which normally takes a fraction of it; a driver may hang


class Newest(Protocol):
    """What newest() needs of a source: a Capture, or what stands for one."""

    @property
    def news(self) -> threading.Condition: ...  # notified when `waiting` or `ended` changes
    @property
    def stream(self) -> Stream: ...
    @property
    def waiting(self) -> bool: ...
    @property
    def ended(self) -> bool: ...
    @property
    def connected(self) -> bool: ...  # False: nothing comes before `news` is notified

    def take(self) -> Frame | None: ...


Source = TypeVar("Source", bound=Newest)


class Capture:
    """Always holds the newest frame of a source.

    A stream that breaks, or sends no frame for timeout_s, is reopened: first after first_retry_s, then after twice
    that, and so on up to last_retry_s, each shortened at random so that many streams do not reconnect at once. A
    recording, also one on a web server, is played in real time (times `speed`) and ends. Captures that one consumer
    waits for share `news`. __enter__ raises DataError or MissingError if the source cannot be opened.
    """

    def __init__(
        self,
        target: Target,
        number: int = 0,
        *,
        audio: bool = False,
        timeout_s: float = 4.0,
        news: threading.Condition | None = None,
        speed: float = 1.0,
        first_retry_s: float = 0.2,
        last_retry_s: float = 1.5,
    ) -> None:
        self.news = news or threading.Condition()
        self.reconnects = 0
        self.loss = ""  # one line: what of a recording could not be read; "" = nothing
        self.ended = False  # no more frames; the last one may not be taken yet
        self.connected = True
        self._target, self._number, self._audio, self._timeout_s = target, number, audio, timeout_s
        self._first_retry_s, self._last_retry_s = first_retry_s, last_retry_s
        self._intake, self._timeline, self._stop = Intake(), Timeline(), threading.Event()
        self._pace = Pace(speed, self._stop)
        self._newest: tuple[Picture, int, float] | None = None  # with its epoch and shift_s
        self._error: BaseException | None = None
        self._lost_s: float | None = None  # when the source was lost; None: it is connected
        self._stream: Stream | None = None
        self._thread: threading.Thread | None = None

    @property
    def stream(self) -> Stream:
        assert self._stream, "enter the capture first"
        return self._stream

    @property
    def received(self) -> int:
        return self._intake.received

    @property
    def dropped(self) -> Counter[str]:
        return Counter(self._intake.dropped)

    @property
    def waiting(self) -> bool:
        """Whether take() would return a frame or raise."""
        return self._newest is not None or self._error is not None

    def __enter__(self) -> "Capture":
        reader = self._open()
        self._stream = stream_of(self._target, self._number, reader, live=True)
        self._thread = threading.Thread(target=self._run, args=(reader,), name=f"capture {self._number}", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stop.set()
        assert self._thread
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            log.warning("%s: does not close; left open", self._target.name)
        self._newest = None

    def take(self) -> Frame | None:
        """The newest frame, if it was not taken yet. Raises the error that ended the source, if there was one."""
        with self.news:
            newest, self._newest = self._newest, None
        if newest is not None:
            picture, epoch, shift_s = newest
            return frame_of(picture, self.stream, epoch, shift_s)  # convert outside the lock, and never a dropped frame
        if self._error is not None:
            raise self._error
        return None

    def _open(self) -> Reader:
        return open_reader(
            self._target, self._intake, live=True, audio=self._audio, timeout_s=self._timeout_s, pace=self._pace
        )

    def _run(self, reader: Reader) -> None:
        try:
            with interruptible(self._stop):
                connected: Reader | None = reader
                while connected is not None:
                    connected = self._reopened(why) if (why := self._play(connected)) else None
        except BaseException as exc:  # the edge of the thread: take() raises it
            self._error = exc
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _play(self, reader: Reader) -> str:
        """Offers pictures until the source ends or breaks. Returns the reason to reopen it, or "" to end."""
        played = _Played()
        try:
            for picture in reader.pictures():
                played.add(picture.pts_s)
                self._offer(picture)
                if self._stop.is_set():
                    return ""
            why = f"{self._target.name}: the server ended the stream"
        except KSError as exc:
            if self._target.live:
                why = str(exc)
            elif self._timeline.started:
                self._lost(f"{exc}; the frames before this are kept")
            else:
                raise
        finally:
            reader.close()
        if not self._stop.is_set() and not (reader.finite and played.to_the_end(self._target, reader.duration_s)):
            return why
        if not self._timeline.started and not self._stop.is_set():
            raise DataError(f"{self._target.name}: no frame can be decoded; copy it again or re-encode it")
        if not self._target.live:
            for line in damage(self._target.name, self._intake):
                self._lost(line)
        return ""

    def _lost(self, what: str) -> None:
        log.warning("%s", what)
        self.loss = f"{self.loss}; {what}" if self.loss else what

    def _offer(self, picture: Picture) -> None:
        if not self._timeline.place(picture.pts_s, picture.captured_s):
            self._intake.dropped["repeated"] += 1
            return
        if self._lost_s is not None:
            log.warning("%s: back after %.1f s", self._target.name, time.perf_counter() - self._lost_s)
            self._lost_s = None
        with self.news:
            if self._newest is not None:
                self._intake.dropped["busy"] += 1
                picture = merged_sound(self._newest[0], picture)
            self._newest = picture, self._timeline.epoch, self._timeline.shift_s
            self.news.notify_all()

    def _reopened(self, why: str) -> Reader | None:
        """Retries until the source can be opened; None if the capture is stopped."""
        retry_s = self._last_retry_s  # it reconnected, but sent no picture
        if self._lost_s is None:
            log.warning("%s; reconnecting", why)
            self._lost_s = time.perf_counter()
            retry_s = self._first_retry_s
        self._stop.wait(retry_s * random.uniform(0.5, 1.0))
        while not self._stop.is_set():
            tried_s = time.perf_counter()
            try:
                reader = self._open()
            except KSError as exc:
                log.debug("%s", exc)
            else:
                self.reconnects += 1
                self._timeline.reconnected()
                return reader
            retry_s = min(2 * retry_s, self._last_retry_s)
            spent_s = time.perf_counter() - tried_s  # a timed-out attempt counts as waiting
            self._stop.wait(max(retry_s * random.uniform(0.5, 1.0) - spent_s, 0.0))
        return None


class _Played:
    """How much of a stream was played since it was opened."""

    def __init__(self) -> None:
        self._first_s = self._last_s = 0.0
        self._any = False

    def add(self, pts_s: float) -> None:
        self._first_s = self._first_s if self._any else pts_s
        self._last_s, self._any = pts_s, True

    def to_the_end(self, target: Target, duration_s: float | None) -> bool:
        """A lost RTSP server looks like the end of the recording that it plays; the duration tells them apart."""
        if not target.address.lower().startswith("rtsp") or duration_s is None:
            return True
        return self._last_s - self._first_s >= duration_s - _MISSING_S


def newest(
    captures: Sequence[Source],
    stop: threading.Event,
    failed: Callable[[Source, KSError], None] | None = None,
    *,
    wanted: Callable[[Source], bool] = lambda _: True,
    most: int = 0,
) -> Iterator[list[Frame]]:
    """The newest frame of each stream that has a new one, until all have ended or `stop` is set.

    Yields an empty list if nothing arrives for 0.25 s, so that the caller can keep a window alive. A source that fails
    is passed to `failed`, and the others go on; without `failed` its error is raised. wanted: which streams to take a
    frame from now; who changes that notifies `news`. most: frames in a list, the streams in turn; 0: of all. All
    captures must share one `news`; the caller enters and closes them.
    """
    news, working = captures[0].news, list(captures)
    assert all(capture.news is news for capture in captures), "captures must share one news"
    while not stop.is_set():
        frames: list[Frame] = []
        for capture in tuple(working):
            if (most and len(frames) == most) or not wanted(capture):
                continue
            try:
                frame = capture.take()
            except KSError as exc:
                if failed is None:
                    raise
                working.remove(capture)
                failed(capture, exc)
            else:
                if frame is not None:
                    frames.append(frame)
                    working.remove(capture)
                    working.append(capture)  # its next turn comes last
        if frames:
            yield frames
            continue
        with news:
            if any(capture.waiting and wanted(capture) for capture in working):
                continue
            if all(capture.ended and not capture.waiting for capture in working):
                return
            came = news.wait(_LOOK_S)
        if not came:
            yield []
