"""Finds the faces of a photograph: of every size at once, because there is no next frame to search further in.

    the whole image                            faces of a tenth of its longer side, or more
    squares of 0.58 of the longer side         smaller ones, also beside large ones
    smaller squares, down to 8.3 x min_face    down to min_face_px

Each face must bear a wider look. The search takes 5 passes of the detector at 650 x 650 px, 30 at 1080p, 150 at 12
megapixels, and three for each face.
"""

import math
from itertools import product

from knowledge_spreader.arrays import U8
from knowledge_spreader.face.detector import DetectedFace, FaceDetector, Square, box_width

_TILE = 0.58  # side of the largest squares / the image's longer side, which two of them cover
_SMALLEST = 0.12  # faces of this share of a square are found
_STEP = 2.5  # most by which the side of one size of squares exceeds the next: a face of 0.12 is then one of 0.3
_LAP = 0.25  # least share of a square that its neighbour also covers
_FINEST_PX = 128  # side of the smallest squares: the detector's input
_NEAR = 0.8  # of min_face_px: smaller faces that only squares show are left out


def find_at_all_scales(detector: FaceDetector, image: U8, min_face_px: float) -> list[DetectedFace]:
    """The faces of an RGB image (H, W, 3)."""
    found = [face for face in detector.find(image, tiles=False) if detector.bears_a_wider_look(image, face)]
    squares = squares_of(image.shape[1], image.shape[0], min_face_px)
    smaller = detector.find_in(image, squares, known=[face.box_xyxy_px for face in found])
    return found + [face for face in smaller if box_width(face.box_xyxy_px) >= _NEAR * min_face_px]


def squares_of(width: int, height: int, min_face_px: float) -> list[Square]:
    """Squares of several sizes, each of which covers the image, in which faces of min_face_px are found."""
    largest = _TILE * max(width, height)
    smallest = max(min_face_px / _SMALLEST, _FINEST_PX)
    steps = math.log(max(largest / smallest, 1.0)) / math.log(_STEP)
    count = math.ceil(steps - 0.1)  # no further size for a tenth of a step
    sides = [largest * _STEP ** (-steps * i / max(count, 1)) for i in range(count + 1)]
    return [square for side in sides for square in _cover(width, height, round(side))]


def _cover(width: int, height: int, side: int) -> list[Square]:

    def starts(length: int) -> list[int]:
        if length <= side:
            return [(length - side) // 2]
        count = 1 + math.ceil((length - side) / (side * (1 - _LAP)))
        return [round(i * (length - side) / (count - 1)) for i in range(count)]

    return [(x, y, side) for y, x in product(starts(height), starts(width))]
