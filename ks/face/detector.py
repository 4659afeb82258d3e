"""Find faces and their six key points with two passes of BlazeFace (short range).

    find(image)          the whole image, any detection (score 0.2)           -> candidates
                         if none: six overlapping squares of half its size    -> candidates
                         if none: squares of 400 px, in images beyond 800 px  -> candidates
                         a square of 2.25 faces around each candidate         -> a face, if the score is 0.75 or more
    find(image, near)    the square of 2.25 faces around `near`               -> that face, if the score is 0.5 or more

BlazeFace scales its input to 128 x 128 px. In the second pass a face always has the size that suits it best: it finds
small faces, rejects prints and clouds that resemble a face, and key points do not depend on the face's position or
resolution. Key points jitter by 1.5 % of the eye distance if the square moves with the face, and by 0.6 % if it stays.
So a track keeps its square as long as possible: near = hold(near, face.box_xyxy_px).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Self

import numpy as np

from knowledge_spreader.arrays import F32, F64, U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blaze_face import INPUT_PX, BlazeFace
from knowledge_spreader.face.mediapipe_detector import MediaPipeBlazeFace
from knowledge_spreader.face.tflite_model import BLAZE_FACE, packaged_path
from knowledge_spreader.opencv import cv2

Box = tuple[float, float, float, float]  # left, top, right, bottom in pixels
Square = tuple[int, int, int]  # left, top, side in pixels; may extend beyond the image

OPENVINO = "openvino"
RUNTIMES = (OPENVINO, "mediapipe")  # what can run BlazeFace; the answers are the same

GUESS_SCORE = 0.2  # small faces rarely score higher in the first pass
# In the second pass. Measured: real faces >= 0.79, drawn letters and clouds <= 0.73 except a few frames (0.80).
NEW_SCORE = 0.75
HELD_SCORE = 0.5  # lower, because a face was just there
SAME_FACE = 0.2  # overlap of two boxes, intersection over union
_SQUARE_PER_FACE = 2.25
_TILE = 0.55  # side of a square / the image's longer side
# A face is confirmed by another look in a square this much larger. Of candidates that score 0.75 in the second pass,
# real faces score at least 0.85 in it, drawn letters and clouds at most 0.63.
_WIDER = 1.5
_FINE_PX = 400  # side of a fine square, in which faces of 0.12, 48 px, always score above GUESS_SCORE


@dataclass(frozen=True, slots=True, eq=False)
class DetectedFace:
    """A face in one image. The box spans brows to chin. ks/face/alignment.py lists the points."""

    box_xyxy_px: Box
    points_px: F32  # (6, 2)
    score: float  # 0 to 1


class FaceDetector:
    """BlazeFace as a context manager. Raises MissingError or DataError if the runtime or the model cannot be used.

    model: another BlazeFace file than the packaged one. runtime: one of RUNTIMES. Use it from one thread at a time.
    quick: halve large squares before resizing them. For a face that fills a 1080p picture, a pass takes 4 instead of
    7.5 ms; the crop moves by 1 px of 224 (root mean square), a third of its change when the square moves by 3 %. Not
    for training data, whose crops must stay bit-identical.
    """

    def __init__(self, model: Path | None = None, *, quick: bool = False, runtime: str = OPENVINO) -> None:
        self._quick = quick
        self._blaze = _open(model, runtime)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        if isinstance(self._blaze, MediaPipeBlazeFace):
            self._blaze.close()

    def find(
        self,
        image: U8,
        near: Box | None = None,
        *,
        known: Sequence[Box] = (),
        tiles: bool = True,
        fine: bool = True,
    ) -> list[DetectedFace]:
        """The faces of an RGB image (H, W, 3), largest first; with `near`, only the face there, or none.

        Without `near`, faces of 0.10 of the image's longer side are nearly always found; smaller ones, down to 48 px,
        only if there is no larger one. An image without a face costs seven passes at VGA, 15 at 720p, 31 at 1080p
        and 91 at 4K; a tracked face costs one.

        known: boxes of faces that are already tracked; they are left out and cost no second pass.
        tiles: also search the six squares if the whole image shows no face; False: such an image costs one pass.
        fine: then also search the fine squares, if there are some.
        """
        if image.dtype != np.uint8 or image.ndim != 3 or image.shape[2] != 3 or not image.size:
            raise DataError(f"a picture must be uint8 (H, W, 3); got {image.dtype} {image.shape}")
        if near is not None:
            face = self._closer_look(image, near, HELD_SCORE)
            return [] if face is None else [face]
        height, width = image.shape[:2]
        side = max(height, width)
        faces = self._confirmed(image, [((width - side) // 2, (height - side) // 2, side)], known)
        if tiles and not faces:
            faces = self._confirmed(image, _tiles(width, height), known)
        if tiles and fine and not faces:
            faces = self.find_in(image, fine_tiles(width, height), known=known)
        return faces

    def find_in_tile(self, image: U8, number: int, *, known: Sequence[Box] = ()) -> list[DetectedFace]:
        """The faces in one of the six squares (number modulo six), without the known ones, largest first.

        Finds small faces beside a large one: find does not search the squares then.
        """
        squares = _tiles(image.shape[1], image.shape[0])
        return self._confirmed(image, [squares[number % len(squares)]], known)

    def find_in(self, image: U8, squares: Sequence[Square], *, known: Sequence[Box] = ()) -> list[DetectedFace]:
        """The faces in these squares, without the known ones, largest first. A pass for each square.

        Many squares bring chance detections, so each face must bear a wider look.
        """
        found = self._confirmed(image, squares, known)
        return [face for face in found if self.bears_a_wider_look(image, face)]

    def bears_a_wider_look(self, image: U8, face: DetectedFace) -> bool:
        """Whether a search in a larger square confirms the face."""
        left, top, right, bottom = face.box_xyxy_px
        more = (_WIDER - 1) / 2 * box_width(face.box_xyxy_px)
        wider = self._closer_look(image, (left - more, top - more, right + more, bottom + more), NEW_SCORE)
        return wider is not None and overlap(wider.box_xyxy_px, face.box_xyxy_px) > SAME_FACE

    def _confirmed(self, image: U8, squares: Sequence[Square], known: Sequence[Box]) -> list[DetectedFace]:
        """The faces of these squares that pass the second pass, each once, largest first."""

        def is_known(face: DetectedFace) -> bool:
            return any(overlap(face.box_xyxy_px, box) > SAME_FACE for box in known)

        candidates = [face for square in squares for face in self._look(image, square) if not is_known(face)]
        kept: list[DetectedFace] = []
        for candidate in sorted(candidates, key=lambda face: -face.score):
            if any(overlap(candidate.box_xyxy_px, face.box_xyxy_px) > 0.5 for face in kept):
                continue
            face = self._closer_look(image, candidate.box_xyxy_px, NEW_SCORE)
            if face is None or is_known(face):
                continue
            if all(overlap(face.box_xyxy_px, other.box_xyxy_px) <= SAME_FACE for other in kept):
                kept.append(face)
        return sorted(kept, key=lambda face: -box_width(face.box_xyxy_px))

    def _closer_look(self, image: U8, box: Box, min_score: float) -> DetectedFace | None:
        """The second pass: the face in this box, detected in a square around it."""
        side = max(round(_SQUARE_PER_FACE * box_width(box)), 8)
        left, top = round((box[0] + box[2] - side) / 2), round((box[1] + box[3] - side) / 2)
        seen = [face for face in self._look(image, (left, top, side)) if face.score >= min_score]
        face = max(seen, key=lambda face: overlap(face.box_xyxy_px, box), default=None)
        return face if face and overlap(face.box_xyxy_px, box) >= SAME_FACE else None

    def _look(self, image: U8, square: Square) -> list[DetectedFace]:
        """One pass: all detections in a square of the image, in pixels of the image. Outside the image is black."""
        x, y, side = square
        left, top = max(x, 0), max(y, 0)
        part = image[top : max(y + side, 0), left : max(x + side, 0)]
        halvings = max(side // INPUT_PX, 1).bit_length() - 1 if self._quick else 0
        if halvings:  # crop to whole blocks of pixels
            part = part[: part.shape[0] >> halvings << halvings, : part.shape[1] >> halvings << halvings]
        if not part.size:
            return []
        scale = INPUT_PX / side
        width, height = max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale))
        column, row = (
            min(round((left - x) * scale), INPUT_PX - width),
            min(round((top - y) * scale), INPUT_PX - height),
        )
        shown = np.zeros((INPUT_PX, INPUT_PX, 3), np.uint8)
        shrinks = side > INPUT_PX
        stretch = np.array([part.shape[1] / width, part.shape[0] / height])
        for _ in range(halvings):
            half = (part.shape[1] // 2, part.shape[0] // 2)
            part = np.asarray(cv2.resize(part, half, interpolation=cv2.INTER_AREA), np.uint8)
        shown[row : row + height, column : column + width] = cv2.resize(
            part, (width, height), interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
        )
        return [
            DetectedFace(
                box_xyxy_px=_box((box - (column, row)) * stretch + (left, top)),
                points_px=((points - (column, row)) * stretch + (left, top)).astype(np.float32),
                score=score,
            )
            for box, points, score in self._detect(shown)
        ]

    def _detect(self, shown: U8) -> list[tuple[F64, F64, float]]:
        """(2, 2) box corners and (6, 2) key points, both in pixels of `shown`, and the score."""
        return [(face.whole_corners(), face.points_px, face.score) for face in self._blaze.detect(shown[None])[0]]


def _open(model: Path | None, runtime: str) -> BlazeFace | MediaPipeBlazeFace:
    if runtime == OPENVINO:
        return BlazeFace(model, min_score=GUESS_SCORE)
    if runtime not in RUNTIMES:
        raise DataError(f"--face-runtime must be one of {', '.join(RUNTIMES)}; got {runtime!r}")
    return MediaPipeBlazeFace(model or packaged_path(BLAZE_FACE), min_score=GUESS_SCORE)


def box_width(box: Box) -> float:
    """The longer side; BlazeFace's boxes are square up to rounding."""
    return max(box[2] - box[0], box[3] - box[1])


