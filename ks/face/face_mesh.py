"""MediaPipe's face mesh: a picture and a square for each face -> 478 points of each, and how surely it is a face.

Points 0 to 467 are the mesh, 468 to 472 the person's right iris, 473 to 477 the left one. x and y are in pixels of the
picture. z is the depth in the same unit, smaller is nearer to the camera, 0 is about the middle of the head.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F32, U8, sigmoid
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.mesh_region import SIDE_PX, Region
from knowledge_spreader.face.tflite_model import FACE_MESH, packaged_model

POINTS = 478
PRESENT = 0.5  # MediaPipe's threshold: below it, the face counts as lost


class Meshes(NamedTuple):
    """The faces of one picture, in the order of their squares."""

    points_px: F32  # (F, 478, 3): x, y, z
    presence: F32  # (F,) probability that there is a face


class FaceMesh:
    """The model. threads: as in TfliteModel."""

    def __init__(self, *, threads: int = 1) -> None:
        self._model = packaged_model(
            FACE_MESH,
            (SIDE_PX, SIDE_PX, 3),
            {"Identity": POINTS * 3, "Identity_1": 1},  # a third output, whether the tongue is out, is not used
            pixels=(0.0, 255.0),
            threads=threads,
        )

    def find(self, picture: U8, regions: Sequence[Region]) -> Meshes:
        """picture (H, W, 3) RGB. One answer per square, also where there is no face: look at `presence`."""
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3 or not picture.size:
            raise DataError(f"a picture must be uint8 (H, W, 3); got {picture.dtype} {picture.shape}")
        cuts = np.empty((len(regions), SIDE_PX, SIDE_PX, 3), np.uint8)
        for i, region in enumerate(regions):
            cuts[i] = region.cut(picture)
        raw, logits = self._model(cuts)
        points = np.empty((len(regions), POINTS, 3), np.float32)
        for i, region in enumerate(regions):
            points[i] = region.to_picture(raw[i].reshape(POINTS, 3))
        return Meshes(points, sigmoid(logits[:, 0]))
