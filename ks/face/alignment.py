"""Six face key points -> one aligned uint8 crop. Training, live video and benchmarks all use this function.

    0 right eye   1 left eye   2 nose tip   3 mouth centre   4 right ear tragion   5 left ear tragion

Right and left are the person's. Points are in continuous pixels, as in MediaPipe: (0, 0) is the outer corner of the
first pixel and (0.5, 0.5) its centre.
"""

import math

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.opencv import cv2

Points = npt.NDArray[np.floating]

CROP_VERSION = 1  # raise it if a change of template, weights, filter or detection changes the crops

# Mean of neutral frontal faces, made symmetric. Origin: between the eyes. Unit: eye distance. y points down.
_SHAPE = np.array([(-0.5, 0.0), (0.5, 0.0), (0.0, 0.5), (0.0, 1.04), (-1.03, 0.33), (1.03, 0.33)])
# The crop reaches from 0.95 above the eyes (hairline, raised brows) to 2.30 below: the chin is at 1.6 to 1.8 and up to
# 0.5 lower in AU27. It reaches 1.62 to each side: cheeks end at 1.1, and a turned head needs the rest.
_SIDE = 3.25
_CENTRE = (0.0, 0.675)
TEMPLATE = (_SHAPE - _CENTRE) / _SIDE + 0.5  # (6, 2) in sides of the crop

# Eyes and ears are fixed to the skull: they determine roll, size and the centre of a turned head. The mouth moves with
# the AUs to be detected: with weight 0.1, a wide open mouth (centre 0.3 eye distances lower) shrinks the face by 2 %
# (equal weights: 7 %). The nose tip, closest to the camera, moves more than the head when it turns: without it the size
# of a head that turns by 50 degrees varies by 2.5 % (equal weights: 7 %).
_WEIGHTS = np.array([1.0, 1.0, 0.0, 0.1, 0.5, 0.5])
_WEIGHTS /= _WEIGHTS.sum()
_MIN_LIKENESS = 0.01  # lowest correlation of points and template at which a rotation is defined; real faces: > 0.5


def transform(points: Points, side_px: int) -> F64:
    """The (2, 3) matrix from continuous pixels of the image to those of the crop.

    Weighted least squares over rotation, scale and shift, without reflection (Umeyama 1991, closed form in 2D). Raises
    DataError if points are not (6, 2) finite numbers, or coincide.
    """
    source = _checked(points)
    target = TEMPLATE * side_px
    source_mean, target_mean = _WEIGHTS @ source, _WEIGHTS @ target
    a, b = source - source_mean, target - target_mean
    spread_a, spread_b = _WEIGHTS @ (a * a).sum(1), _WEIGHTS @ (b * b).sum(1)
    cosine = _WEIGHTS @ (a * b).sum(1)
    sine = _WEIGHTS @ (a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0])
    if spread_a < 1e-6 or math.hypot(cosine, sine) < _MIN_LIKENESS * math.sqrt(spread_a * spread_b):
        raise DataError(f"face key points must form a face; got {source.round(1).tolist()}")
    matrix = np.array([(cosine, -sine), (sine, cosine)]) / spread_a
    return np.column_stack([matrix, target_mean - matrix @ source_mean])


def crop(image: U8, points: Points, side_px: int) -> U8:
    """The aligned face, (side_px, side_px, 3), from an RGB image (H, W, 3).

    Pixels outside the image are black, because a repeated border looks like skin. Raises DataError like transform, and
    on anything but a uint8 RGB image.
    """
    if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3:
        raise DataError(f"a picture must be uint8 (H, W, 3); got {image.dtype} {image.shape}")
    matrix = transform(points, side_px)
    image, matrix = _reduced(image, matrix, side_px)
    matrix[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5  # OpenCV counts from pixel centres
    warped = cv2.warpAffine(image, matrix, (side_px, side_px), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)
    return np.asarray(warped, np.uint8)


def _reduced(image: U8, matrix: F64, side_px: int) -> tuple[U8, F64]:
    """The part of the image inside the crop, averaged over n x n pixels if it would shrink by n >= 2.

    Bilinear sampling alone uses 2 x 2 pixels and would skip the others. The grid of blocks is fixed in the image, so
    that a still face does not flicker when the crop moves by a pixel.
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
    """Smooths the key points of one face track: removes jitter of a still face, with little lag in fast motion.

    A One Euro filter (Casiez, Roussel & Vogel, CHI 2012): a low-pass whose cut-off rises with speed. All six points use
    one speed, their root mean square, so that a blink or a word does not raise the cut-off but a head roll does. Speed
    is in face sizes per second (size: the points' spread), so it does not depend on resolution. At a constant speed the
    points lag by less than 1 / (2 pi 3) = 0.053 face sizes, 3 px of a 224 px crop.
    """

    GAP_S = 0.5  # reset after a longer gap
    STILL_HZ = 0.5  # cut-off of a still face
    HZ_PER_SPEED = 3.0
    SPEED_HZ = 2.0  # cut-off of the speed's own low-pass

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Starts a new track: the next points are returned unchanged."""
        self._at_s: float | None = None
        self._raw = self._smooth = self._speed = np.zeros((6, 2))

    def update(self, points: Points, t_s: float) -> F64:
        """The smoothed points (6, 2) of the frame at t_s seconds. Causal.

        Resets after a gap of more than GAP_S, and if time does not increase. Raises DataError if points are not (6, 2)
        finite numbers.
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
    """Share of the distance to its input that a first-order low-pass covers in one step."""
    return -math.expm1(-2 * math.pi * cutoff_hz * step_s)


def _checked(points: Points) -> F64:
    checked = np.array(points, np.float64)
    if checked.shape != (6, 2) or not np.isfinite(checked).all():
        raise DataError(
            f"face key points must be six finite (x, y) pairs; got {checked.shape} {checked.ravel()[:12].tolist()}"
        )
    return checked
