"""Copies the input's audio packets into a saved video, in step with its pictures."""

import io
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.types import Frame

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}


class SoundTrack:
    """An audio track in a container that is not started yet and can hold this codec: see check_sound."""

    def __init__(self, container: OutputContainer, template: AudioStream, suffix: str) -> None:
        self._container = container
        self._track = container.add_stream_from_template(template)
        self._last_dts_s: Fraction | None = None
        # Broadcast AAC has its settings in every packet, MP4 needs them once. Matroska's writer converts them itself.
        bare = template.codec_context.name.startswith("aac") and not template.codec_context.extradata
        in_mp4 = bare and CONTAINERS[suffix.lower()] != "matroska"
        self._filter = BitStreamFilterContext("aac_adtstoasc", template) if in_mp4 else None

    def copy(self, packet: Any, frame: Frame, origin_s: Fraction) -> None:
        """Writes a copy of a frame's packet. Muxing changes a packet, and other sinks may use the same one."""
        if packet.pts is None or packet.dts is None or not packet.size:
            return
        shift = round((Fraction(frame.shift_s) - origin_s) / packet.time_base)
        dts_s = (packet.dts + shift) * packet.time_base
        if self._last_dts_s is not None and dts_s <= self._last_dts_s:
            return  # from an earlier epoch
        if frame.stream.live and packet.pts + shift < 0:
            return  # from before the first picture
        self._last_dts_s = dts_s
        for copy in self._prepared(packet):
            copy.pts, copy.dts, copy.duration = packet.pts + shift, packet.dts + shift, packet.duration
            copy.time_base, copy.stream = packet.time_base, self._track
            self._container.mux(copy)

    def _prepared(self, packet: Any) -> Sequence[Any]:
        copy = av.Packet(bytes(packet))
        copy.is_keyframe = packet.is_keyframe
        for side_data in packet.iter_sidedata():
            copy.set_sidedata(side_data)
        return [copy] if self._filter is None else self._filter.filter(copy)


def check_sound(template: AudioStream, path: Path) -> None:
    """Raises DataError if a file with this suffix cannot hold the audio codec."""
    source = template.container
    assert not isinstance(source, InputContainer) or source.input_was_opened, "a template of a closed file crashes PyAV"
    if not _holds(path.suffix.lower(), template):
        raise _no_room(path, template)


def _holds(suffix: str, template: AudioStream) -> bool:
    """Whether the container accepts the codec; found by trying, because libavformat has no list."""
    try:
        with av.open(io.BytesIO(), "w", format=CONTAINERS[suffix]) as container:
            container.add_stream_from_template(template)
            container.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True


def _no_room(path: Path, template: AudioStream) -> DataError:
    others = [
        suffix for suffix in (".mkv", ".mov", ".mp4") if suffix != path.suffix.lower() and _holds(suffix, template)
    ]
    advice = f"save as {path.with_suffix(others[0]).name}, or" if others else "save"
    sound = template.codec_context.name
    return DataError(f"{path}: a {path.suffix} file cannot hold this source's audio ({sound}); {advice} without audio")
