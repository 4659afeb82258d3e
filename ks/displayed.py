"""Converts a decoded picture to what a player shows: upright, not mirrored, with square pixels.

Live video, training crops and benchmarks all use it, so that a face has the same shape everywhere.
"""

from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.video.reformatter import VideoReformatter

from knowledge_spreader.arrays import U8

_LARGEST_ASPECT = 8  # of one pixel; larger values are errors of the file

Matrix = tuple[int, int, int, int]  # a b c d: x' = a x + c y, y' = b x + d y, to the nearest quarter turn
UPRIGHT: Matrix = (1, 0, 0, 1)


def displayed(frame: av.VideoFrame, pixel_aspect: Fraction | None = None) -> U8:
    """(H, W, 3) uint8 RGB.

    pixel_aspect: width of a stored pixel divided by its height, from the container (`stream.sample_aspect_ratio`);
    None or 0 means unknown and counts as square. The longer side of a pixel is kept, so that no detail is lost.
    """
    width, height = square_size(frame.width, frame.height, pixel_aspect)
    # By one thread: libswscale would start some for every picture, which takes longer than a 720p picture does.
    rgb = VideoReformatter().reformat(frame, width, height, "rgb24", threads=1)
    stored = np.asarray(rgb.to_ndarray(), np.uint8)
    return turned(stored, display_matrix(frame))


def square_size(width: int, height: int, pixel_aspect: Fraction | None) -> tuple[int, int]:
    """Size in square pixels, before rotation."""
    if not pixel_aspect or pixel_aspect == 1 or not 1 / _LARGEST_ASPECT <= pixel_aspect <= _LARGEST_ASPECT:
        return width, height
    if pixel_aspect > 1:
        return round(width * pixel_aspect), height
    return width, round(height / pixel_aspect)


def display_matrix(frame: av.VideoFrame) -> Matrix:
    """The frame's display matrix (ISO/IEC 14496-12, tkhd) reduced to signs: one of eight orientations."""
    by_type: Any = frame.side_data  # PyAV's stub expects names, its code expects types
    found = by_type.get(Type.DISPLAYMATRIX)
    if found is None:
        return UPRIGHT
    a, b, _, c, d = (int(x) for x in np.frombuffer(bytes(found), np.int32)[:5])
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return int(np.sign(a)) or 1, 0, 0, int(np.sign(d)) or 1
    return 0, int(np.sign(b)) or 1, int(np.sign(c)) or 1, 0


def turned(picture: U8, matrix: Matrix) -> U8:
    """Rotates and mirrors a picture (H, W, 3) by its display matrix."""
    a, b, c, d = matrix
    if a:
        shown = picture[:: 1 if d > 0 else -1, :: 1 if a > 0 else -1]
    else:  # x and y change places
        shown = picture.transpose(1, 0, 2)[:: 1 if b > 0 else -1, :: 1 if c > 0 else -1]
    return np.ascontiguousarray(shown)
