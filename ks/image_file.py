"""Reads an image file as people see it: upright, 8 bits per channel, RGB; of an animation, all its pictures."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, one_line

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".pgm", ".ppm", ".pnm"),
)
_DEPTHS = (10, 12, 14, 16)  # bits that cameras store in images of 16 bits per channel
_DEFAULT_MS = 100  # of an animation's picture without a duration, as in browsers


class ImageReader:
    """Reads the images of one recording, all with the same number of bits.

    An image of 16 bits per channel often holds 10, 12 or 14 bits of data. The number is the smallest that holds the
    brightest value so far.
    """

    def __init__(self) -> None:
        self._bits = 0

    def read(self, path: Path) -> U8:
        """(H, W, 3), EXIF orientation applied. Raises DataError, one line, for what cannot be read whole."""
        try:
            data = np.fromfile(path, np.uint8)  # cv2.imread fails on some systems for non-ASCII names
            image = cv2.imdecode(data, cv2.IMREAD_COLOR | cv2.IMREAD_ANYDEPTH) if len(data) else None
        except (OSError, cv2.error) as exc:
            raise _unreadable(path, one_line(exc)) from exc
        if image is None:
            raise _unreadable(path, "cut off or damaged" if len(data) else "empty")
        return np.asarray(cv2.cvtColor(self._eight_bits(np.asarray(image)), cv2.COLOR_BGR2RGB), np.uint8)

    def _eight_bits(self, image: np.ndarray) -> U8:
        if image.dtype == np.uint8:
            return image
        if image.dtype == np.uint16:
            bits = int(image.max()).bit_length()
            self._bits = max(self._bits, next(depth for depth in _DEPTHS if depth >= bits))
            return (image >> (self._bits - 8)).astype(np.uint8)
        return np.asarray(np.clip(np.nan_to_num(image) * 255.0 + 0.5, 0, 255), np.uint8)  # floats, 0 to 1


def is_animation(path: Path) -> bool:
    """Whether a WebP, PNG or AVIF file has more than one picture. Raises DataError if it cannot be read."""
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as exc:
        raise _unreadable(path, one_line(exc)) from exc
    if head[:4] == b"RIFF" and head[8:16] == b"WEBPVP8X":
        return bool(head[20] & 2) if len(head) > 20 else False
    if head[:8] == b"\x89PNG\r\n\x1a\n":
        return b"acTL" in head.partition(b"IDAT")[0]
    return head[4:12] == b"ftypavis"


def read_animation(path: Path) -> Sequence[tuple[U8, int]]:
    """(picture (H, W, 3), milliseconds that it is shown) of an animated WebP, PNG or AVIF. Raises DataError."""
    try:
        whole, animation = cv2.imdecodeanimation(np.fromfile(path, np.uint8))
    except (OSError, cv2.error) as exc:
        raise _unreadable(path, one_line(exc)) from exc
    if not whole or not len(animation.frames):
        raise _unreadable(path, "cut off or damaged")
    return [
        (np.ascontiguousarray(np.asarray(frame)[..., 2::-1]), int(shown_ms) or _DEFAULT_MS)
        for frame, shown_ms in zip(animation.frames, animation.durations, strict=True)
    ]


def _unreadable(path: Path, why: str) -> DataError:
    return DataError(f"{path}: this image cannot be read ({why}); replace or remove it")
