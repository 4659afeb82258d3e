"""open_intake(): the first message of a connection -> where its frames come from."""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.intake.h264 import H264
from knowledge_spreader.realtime.serve.intake.pictures import Pictures
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.slot import Intake, Slot
from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.types import Stream

FORMATS = ("jpeg", "h264", "rtsp")
_LETTERS = 200  # of a name
_ADDRESS_LETTERS = 2048
_RTSP = re.compile(r"rtsps?://[!-~]+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Hello:
    """The first message. Raises DataError on what it must not say."""

    format: str
    name: str = ""  # in each answer; "" = "stream"
    address: str = ""  # of a camera; with rtsp only

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise DataError(f'"format" must be one of {", ".join(FORMATS)}; got {self.format!r:.40}')
        if len(self.name) > _LETTERS or not self.name.isprintable():
            raise DataError(f'"name" must have at most {_LETTERS} printable letters; got {len(self.name)}')
        if bool(self.address) != (self.format == "rtsp"):
            raise DataError('"address" goes with the format rtsp, and only with that')


@dataclass(frozen=True, slots=True, eq=False)
class Feed:
    """An intake and what a connection does with it."""

    intake: Intake
    put: Callable[[bytes, float, float], Awaitable[None]] | None = None  # message, time_s, captured_s; None: takes none
    close: Callable[[], None] = lambda: None  # may block


def hello_of(message: Any) -> Hello:
    """Raises DataError on a message that is none."""
    wanted = {key: message.get(key, "") for key in ("format", "name", "address")} if isinstance(message, dict) else {}
    if not wanted or not all(isinstance(value, str) for value in wanted.values()):
        raise DataError('the first message must be like {"format": "jpeg", "name": "door"}')
    return Hello(**wanted)


def open_intake(hello: Hello, slot: Slot, options: Options, limits: Limits, loop: asyncio.AbstractEventLoop) -> Feed:
    """May block. loop: where messages are put in. Raises KSError if it cannot be opened, without secrets."""
    if hello.format == "rtsp":
        return _camera(hello, slot, options, limits)
    stream = Stream(hello.name or "stream", slot.number, live=True)
    most = {"most_px": limits.picture_px, "bad_in_a_row": limits.bad_in_a_row}
    if hello.format == "h264":
        video = H264(stream, slot.news, loop, **most)
        return Feed(video, video.put, video.close)
    pictures = Pictures(stream, slot.news, **most)
    return Feed(pictures, pictures.put)


def _camera(hello: Hello, slot: Slot, options: Options, limits: Limits) -> Feed:
    """Only RTSP: other addresses could name files of this machine."""
    if not limits.rtsp:
        raise DataError("this server opens no cameras (--no-rtsp); send the frames yourself, as jpeg or h264")
    if not _RTSP.fullmatch(hello.address) or len(hello.address) > _ADDRESS_LETTERS:
        raise DataError("an address must begin with rtsp:// or rtsps://, and hold no spaces")
    (target,) = targets([hello.address], transport=options.rtsp_transport)
    named = replace(target, name=hello.name or target.name)
    capture = Capture(named, slot.number, timeout_s=options.timeout_s, news=slot.news).__enter__()
    return Feed(capture, close=lambda: capture.__exit__())
