"""PictureAt: an open video file that gives the picture of an index, decoded from the last start before it.

The pictures are those that a decoder returns that reads the file from its beginning (ks/frame_reader.py).
"""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from knowledge_spreader.realtime.sources.video.packet_table import PacketTable

_BACK = 24  # pictures before the wanted one that are given too: whoever looks at one steps back and forth
_BACK_BYTES = 100_000_000  # fewer of large ones


class NotExactError(Exception):
    """The file is not as its table says."""


class PictureAt:
    """Not thread-safe. Raises NotExactError if what is read does not agree with the table, also when it is made."""

    def __init__(self, path: Path, table: PacketTable) -> None:
        self._table = table
        try:
            self._container = av.open(str(path))
            stream = self._container.streams.best("video")
        except (av.FFmpegError, OSError) as exc:
            raise NotExactError(str(exc)) from exc
        assert isinstance(stream, VideoStream)
        stream.thread_type = "AUTO"
        self._stream = stream
        self.pixel_aspect: Fraction | None = stream.sample_aspect_ratio
        self._back = min(_BACK, _BACK_BYTES * 2 // max(stream.width * stream.height * 3, 1))
        self._packets: Iterator[Packet[VideoStream]] = iter(())
        self._next = -1  # picture that the decoder returns next; -1: none before the next seek

    def close(self) -> None:
        self._container.close()

    def around(self, index: int) -> dict[int, av.VideoFrame]:
        """The picture `index`, up to 24 before it, and those that came with it. index: below table.pictures."""
        number = self._table.start_of(index)
        start = int(self._table.start[number])
        try:
            if not start <= self._next <= index:
                self._next = -1
                self._seek(number)
                self._next = start
            return self._until(index)
        except av.FFmpegError as exc:
            self._next = -1
            raise NotExactError(str(exc)) from exc
        except NotExactError:
            self._next = -1
            raise

    def _until(self, index: int) -> dict[int, av.VideoFrame]:
        first = max(self._next, index - self._back)
        found: dict[int, av.VideoFrame] = {}
        while index not in found:
            packet = next(self._packets, None)
            if packet is not None and packet.size:
                self._pass_over(packet, first)
                frames = packet.decode()
            elif packet is None:
                frames = self._stream.decode(None)
            else:
                continue  # it would end the decoder
            for frame in frames:
                at = self._index(frame)
                if at >= first:
                    found[at] = frame
            if packet is None and index not in found:
                raise NotExactError(f"picture {index} is not there")
        if list(found) != list(range(first, first + len(found))):
            raise NotExactError(f"pictures {list(found)}, not {first} and following")
        self._next = first + len(found)
        self._stream.codec_context.skip_frame = "DEFAULT"
        return found

    def _pass_over(self, packet: "Packet[VideoStream]", first: int) -> None:
        """Pictures before `first` that no other one needs are not decoded."""
        if self._table.timed:
            early = packet.pts is not None and packet.pts < self._table.shown[first]
            self._stream.codec_context.skip_frame = "NONREF" if early else "DEFAULT"

    def _index(self, frame: av.VideoFrame) -> int:
        if frame.is_corrupt:
            raise NotExactError("a picture is damaged")
        if not self._table.timed:
            self._next += 1
            return self._next - 1
        shown = self._table.shown
        at = int(np.searchsorted(shown, frame.pts)) if frame.pts is not None else len(shown)
        if at == len(shown) or shown[at] != frame.pts:
            raise NotExactError(f"a picture has the time {frame.pts}")
        return at

    def _seek(self, number: int) -> None:
        """Makes the start the next packet. Containers differ in what time they want, and some stop too late."""
        table = self._table
        before = table.start_dts[max(number - 1, 0)]
        for time in (table.start_time[number], table.start_dts[number], before, table.start_dts[0]):
            self._container.seek(int(time), backward=True, stream=self._stream)
            packets = self._container.demux(self._stream)
            for packet in packets:
                stamp = packet.pts if table.timed else packet.dts
                if stamp == table.start_time[number] and packet.size == table.start_bytes[number]:
                    self._packets = _followed(packet, packets)
                    return
                if packet.dts is not None and packet.dts > table.start_dts[number]:
                    break
        raise NotExactError(f"the start of picture {table.start[number]} cannot be reached")


def _followed(first: "Packet[VideoStream]", others: "Iterator[Packet[VideoStream]]") -> "Iterator[Packet[VideoStream]]":
    yield first
    yield from others
