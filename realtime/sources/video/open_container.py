"""Opens a video container with PyAV; a failure is one line without secrets."""

import io
import logging
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import av.error
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.stream import VideoStream

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.realtime.sources.camera import camera_input, no_camera
from knowledge_spreader.realtime.sources.redact import redact
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.video.interrupt import limited
from knowledge_spreader.realtime.sources.video.named_pipe import open_pipe

log = logging.getLogger(__name__)

_DAY_S = 86_400.0  # for a disk or a pipe: no real limit, but a read can only be interrupted if there is one
_NO_TIMES = 0x0080  # AVFMT_NOTIMESTAMPS of libavformat
_CLOCKLESS = ("mpjpeg",)  # beside the containers that ffmpeg marks so: MJPEG over HTTP
_LOOK_S = 0.5  # length of a live stream that is read to find its tracks


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """A container with its video stream, and its audio stream if asked for."""

    container: InputContainer
    video: VideoStream
    audio: AudioStream | None
    template: Any  # av.AudioStream to copy the audio with; valid after the container is closed
    rate: Fraction | None
    duration_s: float | None
    clock: bool  # whether the container gives the times of its pictures; else they must be made
    pipe: int | None = None  # file descriptor of a named pipe

    def close(self) -> None:
        self.container.close()
        _close(self.pipe)


