"""Six face key points -> one aligned uint8 crop; training, live video and benchmarks all use this one.

    0 right eye   1 left eye   2 nose tip   3 mouth centre   4 right ear tragion   5 left ear tragion

Right and left are the person's own. Points are continuous pixels, as MediaPipe gives them: (0, 0) is the outer corner
of the first pixel, whose centre lies at (0.5, 0.5).
"""

import math

import cv2
import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.errors import DataError

Points = npt.NDArray[np.floating]

CROP_VERSION = 1  # to be raised when template, weights, filter or the way of finding faces change what a crop shows

# Mean of neutral frontal faces, made symmetric. Origin between the eyes, unit the distance between them, y down.
_SHAPE = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.5), (0.0, 1.04), (-1.03, 0.33), (1.03, 0.33)])
# The crop reaches from 0.95 above the eyes (hairline, raised brows) to 2.30 below: a chin is at 1.6 to 1.8 and sinks by
# up to 0.5 in AU 27. To either side 1.62, where cheeks end at 1.1; a turned head needs the rest.
_SIDE = 3.25
_CENTRE = (0.0, 0.675)
TEMPLATE = (_SHAPE - _CENTRE) / _SIDE + 0.5  # (6, 2) in sides of the crop

# Eyes and ears are fixed to the skull; both tell roll, size and, together, the middle of a turned head. The mouth moves
# with the very AUs we look for: at 0.1 a mouth centre 0.3 eye distances lower, a wide open mouth, shrinks the face by
# 2 % (equal weights 7 %). The nose tip is nearest to the camera and runs ahead of the head when it turns: without it
# the size of a head that turns by 50 degrees varies by 2.5 % (equal weights 7 %).
_WEIGHTS = np.array([1.0, 1.0, 0.0, 0.1, 0.5, 0.5])
_WEIGHTS /= _WEIGHTS.sum()
_MIN_LIKENESS = 0.01  # correlation of points and template below which no rotation is defined; real faces have > 0.5


def transform(points: Points, side_px: int) -> F64:
    """The (2, 3) matrix that takes continuous pixels of the image to those of the crop.

    Weighted least squares over rotation, size and shift, without reflection (Umeyama 1991, closed form in two
    dimensions). Raises DataError on points that are not (6, 2) finite numbers, or that coincide.
    """
    source = _checked(points)
    target = TEMPLATE * side_px
    source_mean, target_mean = _WEIGHTS @ source, _WEIGHTS @ target
    a, b = source - source_mean, target - target_mean
    spread_a, spread_b = _WEIGHTS @ (a * a).sum(1), _WEIGHTS @ (b * b).sum(1)
    cosine = _WEIGHTS @ (a * b).sum(1)
    sine = _WEIGHTS @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    if spread_a < 1e-6 or math.hypot(cosine, sine) < _MIN_LIKENESS * math.sqrt(spread_a * spread_b):
        raise DataError(f"face key points must lie apart, like those of a face; got {source.round(1).tolist()}")
    matrix = np.array([(cosine, -sine), (sine, cosine)]) / spread_a
    return np.column_stack([matrix, target_mean - matrix @ source_mean])


def crop(image: U8, points: Points, side_px: int) -> U8:
    """The aligned face, (side_px, side_px, 3), from an RGB image (H, W, 3).

    What lies outside the image is black: stretching the border would paint streaks that look like skin. Raises
    DataError like transform, and on anything but a uint8 RGB image.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"a picture is uint8 (H, W, 3); got {image.dtype} {image.shape}")
    matrix = transform(points, side_px)
    image, matrix = _reduced(image, matrix, side_px)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts from pixel centres
    warped = cv2.warpAffine(image, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.uint8)


def _reduced(image: U8, matrix: F64, side_px: int) -> tuple[U8, F64]:
    """The part of the image that the crop sees, averaged over n x n pixels where it would shrink by n >= 2.

    Bilinear sampling looks at 2 x 2 pixels and would skip the others. The blocks stand on a grid that is fixed in the
    image, so that a still face does not flicker when the crop moves by a pixel.
    """
    n = int(1 / math.hypot(matrix[0, 0], matrix[1, 0]))
    if n < 2:
        return image, matrix.copy()
    inverse = np.linalg.inv(matrix[:, :2])
    corners = (np.array([(0, 0), (side_px, 0), (0, side_px), (side_px, side_px)]) - matrix[:, 2]) @ inverse.T
    size = np.array(image.shape[1::-1])
    low = np.clip(np.floor(corners.min(0) / n - 1) * n, 0, size // n * n).astype(int)
    blocks = np.minimum(np.ceil(corners.max(0) / n + 1) * n, size).astype(int) - low
    blocks //= n
    if (blocks < 1).any():
        return np.zeros((1, 1, 3), np.uint8), matrix.copy()
    part = image[low[1] : low[1] + blocks[1] * n, low[0] : low[0] + blocks[0] * n]
    small = cv2.resize(part, (int(blocks[0]), int(blocks[1])), interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8), np.column_stack([matrix[:, :2] * n, matrix[:, 2] + matrix[:, :2] @ low])


class PointFilter:
    """Damps the key points of one face track: a still face stays still, a fast one is not held back.

    A One Euro filter (Casiez, Roussel & Vogel, CHI 2012): a low-pass whose cut-off rises with speed. One speed, the
    root mean square over the points, serves all six, so that a blink or a word does not loosen the crop, and a head
    that rolls about its middle does. Speed is in face sizes per second (size: the points' spread), so resolution does
    not matter. At a constant speed the points lag by less than 1 / (2 pi 3) = 0.053 face sizes, 3 px of a 224 px crop.
    """

    GAP_S = 0.5  # a face unseen for longer starts afresh
    STILL_HZ = 0.5  # cut-off of a face at rest
    HZ_PER_SPEED = 3.0
    SPEED_HZ = 2.0  # cut-off of the speed itself

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forgets the track: the next points pass unchanged."""
        self._at_s: float | None = None
        self._raw = self._smooth = self._speed = np.zeros((6, 2))

    def update(self, points: Points, t_s: float) -> F64:
        """Damped (6, 2) points of the frame at t_s seconds; uses past frames alone.

        Starts afresh after more than GAP_S and where time stands still or steps back. Raises DataError on points that
        are not (6, 2) finite numbers.
        """
        raw = _checked(points)
        step_s = math.inf if self._at_s is None else t_s - self._at_s
        size = math.sqrt(np.square(raw - raw.mean(0)).sum(1).mean())
        if not 0.0 < step_s <= self.GAP_S or size == 0.0:
            self._smooth, self._speed = raw, np.zeros((6, 2))
        else:
            speed = (raw - self._raw) / (size * step_s)
            self._speed = self._speed + _share(self.SPEED_HZ, step_s) * (speed - self._speed)
            rms = math.sqrt(np.square(self._speed).sum(1).mean())
            self._smooth = self._smooth + _share(self.STILL_HZ + self.HZ_PER_SPEED * rms, step_s) * (raw - self._smooth)
        self._raw, self._at_s = raw, t_s
        return self._smooth.copy()


def _share(cutoff_hz: float, step_s: float) -> float:
    """How much of the way to its input a first-order low-pass goes in one step."""
    return -math.expm1(-2 * math.pi * cutoff_hz * step_s)


def _checked(points: Points) -> F64:
    checked = np.array(points, np.float64)
    if checked.shape != (6, 2) or not np.isfinite(checked).all():
        raise DataError(
            f"face key points are six finite (x, y) pairs; got {checked.shape} {checked.ravel()[:12].tolist()}"
        )
    return checked
