"""Writes the videos for ks-bench live: a clip of one face at 720p, with one or several copies per picture."""

import math
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import count_pictures, picture_rate, read_pictures
from knowledge_spreader.opencv import cv2

SIZE_PX = (1280, 720)
MOST = 300  # pictures of a clip
_CELL_FILL = 0.98


def write_video(clip: Path, target: Path, *, faces: int, seconds: float, fps: float = 0.0) -> float:
    """Writes `seconds` of the clip at 1280 x 720 with `faces` copies in each picture; returns its frames per second.

    The clip plays forwards and backwards, because a jump from its last picture to the first would be a scene cut.
    fps: show its pictures at this rate; 0: at the clip's own. Raises DataError if the clip cannot be read.
    """
    rate = Fraction(fps or picture_rate(clip) or 25).limit_denominator(1001)
    pictures = [_tiled(picture, faces) for picture in _some(clip, MOST)]
    if not pictures:
        raise DataError(f"{clip}: no picture in it; give a video with a face")
    with av.open(str(target), "w") as container:
        like_a_camera = {"preset": "veryfast", "crf": "20", "tune": "zerolatency"}  # no B-frames
        stream = container.add_stream("libx264", rate=rate, options=like_a_camera)
        stream.width, stream.height, stream.pix_fmt = *SIZE_PX, "yuv420p"
        for picture in _back_and_forth(pictures, round(seconds * rate)):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    return float(rate)


def _some(clip: Path, most: int) -> Iterator[U8]:
    for _, picture in read_pictures(clip, np.arange(min(count_pictures(clip), most))):
        yield picture


def _back_and_forth(pictures: list[U8], n: int) -> Iterator[U8]:
    period = max(1, 2 * (len(pictures) - 1))
    for i in range(n):
        place = i % period
        yield pictures[place if place < len(pictures) else period - place]


def _tiled(picture: U8, copies: int) -> U8:
    """(720, 1280, 3) with copies of the picture in a grid, each as large as fits."""
    columns = math.ceil(math.sqrt(copies))
    rows = math.ceil(copies / columns)
    width, height = SIZE_PX[0] // columns, SIZE_PX[1] // rows
    scale = min(width / picture.shape[1], height / picture.shape[0]) * (_CELL_FILL if copies > 1 else 1)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=how)
    shown = np.full((SIZE_PX[1], SIZE_PX[0], 3), 96, np.uint8)
    for i in range(copies):
        top = (i // columns) * height + (height - small.shape[0]) // 2
        left = (i % columns) * width + (width - small.shape[1]) // 2
        shown[top : top + small.shape[0], left : left + small.shape[1]] = small
    return shown
