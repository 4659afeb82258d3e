"""Frames of a stream: real faces pasted onto a background at given places, or the frames of a clip."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import cache
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.realtime.types import Frame, Stream
from tests.paths import SHARED

MODEL = find_face_model(None)
MEDIA = SHARED / "media"
needs_media = pytest.mark.skipif(not MEDIA.is_dir(), reason=f"no real faces at {MEDIA}")

# file, and the box of a face in it: left, top, right, bottom
_FACES = {
    "astronaut": ("skimage_astronaut.png", (173, 71, 275, 173)),
    "hopper": ("coral_grace_hopper.bmp", (155, 138, 357, 340)),
    "man": ("pyfeat_single_face.jpg", (173, 186, 381, 394)),
}


def media(name: str) -> Path:
    path = MEDIA / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


@cache
def picture(name: str) -> U8:
    """The picture of this name. It is shared: do not change it."""
    return np.asarray(cv2.cvtColor(cv2.imread(str(media(name))), cv2.COLOR_BGR2RGB), np.uint8)


def clip(name: str) -> list[tuple[float, U8]]:
    """Time and picture of each frame."""
    with av.open(str(media(name))) as container:
        return [
            (float(frame.pts * frame.time_base), np.ascontiguousarray(frame.to_ndarray(format="rgb24")))
            for frame in container.decode(video=0)
        ]


def frame(image: U8, time_s: float, *, number: int = 0, epoch: int = 0, shift_s: float = 0.0) -> Frame:
    pts = round((time_s - shift_s) * 90_000)
    return Frame(image, Stream("test", number), 0, pts, Fraction(1, 90_000), 0.0, epoch, shift_s)


@cache
def _noise() -> F32:
    return np.random.default_rng(0).normal(0, 2, (400, 700, 3)).astype(np.float32)


@cache
def background(width: int = 640, height: int = 360, seed: int = 0) -> U8:
    """Soft spots: unlike a face, but different enough between seeds for a thumbnail. Shared: do not change it."""
    coarse = np.random.default_rng(seed).uniform(40, 200, (5, 8, 3)).astype(np.float32)
    return np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 255), np.uint8)


def paste(image: U8, who: str, x: float, y: float, width: float) -> None:
    """Draws a head into an image: its face is `width` px wide with its middle at (x, y)."""
    file, (left, top, right, bottom) = _FACES[who]
    scale = width / (right - left)
    matrix = np.array([(scale, 0, x - scale * (left + right) / 2), (0, scale, y - scale * (top + bottom) / 2)])
    size = image.shape[1::-1]
    mode = cv2.INTER_LINEAR if scale > 0.5 else cv2.INTER_AREA
    head = cv2.warpAffine(picture(file), matrix, size, flags=mode)
    mask = np.zeros(image.shape[:2], np.float32)
    cv2.ellipse(mask, (round(x), round(y)), (round(0.62 * width), round(0.8 * width)), 0, 0, 360, 1.0, -1)
    mask = cv2.GaussianBlur(mask, (0, 0), width / 30)[..., None]
    image[:] = (mask * head + (1 - mask) * image).round().astype(np.uint8)


def shot(
    heads: Sequence[tuple[str, float, float, float]],
    time_s: float,
    *,
    seed: int = 0,
    epoch: int = 0,
    shift_s: float = 0,
) -> Frame:
    """One frame with sensor noise. heads: (who, x, y, width) each, the later ones in front."""
    image = background(seed=seed).copy()
    for head in heads:
        paste(image, *head)
    y, x = np.random.default_rng(round(time_s * 1000)).integers(0, 40, 2)
    noisy = np.asarray((image + _noise()[y : y + 360, x : x + 640]).clip(0, 255).round(), np.uint8)
    return frame(noisy, time_s, epoch=epoch, shift_s=shift_s)


def every(step_s: float, start_s: float, end_s: float) -> Iterator[float]:
    """Times from start_s to before end_s."""
    return (start_s + i * step_s for i in range(round((end_s - start_s) / step_s)))
