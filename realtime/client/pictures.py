"""Pictures become what is sent: a JPEG each, or an H.264 access unit each; and frames at their times."""

import math
import time
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Protocol

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.opencv import cv2

FORMATS = ("jpeg", "h264")
Picture = U8 | bytes  # (H, W, 3) RGB, or encoded already
TimedPicture = tuple[float, Picture]  # seconds, which increase from frame to frame

_TIME_BASE = Fraction(1, 1_000_000)
_KEY_EVERY = 60  # frames: so long may a decoder that lost one wait
_KEY_UNITS = (5, 7)  # kinds of H.264 units with which a decoder can begin: a key picture, a sequence's parameters


class Encoder(Protocol):
    def __call__(self, time_s: float, picture: Picture, *, first: bool) -> bytes:
        """b"" if it must be left out. first: nothing was sent on this connection yet."""


def encoder(name: str, quality: int) -> Encoder:
    """name: of FORMATS. quality: of JPEG, 1 to 100. Raises DataError."""
    if name not in FORMATS:
        raise DataError(f"format must be one of {', '.join(FORMATS)}; got {name!r}")
    if not 1 <= quality <= 100:
        raise DataError(f"quality must be 1 to 100; got {quality}")
    return Jpeg(quality) if name == "jpeg" else H264()


class Jpeg:
    def __init__(self, quality: int) -> None:
        self._settings = [int(cv2.IMWRITE_JPEG_QUALITY), quality]

    def __call__(self, time_s: float, picture: Picture, *, first: bool) -> bytes:
        if isinstance(picture, bytes):
            return picture
        _check(picture)
        done, encoded = cv2.imencode(".jpg", picture[..., ::-1], self._settings)
        if not done:
            raise DataError(f"a picture of {picture.shape[1]} x {picture.shape[0]} cannot be a JPEG; send smaller ones")
        return bytes(encoded)


class H264:
    """Each picture gives one access unit at once. Of encoded ones, those before the first key picture are left out."""

    def __init__(self) -> None:
        self._context: VideoCodecContext | None = None
        self._waits = True

    def __call__(self, time_s: float, picture: Picture, *, first: bool) -> bytes:
        if isinstance(picture, bytes):
            self._waits = (self._waits or first) and not is_key(picture)
            return b"" if self._waits else picture
        _check(picture)
        height, width = (side // 2 * 2 for side in picture.shape[:2])  # its colours lie in squares of two
        if first or self._context is None or (self._context.width, self._context.height) != (width, height):
            self._context = _x264(width, height)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture[:height, :width]), format="rgb24")
        frame.pts, frame.time_base = round(time_s / _TIME_BASE), _TIME_BASE
        return b"".join(bytes(packet) for packet in self._context.encode(frame))


def is_key(access_unit: bytes) -> bool:
    """Whether a decoder can begin with it. access_unit: H.264 in Annex B."""
    at = access_unit.find(b"\0\0\1")
    while 0 <= at < len(access_unit) - 3:
        if access_unit[at + 3] & 31 in _KEY_UNITS:
            return True
        at = access_unit.find(b"\0\0\1", at + 3)
    return False


def at_their_times(frames: Iterable[TimedPicture]) -> Iterator[TimedPicture]:
    """The frames of a recording when they are due, as a camera would give them; else a server drops most of them."""
    begun: float | None = None
    for time_s, picture in frames:
        now_s = time.perf_counter()
        begun = now_s - time_s if begun is None else begun
        time.sleep(max(begun + time_s - now_s, 0.0))
        yield time_s, picture


def checked(frame: TimedPicture, last_s: float) -> TimedPicture:
    """Raises DataError if its time does not come after the last one, or it is no frame."""
    try:
        time_s, picture = float(frame[0]), frame[1]
    except (TypeError, ValueError, IndexError) as exc:
        raise DataError("frames must be pairs (seconds, picture); give for example (0.04, picture)") from exc
    if not math.isfinite(time_s) or time_s <= last_s:
        raise DataError(f"times must increase from frame to frame; got {time_s:g} s after {last_s:g} s")
    return time_s, picture


def _check(picture: U8) -> None:
    if not isinstance(picture, np.ndarray) or picture.dtype != np.uint8 or picture.shape[2:] != (3,):
        came = f"{picture.dtype} {picture.shape}" if isinstance(picture, np.ndarray) else type(picture).__name__
        raise DataError(f"a picture must be uint8 (height, width, 3) RGB, or encoded bytes; got {came}")
    if min(picture.shape) < 2:
        raise DataError(f"a picture must have 2 x 2 pixels or more; got {picture.shape[1]} x {picture.shape[0]}")


def _x264(width: int, height: int) -> VideoCodecContext:
    try:
        context = av.CodecContext.create("libx264", "w")
    except av.error.FFmpegError as exc:
        raise MissingError("this PyAV cannot write H.264 (no libx264); send jpeg, or encoded access units") from exc
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt, context.time_base = width, height, "yuv420p", _TIME_BASE
    context.gop_size = _KEY_EVERY
    context.options = {"preset": "veryfast", "tune": "zerolatency"}  # no picture waits for the next
    return context
