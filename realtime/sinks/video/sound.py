"""The sound of a saved video, in step with its pictures: the input's own packets where players open them, else AAC."""

import io
import logging
import os
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
from av.audio.stream import AudioStream
from av.bitstream import BitStreamFilterContext
from av.container import InputContainer, OutputContainer

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.video.encoded_sound import EncodedSound, aac_form
from knowledge_spreader.realtime.types import Frame

log = logging.getLogger(__name__)

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska"}
# What common players open in each. The containers can hold more: PCM in MP4 is valid, but browsers are silent.
_EVERYWHERE = frozenset(("aac", "mp3", "ac3", "eac3", "alac"))
_PCM = frozenset(f"pcm_{form}" for form in ("s16le", "s24le", "s32le", "f32le", "s16be", "s24be", "s32be"))
_COPIED = {
    "mp4": _EVERYWHERE | {"opus", "flac"},
    "mov": _EVERYWHERE | _PCM | {"pcm_mulaw", "pcm_alaw"},
    "matroska": _EVERYWHERE | _PCM | {"opus", "flac", "vorbis", "mp2", "dts", "pcm_u8"},
}


class SoundTrack(Protocol):
    """An audio track of a container that is being written."""

    def add(self, packet: Any, frame: Frame, origin_s: Fraction) -> None:
        """Writes the sound of a frame's packet. origin_s: the time_s that the container calls 0."""

    def close(self) -> None:
        """Writes what is held back. The container must still be open."""


def sound_track(container: OutputContainer, template: AudioStream, path: Path) -> SoundTrack:
    """The track for sound like this in a container that is not started yet; check_sound first."""
    form = None if _is_copied(path, template) else aac_form(template)
    if form is None:
        return CopiedSound(container, template, path.suffix)
    name = _codec(template)
    log.info("%s: the sound (%s) is encoded to AAC, as few players open %s in %s", path, name, name, path.suffix)
    return EncodedSound(container, template, form)


def check_sound(template: AudioStream, path: Path) -> None:
    """Raises DataError if sound like this cannot be saved there."""
    if template.codec_context is None:
        raise DataError(f"{path}: the input's sound is of an unknown kind; give --no-sound to save the pictures alone")
    if _is_copied(path, template) or aac_form(template):
        return
    others = [f"as {other} or " for other in (".mkv", ".mov") if _is_copied(path.with_suffix(other), template)]
    raise DataError(
        f"{path}: the input's sound ({_codec(template)}) can neither be copied into {path.suffix} nor encoded to AAC; "
        f"save {''.join(others[:1])}with --no-sound"
    )


def check_recording(recording: Path, path: Path) -> None:
    """Raises DataError, before the first frame, if the sound of this recording cannot be saved there."""
    try:
        with av.open(os.path.abspath(recording), metadata_errors="replace") as container:
            sound = container.streams.best("audio")
            if isinstance(sound, AudioStream):
                check_sound(sound, path)
    except (av.FFmpegError, OSError):
        return  # the source says what is wrong with it


class CopiedSound:
    """Copies packets of a codec that the container can hold."""

    def __init__(self, container: OutputContainer, template: AudioStream, suffix: str) -> None:
        self._container = container
        self._track = container.add_stream_from_template(template)
        self._last_dts_s: Fraction | None = None
        # Broadcast AAC has its settings in every packet, MP4 needs them once. Matroska's writer converts them itself.
        bare = _codec(template) == "aac" and not template.codec_context.extradata
        in_mp4 = bare and CONTAINERS[suffix.lower()] != "matroska"
        self._filter = BitStreamFilterContext("aac_adtstoasc", template) if in_mp4 else None

    def add(self, packet: Any, frame: Frame, origin_s: Fraction) -> None:
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

    def close(self) -> None:
        """Nothing is held back."""

    def _prepared(self, packet: Any) -> Sequence[Any]:
        copy = av.Packet(bytes(packet))
        copy.is_keyframe = packet.is_keyframe
        for side_data in packet.iter_sidedata():
            copy.set_sidedata(side_data)
        return [copy] if self._filter is None else self._filter.filter(copy)


def _is_copied(path: Path, template: AudioStream) -> bool:
    kind = CONTAINERS[path.suffix.lower()]
    return _codec(template) in _COPIED[kind] and _holds(kind, template)


def _codec(template: AudioStream) -> str:
    return template.codec_context.codec.canonical_name


def _holds(kind: str, template: AudioStream) -> bool:
    """Whether the container accepts the codec; found by trying, because libavformat has no list."""
    source = template.container
    assert not isinstance(source, InputContainer) or source.input_was_opened, "a template of a closed file crashes PyAV"
    try:
        with av.open(io.BytesIO(), "w", format=kind) as container:
            container.add_stream_from_template(template)
            container.start_encoding()
    except (ValueError, av.FFmpegError):
        return False
    return True