def overlap(a: Box, b: Box) -> float:
    """Intersection over union of two boxes, 0 to 1."""
    width, height = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    if width <= 0 or height <= 0:
        return 0.0
    both = width * height
    return both / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - both)


def hold(near: Box, face: Box) -> Box:
    """The box to search in the next frame: the old one, unless the face moved too far or changed its size."""
    moved = max(abs(near[0] + near[2] - face[0] - face[2]), abs(near[1] + near[3] - face[1] - face[3])) / 2
    growth = box_width(face) / box_width(near)
    return near if moved <= 0.15 * box_width(near) and 0.82 <= growth <= 1.22 else face


def fine_tiles(width: int, height: int) -> list[Square]:
    """Overlapping squares of 400 px that cover a large image; none if the six squares are hardly larger."""
    return _cover(width, height, _FINE_PX) if _TILE * max(width, height) > 1.1 * _FINE_PX else []


def _tiles(width: int, height: int) -> list[Square]:
    """Overlapping squares that cover the image, each _TILE of its longer side: six for 4:3 and 16:9."""
    return _cover(width, height, round(_TILE * max(width, height)))


def _cover(width: int, height: int, side: int) -> list[Square]:

    def starts(length: int) -> list[int]:
        if length <= side:
            return [(length - side) // 2]
        count = 1 + -(-(length - side) * 5 // (side * 4))  # neighbours overlap by a fifth or more
        return [round(i * (length - side) / (count - 1)) for i in range(count)]

    return [(x, y, side) for y, x in product(starts(height), starts(width))]


def _box(corners: F64) -> Box:
    return float(corners[0, 0]), float(corners[0, 1]), float(corners[1, 0]), float(corners[1, 1])
