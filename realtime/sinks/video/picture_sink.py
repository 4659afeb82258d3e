"""The annotated copy of each photograph, in a folder, under the photograph's name."""

import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import replace_whole
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.overlay.draw import draw
from knowledge_spreader.realtime.sinks.ours import VIDEO_MARK
from knowledge_spreader.realtime.types import FrameResult

_QUALITY = 95  # of JPEG
_KEPT = (".jpg", ".jpeg", ".png")  # other formats are saved as PNG
_NOTE = f"Software\0{VIDEO_MARK}".encode()
_PNG_BEGINS = 33  # bytes up to the end of the first chunk


class PictureSink:
    """Writes JPEG or PNG files into `folder`, which is created. A photograph that cannot be read has none.

    Raises DataError if the folder cannot be written.
    """

    def __init__(self, folder: Path, points: str = "") -> None:
        self.name = f"--save {folder}"
        self._folder, self._points = folder, points

    def write(self, result: FrameResult) -> None:
        if result.frame.unreadable:
            return
        path = self._folder / saved_name(result.frame.picture)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            data = _encoded(draw(result, points=self._points), path.suffix.lower())
        except (OSError, cv2.error) as exc:
            raise DataError(f"{path}: this picture cannot be saved ({one_line(exc)}); check the folder") from exc
        replace_whole(path, lambda unfinished: unfinished.write_bytes(data))

    def close(self) -> None:
        """Each picture is whole when it is written."""


def saved_name(picture: str) -> str:
    """The file name under which a photograph is saved: "a.jpg" -> "a.jpg", "a.tif" -> "a.tif.png"."""
    return picture if picture.lower().endswith(_KEPT) else f"{picture}.png"


def twice_named(pictures: Iterable[str]) -> str:
    """The first name that two photographs would be saved under; "" if there is none."""
    seen: set[str] = set()
    for name in map(saved_name, pictures):
        if name in seen:
            return name
        seen.add(name)
    return ""


def _encoded(image: U8, suffix: str) -> bytes:
    """The file, with a note that tells who wrote it."""
    quality = () if suffix == ".png" else (cv2.IMWRITE_JPEG_QUALITY, _QUALITY)
    _, array = cv2.imencode(suffix, cv2.cvtColor(image, cv2.COLOR_RGB2BGR), quality)
    data = np.asarray(array, np.uint8).tobytes()
    if suffix == ".png":
        chunk = b"tEXt" + _NOTE
        note = len(_NOTE).to_bytes(4, "big") + chunk + zlib.crc32(chunk).to_bytes(4, "big")
        return data[:_PNG_BEGINS] + note + data[_PNG_BEGINS:]
    comment = b"\xff\xfe" + (len(_NOTE) + 2).to_bytes(2, "big") + _NOTE
    return data[:2] + comment + data[2:]
