"""The live policy: a thread always drains the source, the newest frame wins, and a lost source is opened again."""

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from types import TracebackType

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.sources.interrupt import interruptible
from knowledge_spreader.realtime.sources.open_reader import open_reader
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Picture, Reader, merged_sound
from knowledge_spreader.realtime.sources.recorded import frame_of, stream_of
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.timeline import Timeline
from knowledge_spreader.realtime.types import Frame, Stream

log = logging.getLogger(__name__)

_LOOK_S = 0.25  # newest() looks so often whether to stop, for an Event cannot wake a Condition
_MISSING_S = 2.0  # of a recording's length may be missing at its end
_CLOSE_S = 2.0  # the thread ends within a fraction of this; where a driver hangs we do not


class Capture:
    """Always holds the newest frame of a source.

    A stream that breaks or falls silent for timeout_s is opened again, at first after first_retry_s, then after twice
    that and so on up to last_retry_s, each shortened at random so that many do not come at once. A recording is played
    at its own pace, times `speed`, and ends; so is a video at a web server. Captures that one consumer waits for
    share `news`. __enter__ raises DataError or MissingError when the source cannot be opened.
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
        self.ended = False  # no frame will come any more; the last may still wait
        self._target, self._number, self._audio, self._timeout_s = target, number, audio, timeout_s
        self._first_retry_s, self._last_retry_s = first_retry_s, last_retry_s
        self._intake, self._timeline, self._stop = Intake(), Timeline(), threading.Event()
        self._pace = Pace(speed, self._stop)
        self._newest: tuple[Picture, int, float] | None = None  # and its epoch and shift
        self._error: BaseException | None = None
        self._lost_s: float | None = None  # since when, while the source is away
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
        """take() has something to say."""
        return self._newest is not None or self._error is not None

    def __enter__(self) -> "Capture":
        reader = self._open()
        self._stream = stream_of(self._target, self._number, reader, live=True)
        self._thread = threading.Thread(target=self._run, args=(reader,), name=f"capture {self._number}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, exc: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        assert self._thread
        self._thread.join(_CLOSE_S)
        if self._thread.is_alive():
            log.warning("%s: does not let go; it is left behind", self._target.name)
        self._newest = None

    def take(self) -> Frame | None:
        """The newest frame that was not taken yet. Raises what ended the source, if it was an error."""
        with self.news:
            newest, self._newest = self._newest, None
        if newest is not None:
            picture, epoch, shift_s = newest
            return frame_of(picture, self.stream, epoch, shift_s)  # converted here: not under the lock, not if dropped
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
        except BaseException as exc:  # the thread's edge: take() raises it
            self._error = exc
        with self.news:
            self.ended = True
            self.news.notify_all()

    def _play(self, reader: Reader) -> str:
        """Offers pictures until the source ends or breaks. Returns why to open it again, or "" to end."""
        played = _Played()
        try:
            for picture in reader.pictures():
                played.add(picture.pts_s)
                self._offer(picture)
                if self._stop.is_set():
                    return ""
            why = f"{self._target.name}: the server ended it"
        except KSError as exc:
            if self._target.live:
                why = str(exc)
            elif self._timeline.started:
                log.warning("%s; what came before is kept", exc)
            else:
                raise
        finally:
            reader.close()
        if not self._stop.is_set() and not (reader.finite and played.to_the_end(self._target, reader.duration_s)):
            return why
        if not self._timeline.started and not self._stop.is_set():
            raise DataError(f"{self._target.name}: not one picture of it can be decoded; copy or re-encode it")
        return ""

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
        """Tries until the source is there again; None when it is time to stop."""
        retry_s = self._last_retry_s  # it was there again, but gave no picture
        if self._lost_s is None:
            log.warning("%s; trying to get it back", why)
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
            spent_s = time.perf_counter() - tried_s  # an attempt that timed out was a wait itself
            self._stop.wait(max(retry_s * random.uniform(0.5, 1.0) - spent_s, 0.0))
        return None


class _Played:
    """How much of a stream was seen since it was opened."""

    def __init__(self) -> None:
        self._first_s = self._last_s = 0.0
        self._any = False

    def add(self, pts_s: float) -> None:
        self._first_s = self._first_s if self._any else pts_s
        self._last_s, self._any = pts_s, True

    def to_the_end(self, target: Target, duration_s: float | None) -> bool:
        """An RTSP server that goes away looks like the end of a recording that it plays: too early, it is not."""
        if not target.address.lower().startswith("rtsp") or duration_s is None:
            return True
        return self._last_s - self._first_s >= duration_s - _MISSING_S


def newest(
    captures: Sequence[Capture], stop: threading.Event, failed: Callable[[Capture, KSError], None] | None = None
) -> Iterator[list[Frame]]:
    """The newest frame of each stream that has one not yet seen, until all have ended or `stop` is set.

    Yields an empty list where nothing has come for a quarter of a second: time to look after a window. A source that
    cannot go on is left out and told to `failed`; without it, and where it is the last one, its error is raised. The
    captures share their `news`, and whoever entered them closes them.
    """
    news, working = captures[0].news, list(captures)
    assert all(capture.news is news for capture in captures), "captures that are waited for together share their news"
    while not stop.is_set():
        frames = []
        for capture in tuple(working):
            try:
                frame = capture.take()
            except KSError as exc:
                if failed is None or len(working) == 1:
                    raise
                working.remove(capture)
                failed(capture, exc)
            else:
                frames += [frame] if frame is not None else []
        if frames:
            yield frames
            continue
        with news:
            if any(capture.waiting for capture in working):
                continue
            if all(capture.ended for capture in working):
                return
            came = news.wait(_LOOK_S)
        if not came:
            yield []