def open_video(target: Target, *, live: bool, audio: bool, timeout_s: float) -> Opened:
    """Raises DataError or MissingError, one line. timeout_s: limit for opening and for each read of a live source."""
    options = _options(target, live=live, audio=audio)
    address, form, pipe = target.address, None, None
    if target.kind == "camera":
        address, form, options = camera_input(target)
    elif target.kind == "file" and Path(address).is_fifo():
        pipe = open_pipe(Path(address), target.name, timeout_s)
        address = f"pipe:{pipe}"
    elif target.kind == "file":
        address = os.path.abspath(address)  # ffmpeg reads text before a colon as a protocol
    patience_s = timeout_s if target.live else _DAY_S
    start_s = time.perf_counter()
    problem: av.error.FFmpegError | OSError
    try:
        with limited(patience_s):  # connecting and the first look at the streams
            container = av.open(address, format=form, options=options, timeout=patience_s, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as exc:
        late = time.perf_counter() - start_s >= patience_s  # ffmpeg does not always report a time-out as one
        problem = av.error.ExitError(exc.errno or 0, "no answer") if late else exc
    else:
        return _streams(container, target, pipe, live=live, audio=audio)
    _close(pipe)
    raise reason(target, problem, timeout_s) from without_address(problem)


def _options(target: Target, *, live: bool, audio: bool) -> dict[str, str]:
    if target.kind != "stream":
        return {}
    options = {"analyzeduration": str(round(_LOOK_S * 1e6)), "fpsprobesize": "0"} if live else {}
    if target.address.lower().startswith("rtsp"):
        options["rtsp_transport"] = target.transport
        options["allowed_media_types"] = "video+audio" if audio else "video"
    return options


def _streams(container: InputContainer, target: Target, pipe: int | None, *, live: bool, audio: bool) -> Opened:
    try:
        best = container.streams.best("video")
        if not isinstance(best, VideoStream) or best.disposition & type(best.disposition).attached_pic:
            has_sound = bool(container.streams.audio)
            what = "it has audio but no video track" if has_sound else "it has no video track"
            raise DataError(f"{target.name}: {what}; give a video, an image or a stream with video")
        form = container.format
        clockless = bool(form.flags & _NO_TIMES) or form.name in _CLOCKLESS or form.name.endswith("_pipe")
        sound = container.streams.best("audio") if audio else None
        if live:
            # Frame threads delay the output by a frame each; slice threads do not report lost slices (H.264).
            best.codec_context.thread_count = 1
        else:
            best.thread_type = "AUTO"
        template = _template(sound, target) if isinstance(sound, AudioStream) else None
        return Opened(
            container,
            best,
            sound if template is not None and isinstance(sound, AudioStream) else None,
            template,
            target.rate or best.guessed_rate if clockless else best.average_rate or best.guessed_rate or None,
            None if clockless else _duration_s(container, best),
            not clockless,
            pipe,
        )
    except BaseException:
        container.close()
        _close(pipe)
        raise


def _close(pipe: int | None) -> None:
    if pipe is not None:
        os.close(pipe)


def _duration_s(container: InputContainer, video: VideoStream) -> float | None:
    """How long the pictures last, where that is known: other tracks may last longer."""
    if video.duration and video.time_base:
        return float(video.duration * video.time_base)
    if written := video.metadata.get("DURATION", ""):  # Matroska: 00:00:02.400000000
        with suppress(ValueError):
            hours, minutes, seconds = written.split(":")
            return 3600 * int(hours) + 60 * int(minutes) + float(seconds)
    return container.duration / av.time_base if container.duration and len(container.streams) == 1 else None


def _template(sound: AudioStream, target: Target) -> Any:
    """A template to copy the audio stream with, in a container of its own that is never written."""
    try:
        return av.open(io.BytesIO(), "w", format="null").add_stream_from_template(sound)
    except (av.error.FFmpegError, ValueError) as exc:
        log.warning("%s: its audio cannot be copied (%s); continuing without audio", target.name, redact(str(exc)))
        return None


def without_address(exc: Exception) -> Exception:
    """The same error without the address, which PyAV puts into its text."""
    if isinstance(exc, av.error.FFmpegError):
        return type(exc)(exc.errno or 0, exc.strerror or "")
    return type(exc)(exc.errno, exc.strerror) if isinstance(exc, OSError) else exc


def reason(target: Target, exc: Exception, timeout_s: float) -> DataError | MissingError:
    """The error in one line: which target, what happened, what to do."""
    if target.kind == "camera":
        return no_camera(target, _strerror(exc))
    known = {
        av.error.HTTPUnauthorizedError: "the user name or the password is wrong, or one is needed; check the address",
        av.error.HTTPForbiddenError: "this user is not allowed to see it; check the user and the camera's settings",
        av.error.HTTPNotFoundError: "the server has nothing at this path; check the path in the address",
        av.error.ConnectionRefusedError: "nothing listens there; check host and port, and that the server runs",
        av.error.ExitError: f"no answer within {timeout_s:g} s; check the address and the network",
        av.error.TimeoutError: "no answer in time; check the address and the network",
        av.error.ProtocolNotFoundError: "this kind of address is not supported; use rtsp, http, udp, tcp, rtmp or srt",
    }
    for kind, text in known.items():
        if isinstance(exc, kind):
            return DataError(f"{target.name}: {text}{_password_hint(target)}")
    if target.kind == "stream":
        said = f"{target.name}: cannot be opened ({_strerror(exc)}); check the address and the network"
        return DataError(said + _password_hint(target))
    if isinstance(exc, PermissionError):
        return DataError(f"{target.name}: no permission to read it; change its permissions or the user")
    if target.kind == "stdin":
        return DataError(
            f"stdin: cannot read this as a video from a pipe ({_strerror(exc)}); pipe .mkv or .ts, or an .mp4 "
            "with its index in front (ffmpeg -movflags +faststart), or give the file's name"
        )
    return DataError(f"{target.name}: cannot read this as a video ({_strerror(exc)}); copy it again or re-encode it")


def _password_hint(target: Target) -> str:
    """A hint if what may be a password has marks that end it early: an address is cut at / ? #, and % is an escape."""
    user_info = target.address.partition("://")[2].rpartition("@")[0]
    if target.kind == "stream" and ":" in user_info and re.search(r"[/?#]|%(?![0-9A-Fa-f]{2})", user_info):
        return "; in a password, write / as %2F, ? as %3F, # as %23, % as %25"
    return ""


def _strerror(exc: Exception) -> str:
    return redact(getattr(exc, "strerror", None) or type(exc).__name__)
