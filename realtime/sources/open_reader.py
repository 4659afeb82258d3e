"""Chooses the reader for a target."""

from knowledge_spreader.realtime.sources.camera import OpenCVCamera, backend_of
from knowledge_spreader.realtime.sources.image_folder import AnimationReader, FolderReader, is_animated
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Reader
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.sources.video.decoding import VideoReader


def open_reader(
    target: Target,
    intake: Intake,
    *,
    live: bool,
    audio: bool,
    timeout_s: float,
    pace: Pace | None = None,
) -> Reader:
    """Raises DataError or MissingError, one line, without secrets. pace: for a recording under the live policy."""
    if target.kind == "images":
        return (AnimationReader if is_animated(target) else FolderReader)(target, intake, pace)
    if target.kind == "camera" and backend_of(target) == "opencv":
        return OpenCVCamera(target, intake)
    return VideoReader(target, intake, live=live, audio=audio, timeout_s=timeout_s, pace=pace)
