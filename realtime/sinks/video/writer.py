"""Writes one video file: H.264 that browsers play, exact time stamps, the input's sound.

MP4 and MOV are written in fragments, so an unfinished file can be played; at the end they become plain files
(libavformat's hybrid_fragmented). Matroska rounds time stamps to milliseconds.
"""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import IO

import av
import numpy as np
from av.container import OutputContainer
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.play_start import exact_time_s, play_start_s
from knowledge_spreader.realtime.sinks.ours import VIDEO_MARK
from knowledge_spreader.realtime.sinks.video.sound import CONTAINERS, SoundTrack, check_sound, sound_track
from knowledge_spreader.realtime.types import Frame

_FINEST = Fraction(1, 1_000_000)  # seconds; finer time bases overflow MP4's 32 bits at the first pause
_MOVIE_TICKS = 100_000  # a second of the movie's clock has at least so many
_KEY_FRAME_EVERY_S = 1
_FRAGMENT_S = 0.25
_BT709, _LIMITED, _FULL = 1, 1, 2  # ISO/IEC 23091-2; libav's names of the ranges


class VideoWriter:
    """Creates a file for the stream of the first frame. Raises DataError if it, or its audio, cannot be written."""

    def __init__(self, path: Path, first: Frame, crf: float) -> None:
        template = first.stream.audio
        if template is not None:
            check_sound(template, path)
        self._path = path
        self._time_base = max(first.time_base, _FINEST)
        self._size = _even(first.image.shape[1]), _even(first.image.shape[0])
        self._origin_s = play_start_s(first)  # as in the events
        self._last_pts: int | None = None
        self._key_pts: int | None = None
        self._step = round((1 / (first.stream.rate or 25)) / self._time_base) or 1  # duration of the last picture
        self._failed = False
        self._converter = VideoReformatter()  # reused: setting it up takes a millisecond
        self._file = _GuardedFile(path)
        try:
            self._container = self._open()
            self._video = self._add_video(first.stream.rate or Fraction(25), crf)
            self._sound: SoundTrack | None = template and sound_track(self._container, template, path)
            self._guarded(self._container.start_encoding)
        except DataError:
            self._file.close()
            path.unlink(missing_ok=True)
            raise

    def write(self, frame: Frame, image: U8) -> None:
        """Adds a picture (H, W, 3) RGB and the audio packets of its frame."""
        self._guarded(lambda: self._mux(frame, image))

    def close(self) -> None:
        """Makes it a plain file; after a failure it stays fragmented and can be played up to the failure."""
        if self._failed:
            self._file.frozen = True
        else:
            self._file.mark()
        try:
            self._guarded(self._end)
        finally:
            self._file.close()

    def _mux(self, frame: Frame, image: U8) -> None:
        pts = round((exact_time_s(frame) - self._origin_s) / self._time_base)
        if self._last_pts is not None:
            pts = max(pts, self._last_pts + 1)
            self._step = min(pts - self._last_pts, round(1 / self._time_base))
        self._last_pts = pts
        picture = self._bt709(_on_canvas(image, self._size))
        picture.pts, picture.time_base = pts, self._time_base
        if self._key_pts is None or (pts - self._key_pts) * self._time_base >= _KEY_FRAME_EVERY_S:
            picture.pict_type, self._key_pts = PictureType.I, pts
        for packet in self._video.encode(picture):
            packet.duration = self._step  # only used for the last: each other picture lasts until the next
            self._container.mux(packet)
        if self._sound:
            for packet in frame.audio:
                self._sound.add(packet, frame, self._origin_s)

    def _bt709(self, image: U8) -> av.VideoFrame:
        """Converts to what players expect of H.264: BT.709 in limited range, labelled as such, so colours are kept."""
        picture = self._converter.reformat(
            av.VideoFrame.from_numpy_buffer(np.ascontiguousarray(image), "rgb24"),
            format="yuv420p",
            dst_colorspace=_BT709,
            src_color_range=_FULL,
            dst_color_range=_LIMITED,
            threads=1,
        )
        picture.color_range, picture.colorspace = _LIMITED, _BT709
        picture.color_primaries = picture.color_trc = _BT709
        return picture

    def _end(self) -> None:
        if not self._failed:
            for packet in self._video.encode(None):
                self._container.mux(packet)
            if self._sound:
                self._sound.close()
        self._container.close()

    def _open(self) -> OutputContainer:
        kind = CONTAINERS[self._path.suffix.lower()]
        options = {"flush_packets": "1", "max_interleave_delta": "500000"}  # in us: longest wait between tracks
        if kind == "matroska":
            options["avoid_negative_ts"] = "disabled"
            options["cluster_time_limit"] = str(round(_FRAGMENT_S * 1000))
        else:
            options["movflags"] = "hybrid_fragmented+delay_moov"
            options["frag_duration"] = str(round(_FRAGMENT_S * 1e6))
            # Else the start of each track is rounded to milliseconds, or to a picture where the time base is coarse.
            ticks = self._time_base.denominator
            options["movie_timescale"] = str(ticks * -(-_MOVIE_TICKS // ticks))
        container = av.open(self._file, "w", format=kind, options=options)
        container.metadata["comment"] = VIDEO_MARK
        return container

    def _add_video(self, rate: Fraction, crf: float) -> VideoStream:
        # zerolatency: each picture is written at once, without lookahead or B-frames.
        options = {
            "preset": "superfast",
            "tune": "zerolatency",
            "crf": f"{crf:g}",
            "profile": "high",
            "forced-idr": "1",
        }
        stream = self._container.add_stream("libx264", options=options)
        context = stream.codec_context
        context.width, context.height = self._size
        context.pix_fmt = "yuv420p"
        context.framerate = rate
        context.time_base = stream.time_base = self._time_base
        context.gop_size = 1_000_000  # key frames are set by time, in _mux
        context.color_range = _LIMITED
        context.colorspace = context.color_primaries = context.color_trc = _BT709
        context.thread_count = min(max((os.cpu_count() or 1) // 4, 1), 4)  # leaves the other cores to the models
        return stream

    def _guarded(self, step: Callable[[], None]) -> None:
        """Runs one step of writing. Raises DataError, one line, if the file or the encoder fails."""
        try:
            step()
        except (av.FFmpegError, OSError, ValueError) as exc:
            self._fail(one_line(exc), exc)
        if self._file.error is not None and not self._failed:
            self._fail(one_line(self._file.error), self._file.error)

    def _fail(self, reason: str, exc: Exception) -> None:
        if self._failed:
            return
        self._failed = True
        raise DataError(
            f"{self._path}: cannot continue this video ({reason}); the part written can be played; free some space or "
            "save elsewhere"
        ) from exc


class _GuardedFile:
    """A file that ignores all writes after a failed one.

    Otherwise libavformat would turn the unfinished file into a plain one without an index.
    """

    def __init__(self, path: Path) -> None:
        self.error: OSError | None = None
        self.frozen = False
        self._mark: int | None = None
        try:
            self._file: IO[bytes] = path.open("wb", buffering=0)
        except OSError as exc:
            raise DataError(f"{path}: cannot save a video here ({one_line(exc)}); give another path") from exc

    def write(self, data: bytes) -> int:
        left = memoryview(data)
        try:
            while left and not self.frozen:
                left = left[self._file.write(left) :]
        except OSError as exc:
            self.error, self.frozen = exc, True
        return len(data)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def mark(self) -> None:
        """Remembers the length up to which the file can be played; a later failed write truncates it to that."""
        self._mark = os.fstat(self._file.fileno()).st_size

    def close(self) -> None:
        if self.error is not None and self._mark is not None:
            self._file.truncate(self._mark)
        self._file.close()


def _even(side: int) -> int:
    return side + side % 2


def _on_canvas(image: U8, size: tuple[int, int]) -> U8:
    """The picture at the video's size: odd sides are padded by one pixel; other sizes are scaled and get black bars."""
    width, height = size
    down, across = height - image.shape[0], width - image.shape[1]
    if down == across == 0:
        return image
    if down in (0, 1) and across in (0, 1):
        return np.asarray(cv2.copyMakeBorder(image, 0, down, 0, across, cv2.BORDER_REPLICATE), np.uint8)
    scale = min(width / image.shape[1], height / image.shape[0])
    inner = max(min(round(image.shape[1] * scale), width), 1), max(min(round(image.shape[0] * scale), height), 1)
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    shrinks = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(image, inner, interpolation=shrinks)
    return canvas
