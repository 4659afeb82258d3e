"""decode(): the bytes of a JPEG or PNG file -> a picture, whose size is looked at before it is decoded."""

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.image_file import ImageReader

JPEG, PNG = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_ALONE = (0x01, *range(0xD0, 0xD9))  # markers of JPEG without a length
_SIZES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}  # start of frame, ITU-T T.81, table B.1


def decode(data: bytes, most_px: int) -> U8:
    """(H, W, 3) RGB, upright, as ks-live reads an image file. Raises DataError."""
    size = picture_size(data)
    if size is None:
        raise DataError("this is neither a JPEG nor a PNG picture; send one whole file of either")
    width, height = size
    if not 0 < width * height <= most_px:
        raise DataError(
            f"this picture has {width} x {height} pixels; at most {most_px:,} are taken; send a smaller one"
        )
    return ImageReader().decode(np.frombuffer(data, np.uint8), "the picture")


def picture_size(data: bytes) -> tuple[int, int] | None:
    """Width and height in the header of a JPEG or PNG file; None if it is neither."""
    if data.startswith(PNG):
        return (int.from_bytes(data[16:20]), int.from_bytes(data[20:24])) if data[12:16] == b"IHDR" else None
    if not data.startswith(JPEG):
        return None
    at = 2
    while at + 9 <= len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if marker in _SIZES:
            return int.from_bytes(data[at + 7 : at + 9]), int.from_bytes(data[at + 5 : at + 7])
        if marker == 0xFF:  # a byte that fills
            at += 1
        else:
            at += 2 if marker in _ALONE else 2 + int.from_bytes(data[at + 2 : at + 4])
    return None
