"""Text on images: labels in OpenCV's TrueType font, rendered once, cached, and drawn on a dark background.

A cached label is its colour times its coverage. On a background darker than the text, the maximum of the two images
looks like blending, so drawing a label takes one pass over its pixels.
"""

import re
import threading
from functools import lru_cache

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import MissingError
from knowledge_spreader.opencv import cv2

Colour = tuple[int, int, int]  # RGB

_REGULAR, _BOLD = 420, 640  # weights of the variable font; thinner strokes break up below 12 px
_BASELINE = 1.0  # below the top of a line, in em
_PIECES = re.compile(r"\d|\s|[^\d\s]+")
_FONT_USE = threading.Lock()  # a font's glyph cache is not thread-safe


def line_px(em_px: int) -> int:
    """Height of a line of text."""
    return round(1.32 * em_px)


@lru_cache(maxsize=4096)
def width_px(text: str, em_px: int, bold: bool = False) -> int:
    """Width of a label in pixels, including its advance."""
    with _FONT_USE:
        weight = _BOLD if bold else _REGULAR
        left, _, width, _ = cv2.getTextSize((0, 0), text, (0, 0), _font(), em_px, weight)
    return int(max(left + width, 0)) + 1


def fitted(text: str, em_px: int, room_px: int, bold: bool = False) -> str:
    """The text, shortened with "…" if it does not fit; "" if there is no room for that."""
    if width_px(text, em_px, bold) <= room_px:
        return text
    for end in range(len(text) - 1, 0, -1):
        cut = text[:end].rstrip() + "…"
        if width_px(cut, em_px, bold) <= room_px:
            return cut
    return ""


def wrapped(text: str, em_px: int, room_px: int, most_lines: int) -> list[str]:
    """The text in lines that fit; the last line ends with "…" if the text needs more than `most_lines`."""
    lines: list[str] = []
    words = text.split()
    while words and len(lines) < most_lines:
        taken = 1
        while taken < len(words) and width_px(" ".join(words[: taken + 1]), em_px) <= room_px:
            taken += 1
        last = len(lines) == most_lines - 1
        lines.append(fitted(" ".join(words if last else words[:taken]), em_px, room_px))
        words = words[taken:]
    return [line for line in lines if line]


def put(image: U8, text: str, left: int, top: int, em_px: int, colour: Colour, bold: bool = False) -> None:
    """Draws a label on a dark background, clipped at the image's edges."""
    _lay(image, _label(text, em_px, colour, bold), left, top)


def put_steady(image: U8, text: str, left: int, top: int, em_px: int, colour: Colour) -> None:
    """Like put, with digits of equal width, so that changing numbers do not move the text."""
    for piece in _PIECES.findall(text):
        advance = steady_width_px(piece, em_px)
        if not piece.isspace():
            label = _label(piece, em_px, colour, False)
            _lay(image, label, left + (advance - label.shape[1]) // 2, top)
        left += advance


def steady_width_px(text: str, em_px: int) -> int:
    """Width of a text drawn with put_steady, in pixels."""
    pieces = _PIECES.findall(text)
    digits, spaces = sum(piece.isdigit() for piece in pieces), sum(piece.isspace() for piece in pieces)
    words = sum(width_px(piece, em_px) for piece in pieces if not piece.isspace() and not piece.isdigit())
    return int(digits * round(0.62 * em_px) + spaces * round(0.3 * em_px) + words)


def darken(image: U8, left: int, top: int, right: int, bottom: int) -> None:
    """Darkens a part of the image, so that text in all our colours can be read on it."""
    part = image[max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
    if part.size:
        part[:] = cv2.convertScaleAbs(part, alpha=0.20, beta=10)  # white becomes 61 of 255


def _lay(image: U8, label: U8, left: int, top: int) -> None:
    height, width = label.shape[:2]
    y, x = max(top, 0), max(left, 0)
    part = image[y : max(top + height, 0), x : max(left + width, 0)]
    if part.size:
        shown = label[y - top : y - top + part.shape[0], x - left : x - left + part.shape[1]]
        np.maximum(part, shown, out=part)


@lru_cache(maxsize=1024)
def _label(text: str, em_px: int, colour: Colour, bold: bool) -> U8:
    """(line height, width, 3): the colour times the coverage."""
    label = np.zeros((line_px(em_px), width_px(text, em_px, bold), 3), np.uint8)
    with _FONT_USE:
        weight = _BOLD if bold else _REGULAR
        cv2.putText(label, text, (0, round(_BASELINE * em_px)), colour, _font(), em_px, weight)
    label.setflags(write=False)
    return label


@lru_cache(maxsize=1)
def _font() -> "cv2.FontFace":
    try:
        return cv2.FontFace("sans")  # Rubik, inside OpenCV
    except AttributeError as exc:
        raise MissingError(
            f"the overlay needs OpenCV 5 or later, found {cv2.__version__}; pip install -U opencv-python"
        ) from exc
