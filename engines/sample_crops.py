"""Sample crops from a user's video or images, to quantise int8 and to measure the error of a precision."""

import tempfile
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.clips.crop_videos import crop_videos
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import OPENVINO
from knowledge_spreader.frame_reader import count_pictures, picture_rate
from knowledge_spreader.spec import ModelSpec

RUN = 16  # consecutive frames, so that windows are realistic
RUNS = 16  # spread over the source, for variety
MIN_RUN = 2


def real_crops(
    source: Path, spec: ModelSpec, *, aligned: bool = False, face_model: str = "", face_runtime: str = OPENVINO
) -> list[U8]:
    """Up to RUNS runs of up to RUN consecutive crops (T_i, side, side, 3), spread over a source.

    source: a video, or a folder with the images of one recording. aligned: the images are crops already. A frame
    without a face ends a run. Raises DataError if no face is found, and like clips.crop_videos.
    """
    count = count_pictures(source)
    if not count:
        raise DataError(f"{source}: contains no images; give a video or a folder of images")
    starts = np.unique(np.linspace(0, max(0, count - RUN), RUNS).astype(int))
    frames = np.unique(np.concatenate([np.arange(s, min(s + RUN, count)) for s in starts])).astype(np.int32)
    video = Video(source.name, "calibration", source, frames, frames, np.zeros((len(frames), 0), np.int8))
    fps = picture_rate(source) or spec.fps
    with tempfile.TemporaryDirectory() as folder:
        crops = crop_videos(
            [video],
            Path(folder),
            spec.side_px,
            aligned=aligned,
            face_model=face_model,
            face_runtime=face_runtime,
            fps=fps,
            workers=0,
            progress=False,
        )[0]
        rows = np.flatnonzero(crops.found)
        cuts = np.flatnonzero((np.diff(frames[rows]) != 1) | (np.arange(1, len(rows)) % RUN == 0)) + 1
        runs = [crops.read(part) for part in np.split(rows, cuts) if len(part) >= MIN_RUN]
    if not runs:
        raise DataError(f"{source}: no face found in {len(frames)} frames spread over it; give another video")
    return runs


def halves(runs: list[U8]) -> tuple[list[U8], list[U8]]:
    """(runs to quantise on, runs to measure on), alternating; a single run is split in two."""
    if len(runs) == 1:
        middle = len(runs[0]) // 2
        return [runs[0][:middle]], [runs[0][middle:]]
    return runs[::2], runs[1::2]
