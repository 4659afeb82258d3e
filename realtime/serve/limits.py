"""Limits: what one client, and all of them together, may ask of a server."""

import os
from dataclasses import dataclass

from knowledge_spreader.errors import DataError

STREAMS_PER_CORE = 4
_MB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Raises DataError on an invalid value."""

    streams: int = 0  # open at once; 0: four per core
    images: int = 2  # looked at once; more wait
    images_waiting: int = 16  # more are refused
    deadline_s: float = 0.005  # a looked frame waits at most so long for frames of other streams
    message_bytes: int = 8 * _MB  # of a stream, without its time
    picture_px: int = 4096 * 2304  # pixels of a picture of a stream
    image_bytes: int = 32 * _MB
    image_px: int = 50_000_000
    bad_in_a_row: int = 100  # messages that cannot be used, then the stream ends
    hello_s: float = 10.0  # for the first message
    slow_s: float = 30.0  # a client that takes no answer for so long is sent away
    rtsp: bool = True  # clients may name the address of a camera, which the server then opens

    def __post_init__(self) -> None:
        if not 0 <= self.streams <= 4096:
            raise DataError(
                f"--max-streams must be 1 to 4096, or 0 for {STREAMS_PER_CORE} per core; got {self.streams}"
            )
        if not 0 <= self.deadline_s <= 1:
            raise DataError(f"--deadline-ms must be 0 to 1000; got {self.deadline_s * 1e3:g}")

    @property
    def most_streams(self) -> int:
        return self.streams or STREAMS_PER_CORE * (os.cpu_count() or 1)
