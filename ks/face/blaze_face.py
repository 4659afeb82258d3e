"""BlazeFace (short range): pictures of 128 x 128 px -> boxes, six key points, scores.

The model answers for 896 anchors: two at each cell of a 16 x 16 grid, then six at each cell of an 8 x 8 grid. An answer
is the box's centre and size and six points, all relative to the cell's centre and in pixels. Answers that overlap are
averaged with their scores as weights (weighted non-maximum suppression), as MediaPipe does.

Bazarevsky et al. 2019, "BlazeFace: Sub-millisecond Neural Face Detection on Mobile GPUs", arXiv:1907.05047.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F32, F64, U8, sigmoid
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.tflite_model import BLAZE_FACE, TfliteModel, packaged_model

INPUT_PX = 128
MIN_SCORE = 0.2
SAME_FACE = 0.3  # answers that overlap more (intersection over union) are averaged
_ANCHORS = 896
_ITEM = (INPUT_PX, INPUT_PX, 3)
_ANSWERS = {"regressors": _ANCHORS * 16, "classificators": _ANCHORS}
_PIXELS = (127.5, 127.5)  # 0 to 255 -> -1 to 1


class Detection(NamedTuple):
    """A face in a picture of 128 x 128 px, in continuous pixels: (0, 0) is the outer corner of the first one.

    The points are those of ks/face/alignment.py. Box and points may lie outside the picture.
    """

    corners_px: F64  # (2, 2): left and top, right and bottom
    points_px: F64  # (6, 2)
    score: float  # 0 to 1

    def whole_corners(self) -> F64:
        """The box as MediaPipe's FaceDetector reports it: in whole pixels, and pushed in at the left and at the top."""
        place = np.maximum(np.trunc(self.corners_px[0]), 0)
        return np.stack([place, place + np.trunc(self.corners_px[1] - self.corners_px[0])])


class BlazeFace:
    """The detector. path: another BlazeFace file than the one of this package. threads: as in TfliteModel."""

    def __init__(self, path: Path | None = None, *, min_score: float = MIN_SCORE, threads: int = 1) -> None:
        if not 0 < min_score < 1:
            raise DataError(f"a face's lowest score must be between 0 and 1; got {min_score}")
        self._min_logit = math.log(min_score / (1 - min_score))
        if path is None:
            self._model = packaged_model(BLAZE_FACE, _ITEM, _ANSWERS, pixels=_PIXELS, threads=threads)
        else:
            self._model = TfliteModel(path, _ITEM, _ANSWERS, pixels=_PIXELS, threads=threads)

    def detect(self, pictures: U8) -> list[list[Detection]]:
        """(B, 128, 128, 3) RGB -> the faces of each picture, best first."""
        boxes, logits = self._model(pictures)
        return [self._faces(box.reshape(_ANCHORS, 8, 2), logit) for box, logit in zip(boxes, logits, strict=True)]

    def _faces(self, answers: F32, logits: F32) -> list[Detection]:
        """answers (896, 8, 2): centre, size and six points of each anchor, from the anchor's centre."""
        good = logits >= self._min_logit
        sizes, centres = answers[good, 1], answers[good, 0] + ANCHORS_PX[good]
        points = answers[good, 2:] + ANCHORS_PX[good, None]
        found = np.concatenate([(centres - sizes / 2)[:, None], (centres + sizes / 2)[:, None], points], axis=1)
        real = (sizes > 0).all(1)
        return _merged(found[real].astype(np.float64), sigmoid(logits[good][real]).astype(np.float64))


def _anchors() -> F32:
    """(896, 2) centres x, y in pixels, row by row."""

    def grid(cells: int, each: int) -> F64:
        middles = (np.arange(cells) + 0.5) * (INPUT_PX / cells)
        x, y = np.meshgrid(middles, middles)
        return np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0)

    return np.concatenate([grid(16, 2), grid(8, 6)]).astype(np.float32)


ANCHORS_PX = _anchors()


def _merged(found: F64, scores: F64) -> list[Detection]:
    """found (K, 8, 2): corners and points. The best one and all that overlap it become one face; then the rest."""
    faces = []
    order = np.argsort(-scores, kind="stable")
    while len(order):
        near = _overlaps(found[order, :2], found[order[0], :2]) > SAME_FACE  # the best one overlaps itself
        group = order[near]
        mean = np.average(found[group], axis=0, weights=scores[group])
        faces.append(Detection(mean[:2], mean[2:], float(scores[order[0]])))
        order = order[~near]
    return faces


def _overlaps(boxes: F64, box: F64) -> F64:
    """Intersection over union of boxes (K, 2, 2) with one box (2, 2)."""
    both = np.clip(np.minimum(boxes[:, 1], box[1]) - np.maximum(boxes[:, 0], box[0]), 0, None).prod(1)
    areas = (boxes[:, 1] - boxes[:, 0]).prod(1)
    return np.asarray(both / (areas + (box[1] - box[0]).prod() - both), np.float64)
