"""Reads an image file as people see it: upright, 8 bits per channel, RGB; of an animation, all its pictures.

What is transparent is shown over white, as browsers do. Colour profiles are not applied: all colours are taken as sRGB.
"""

import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.opencv import cv2

IMAGE_SUFFIXES = (
    *(".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".bmp", ".webp", ".tif", ".tiff", ".avif", ".pgm", ".ppm", ".pnm"),
)
_DEPTHS = (10, 12, 14, 16)  # bits that cameras store in images of 16 bits per channel
_DEFAULT_MS = 100  # of an animation's picture without a duration, as in browsers
_HEAD_BYTES = 1 << 17  # of a file; what is looked for stands there, or in a WebP file at the end
_EXIF_MARKS = {b"\xff\xd8": (b"Exif\0\0", 6), b"\x89P": (b"eXIf", 4), b"RI": (b"EXIF", 8)}  # JPEG, PNG, WebP
_PNG, _AVIF = b"\x89PNG\r\n\x1a\n", (b"ftypavif", b"ftypavis", b"ftypmif1", b"ftypmsf1")
_ORIENTATION, _EXTRA_SAMPLES, _EXIF_DIRECTORY, EXPOSURE_TIME = 0x0112, 0x0152, 0x8769, 0x829A  # tags


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
        except OSError as exc:
            raise _unreadable(path, one_line(exc)) from exc
        return self.decode(data, path)

    def decode(self, data: U8, name: str | Path) -> U8:
        """The same for a file's bytes. name: what an error calls them."""
        try:
            image = _decoded(data) if len(data) else None
        except cv2.error as exc:
            raise _unreadable(name, one_line(exc)) from exc
        if image is None:
            raise _unreadable(name, "cut off or damaged" if len(data) else "empty")
        return self._eight_bits(np.ascontiguousarray(image))

    def _eight_bits(self, image: np.ndarray) -> U8:
        if image.dtype == np.uint8:
            return image
        if image.dtype == np.uint16:
            bits = int(image.max()).bit_length()
            self._bits = max(self._bits, next(depth for depth in _DEPTHS if depth >= bits))
            return (image >> (self._bits - 8)).astype(np.uint8)
        return np.asarray(np.clip(np.nan_to_num(image) * 255.0 + 0.5, 0, 255), np.uint8)  # floats, 0 to 1


def exif_tags(data: bytes) -> dict[int, int]:
    """Tag -> value, or where its value stands, of an image's EXIF data; of a TIFF file, of its first directory.

    data: the whole file, or for JPEG its beginning. Empty if there are none.
    """
    mark, skip = _EXIF_MARKS.get(data[:2], (b"", 0))
    part = data[:_HEAD_BYTES] if mark[:4] == b"Exif" else data
    tiff = part[part.find(mark) + skip :] if mark and mark in part else data
    order = {b"II": "<", b"MM": ">"}.get(tiff[:2])
    found: dict[int, int] = {}
    try:
        at = struct.unpack_from(f"{order}I", tiff, 4)[0] if order else 0
        for _ in range(2 if at else 0):
            (count,) = struct.unpack_from(f"{order}H", tiff, at)
            for place in range(at + 2, at + 2 + 12 * count, 12):
                tag, kind = struct.unpack_from(f"{order}HH", tiff, place)
                (found[tag],) = struct.unpack_from(f"{order}{'H' if kind == 3 else 'I'}", tiff, place + 8)
            if not (at := found.pop(_EXIF_DIRECTORY, 0)):
                break
    except struct.error:  # cut off
        pass
    return found


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


def _decoded(data: U8) -> np.ndarray | None:
    """RGB (H, W, 3), upright, with the file's own depth; None if it cannot be read."""
    head = data[:_HEAD_BYTES].tobytes()
    image: np.ndarray | None = None
    if _has_transparency(head, data):
        is_tiff = head[:2] in (b"II", b"MM")  # OpenCV turns it, and multiplies its 8-bit colours by alpha
        image = _over_white(cv2.imdecode(data, cv2.IMREAD_UNCHANGED), premultiplied=is_tiff)
        if image is not None and not is_tiff:
            image = _upright(image, exif_tags(data.tobytes()).get(_ORIENTATION, 1))
    if image is None:
        image = cv2.imdecode(data, cv2.IMREAD_COLOR_RGB | cv2.IMREAD_ANYDEPTH)
    return image if image is None or head[4:12] not in _AVIF else _turned(image, head)


def _has_transparency(head: bytes, data: U8) -> bool:
    """Whether the file has an alpha channel or transparent colours, by its header."""
    if head[:8] == _PNG:
        return head[25:26] in (b"\4", b"\6") or b"tRNS" in head.partition(b"IDAT")[0]
    if head[:4] == b"RIFF" and len(head) > 24:
        return bool(head[20] & 16) if head[12:16] == b"VP8X" else head[12:16] == b"VP8L" and bool(head[24] & 16)
    if head[:2] in (b"II", b"MM"):
        return _EXTRA_SAMPLES in exif_tags(data.tobytes())
    return head[4:12] in _AVIF and b"auxiliary:alpha" in head


def _over_white(image: np.ndarray | None, *, premultiplied: bool) -> np.ndarray | None:
    """BGRA (H, W, 4) -> RGB; None if it is something else."""
    if image is None or image.ndim != 3 or image.shape[2] != 4 or image.dtype not in (np.uint8, np.uint16):
        return None
    white = int(np.iinfo(image.dtype).max)
    alpha = image[..., 3:]
    if alpha.min() == white:
        return image[..., 2::-1]
    shown = np.empty((*image.shape[:2], 3), image.dtype)
    for row in range(len(image)):  # by rows: the whole picture would need 12 bytes a pixel and channel
        share = alpha[row] / np.float32(white)
        colour = image[row, :, 2::-1] * (1 if premultiplied and white == 255 else share)
        shown[row] = np.clip(colour + white * (1 - share) + 0.5, 0, white)
    return shown


def _upright(image: np.ndarray, orientation: int) -> np.ndarray:
    """EXIF's orientation, 1 to 8, applied."""
    if orientation in (5, 6, 7, 8):
        image = image.swapaxes(0, 1)
    if orientation in (3, 4, 7, 8):
        image = image[::-1]
    return image[:, ::-1] if orientation in (2, 3, 6, 7) else image


def _turned(image: np.ndarray, head: bytes) -> np.ndarray:
    """The rotation and then the mirror of an AVIF file, which OpenCV does not apply."""
    _, turns, rest = head.partition(b"\0\0\0\x09irot")
    image = np.rot90(image, rest[0] & 3) if turns and rest else image
    _, mirrors, rest = head.partition(b"\0\0\0\x09imir")
    return np.flip(image, rest[0] & 1) if mirrors and rest else image


def _unreadable(path: str | Path, why: str) -> DataError:
    return DataError(f"{path}: this image cannot be read ({why}); replace or remove it")
