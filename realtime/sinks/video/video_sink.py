"""The saved video: each stream's frames, with or without overlay, with their time stamps and the input's audio."""

import os
from pathlib import Path

from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.realtime.overlay.draw import Overlay
from knowledge_spreader.realtime.sinks.video.sound import CONTAINERS
from knowledge_spreader.realtime.sinks.video.writer import VideoWriter
from knowledge_spreader.realtime.types import FrameResult, Stream


class VideoSink:
    """One file per stream: "out.mp4", "out-2.mp4", "out-3.mp4" and so on, by the stream's number.

    A file is created at the first frame of its stream. If the process is killed it can be played up to the last half
    second; close() makes it a plain file. crf: x264's quality, 0 to 51, lower is better. overlay: False saves the
    frames without annotation. n_frames: N of the model, for the overlay. Raises DataError if the path cannot be
    written.
    """

    def __init__(
        self, path: Path, *, crf: float = 20.0, overlay: bool = True, n_frames: int | None = None, points: str = ""
    ) -> None:
        if path.suffix.lower() not in CONTAINERS:
            raise DataError(f"{path}: a video can be saved as {', '.join(CONTAINERS)}; got {path.suffix!r}; rename it")
        if not 0 <= crf <= 51:
            raise DataError(f"crf, the quality of a saved video, must be 0 to 51; got {crf:g}")
        _check_place(path)
        self.name = f"--save {path}"
        self._path, self._crf, self._overlay, self._n_frames = path, crf, overlay, n_frames
        self._points = points
        self._writers: dict[int, tuple[VideoWriter, Overlay]] = {}

    def write(self, result: FrameResult) -> None:
        """Raises DataError if the file cannot be written, or cannot hold the stream's audio."""
        stream = result.frame.stream
        if stream.number not in self._writers:
            path = stream_path(self._path, stream)
            self._writers[stream.number] = (
                VideoWriter(path, result.frame, self._crf),
                Overlay(self._n_frames, self._points),
            )
        writer, overlay = self._writers[stream.number]
        writer.write(result.frame, overlay.draw(result) if self._overlay else result.frame.image)

    def close(self) -> None:
        """Completes all files, then raises the first failure, if any."""
        failures = []
        while self._writers:
            _, (writer, _) = self._writers.popitem()
            try:
                writer.close()
            except KSError as exc:
                failures.append(exc)
        if failures:
            raise failures[0]


def _check_place(path: Path) -> None:
    try:
        taken, folder = path.is_dir(), path.parent.is_dir()
    except OSError as exc:  # a name that is too long, a folder without permission
        raise DataError(f"{path}: cannot save a video here ({one_line(exc)}); give another path") from exc
    if taken or not folder:
        what = "this is a folder" if taken else f"there is no folder {path.parent}"
        raise DataError(f"{path}: cannot save a video here, {what}; give the name of a file in a folder that exists")


def stream_path(path: Path, stream: Stream) -> Path:
    """The path of a stream's video. Raises DataError if that is the video being read."""
    path = path.with_stem(f"{path.stem}-{stream.number + 1}") if stream.number else path
    if stream.path and path.exists() and stream.path.exists() and os.path.samefile(path, stream.path):
        raise DataError(f"{path}: this is the video being read; save under another name")
    return path
