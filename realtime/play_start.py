"""Where players start a recording: the time, by the recording's own clock, that they call 0.

ELAN, BIDS events and the saved video count from there. It is the first picture, or the sound if that starts earlier by
more than an encoder's delay, as many recordings begin with a few silent milliseconds that the encoder put there. MP4
and MOV say themselves where 0 is, so there a track that starts late is late in players too. A stream without a file
starts at its first frame.

Measured with VLC 3.0, which ELAN plays with on Linux: pictures that an edit list of MP4 delays by 1 s are shown at
1.0 s. FFmpeg's players start all other containers at their earliest track.
"""

import os
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.stream import Stream as Track

from knowledge_spreader.arrays import F64
from knowledge_spreader.realtime.types import Frame

_ENCODER_DELAY = 2112  # samples that an AAC encoder puts before the sound, at most; MP3, Opus and AC-3 have fewer


def exact_time_s(frame: Frame) -> Fraction:
    """Frame.time_s without rounding."""
    return frame.pts * frame.time_base + Fraction(frame.shift_s)


def play_start_s(first: Frame) -> Fraction:
    """The time_s, in seconds, at which players start the stream of this frame, its first."""
    return file_start_s(first.stream.path, exact_time_s(first))


def file_start_s(path: Path | None, shown_s: Fraction) -> Fraction:
    """The same, from the recording's file and the time_s at which its first picture is shown."""
    try:
        return min(shown_s, _start_s(path, shown_s)) if path is not None and path.is_file() else shown_s
    except (av.error.FFmpegError, OSError):  # a file that only the source can read, or that was removed since
        return shown_s


def from_file_start(path: Path, times_s: F64) -> F64:
    """times_s (T,): of all frames of a recording, by its clock -> the same, counted from where players start."""
    return times_s - float(file_start_s(path, Fraction(float(times_s[0])))) if len(times_s) else times_s


def _start_s(path: Path, shown_s: Fraction) -> Fraction:
    with av.open(os.path.abspath(path), metadata_errors="replace") as container:
        if container.format.name.startswith("mov,"):
            return Fraction(0)
        pictures_s = _first_s(container.streams.best("video"))
        pictures_s = shown_s if pictures_s is None else pictures_s
        sound = container.streams.best("audio")
        sound_s = _first_s(sound)
        if sound is None or sound_s is None:
            return pictures_s
        delay_s = Fraction(_ENCODER_DELAY, getattr(sound.codec_context, "sample_rate", 0) or 48_000)
        return sound_s if pictures_s - sound_s > delay_s else pictures_s


def _first_s(track: Track | None) -> Fraction | None:
    if track is None or track.start_time is None or track.time_base is None:
        return None
    return track.start_time * track.time_base
