"""PacketTable: of a video file, which packet holds which picture, and where decoding may begin; made without decoding.

    index    of a picture, as ks/frame_reader.py counts: the i-th that the decoder returns
    start    a packet that nothing before it has a say in: an IDR picture, a key frame of VP9 or AV1, any of MJPEG

All pictures before a start are returned before those after it, so the start at packet n gives pictures n, n + 1, ...
Packets that an edit list hides are decoded, and their pictures are not returned; they have no index. Where all this is
not certain the table has no starts, and says why: damage, or codecs with packets that are no picture.
"""

import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.packet import Packet
from av.video.stream import VideoStream

from knowledge_spreader.arrays import I64
from knowledge_spreader.errors import one_line
from knowledge_spreader.realtime.sources.video.access_unit import Units

_ALL_STARTS = ("mjpeg", "png", "rawvideo", "huffyuv", "prores")
_KEY_STARTS = ("mpeg4", "vp9", "av1", "ffv1")
_UNIT_STARTS = ("h264", "hevc")
_NO_TIMES = ("avi",)  # its times are those of the coding order
_DAMAGED = (zipfile.BadZipFile, zlib.error, struct.error, KeyError, EOFError, TypeError, RuntimeError, MemoryError)
_SKIPPED_VOP_BYTES = 32  # MPEG-4 repeats a picture by a packet of about 7 bytes, for which nothing is returned


def _none() -> I64:
    return np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class PacketTable:
    """T pictures, K starts. Times are in units of the stream's time base."""

    pictures: int  # T; 0: not known
    shown: I64 = field(default_factory=_none)  # (T,) presentation times, increasing; (0,): the file has none
    start: I64 = field(default_factory=_none)  # (K,) index of the first picture from there on
    start_time: I64 = field(default_factory=_none)  # (K,) presentation time, or decoding time where `shown` is empty
    start_dts: I64 = field(default_factory=_none)  # (K,)
    start_bytes: I64 = field(default_factory=_none)  # (K,)
    unit_s: float = 0.0  # the time base
    why_not: str = ""  # why it is not certain; "" = it is

    @property
    def timed(self) -> bool:
        return bool(len(self.shown))

    def start_of(self, index: int) -> int:
        """The number of the last start that is not behind a picture."""
        return int(np.searchsorted(self.start, index, side="right")) - 1

    def save(self, path: Path) -> None:
        with path.open("wb") as file:
            arrays: dict[str, Any] = {name: np.asarray(getattr(self, name)) for name in self.__slots__}
            np.savez(file, **arrays)

    @classmethod
    def load(cls, path: Path) -> "PacketTable":
        """Raises OSError or ValueError if there is none, or it is damaged."""
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as kept:
                arrays = {name: kept[name] for name in cls.__slots__}
            plain = {name: arrays.pop(name).item() for name in ("pictures", "unit_s", "why_not")}
        except _DAMAGED as exc:
            raise ValueError(f"{path} is no table ({one_line(exc)})") from exc
        return cls(**plain, **arrays)


def make_table(path: Path) -> PacketTable:
    """Reads all packets: half a second for an hour of H.264."""
    try:
        with av.open(str(path)) as container:
            stream = container.streams.best("video")
            if not isinstance(stream, VideoStream):
                return PacketTable(0, why_not="no video track")
            packets = (packet for packet in container.demux(stream) if packet.size)
            return _table(packets, stream, container.format.name)
    except (av.FFmpegError, OSError) as exc:
        return PacketTable(0, why_not=one_line(exc))


class _UncertainError(Exception):
    """Which packet is which picture is not certain."""


def _table(packets: "Iterator[Packet[VideoStream]]", stream: VideoStream, form: str) -> PacketTable:
    codec = stream.codec_context.codec.canonical_name
    try:
        if codec not in _ALL_STARTS + _KEY_STARTS + _UNIT_STARTS:
            raise _UncertainError(f"{codec}: a packet may be no picture")
        found = _read(packets, codec, stream.codec_context.extradata or b"")
        return _made(found, codec, form, float(stream.time_base or 0))
    except _UncertainError as exc:
        return PacketTable(0, why_not=str(exc))


class _Columns:
    """What is read of all packets."""

    def __init__(self) -> None:
        self.pts: list[int | None] = []
        self.dts: list[int | None] = []
        self.bytes: list[int] = []
        self.starts: list[bool] = []
        self.hidden: list[bool] = []  # by an edit list: decoded, but not returned


def _read(packets: "Iterator[Packet[VideoStream]]", codec: str, extradata: bytes) -> _Columns:
    units = Units(codec, extradata) if codec in _UNIT_STARTS else None
    found = _Columns()
    for packet in packets:
        if packet.is_corrupt:
            raise _UncertainError("damaged")
        if codec == "mpeg4" and packet.size < _SKIPPED_VOP_BYTES:
            raise _UncertainError("a packet repeats a picture")
        if codec == "vp9" and _hidden_vp9(bytes(packet)):
            raise _UncertainError("a packet shows no picture")
        starts = packet.is_keyframe or codec in _ALL_STARTS
        if units is not None:
            starts = units.starts(bytes(packet))
            if units.broken:
                raise _UncertainError("damaged")
        found.pts.append(packet.pts)
        found.dts.append(packet.dts)
        found.bytes.append(packet.size)
        found.starts.append(starts)
        found.hidden.append(packet.is_discard)
    if units is not None and units.parameters_inside:
        found.starts = [a and b for a, b in zip(found.starts, units.own_parameters, strict=True)]
    return found


def _made(found: _Columns, codec: str, form: str, unit_s: float) -> PacketTable:
    timed = form not in _NO_TIMES and None not in found.pts
    if not timed and (None in found.dts or codec in _KEY_STARTS or any(found.hidden)):
        raise _UncertainError("no presentation times")
    times = np.array(found.pts if timed else found.dts, np.int64)
    if not len(times) or not found.starts[0] or (np.diff(np.sort(times)) <= 0).any():
        raise _UncertainError("it does not begin with a key frame" if len(times) else "empty")
    starts, shown = np.array(found.starts), np.sort(times[~np.array(found.hidden)])
    if timed:  # nothing after a start is shown before what precedes it
        latest_before = np.concatenate([times[:1] - 1, np.maximum.accumulate(times)[:-1]])
        earliest_after = np.minimum.accumulate(times[::-1])[::-1]
        starts &= latest_before < earliest_after
        if not starts[0]:
            raise _UncertainError("pictures are shown before the first key frame")
    at = np.flatnonzero(starts)
    dts = np.array([times[i] if found.dts[i] is None else found.dts[i] for i in at], np.int64)
    first = np.searchsorted(shown, times[at]) if timed else at
    sizes = np.array(found.bytes, np.int64)[at]
    return PacketTable(len(shown), shown if timed else _none(), first, times[at], dts, sizes, unit_s)


def _hidden_vp9(data: bytes) -> bool:
    """Whether a packet is one frame that is not shown: uncompressed_header() of the VP9 specification, 6.2."""
    superframe = data[-1] & 0xE0 == 0xC0
    shows_existing, show_frame = data[0] & 0x08, data[0] & 0x02
    return not superframe and not shows_existing and not show_frame
