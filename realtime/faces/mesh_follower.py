"""Follows held faces with the face mesh: one look per face and frame, several faces at once."""

from collections.abc import Sequence

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import Box, DetectedFace
from knowledge_spreader.face.face_mesh import PRESENT, FaceMesh
from knowledge_spreader.face.mesh_points import key_points
from knowledge_spreader.face.mesh_region import Region, region_of_detection, region_of_mesh
from knowledge_spreader.realtime.faces.head_pose import face_box
from knowledge_spreader.realtime.types import Landmarks

# The square stays until the face has moved or turned by more: answers for a square that does not move jitter less.
_LIKE_DETECTED = 1.1  # the detector's boxes are this much wider than those of ks-live's results
_MOVED = 0.02  # of its side
_GREW = 1.04  # a factor
_TURNED = 0.05  # radians


class MeshFollower:
    """Use it from one thread at a time."""

    def __init__(self) -> None:
        self._mesh = FaceMesh()

    def follow(self, image: U8, regions: Sequence[Region]) -> list[tuple[DetectedFace, Landmarks] | None]:
        """The face in each square, or None if there is none. The score of a face is its presence."""
        if not regions:
            return []
        found = self._mesh.find(image, regions)
        present = [i for i, presence in enumerate(found.presence) if presence >= PRESENT]
        answers: list[tuple[DetectedFace, Landmarks] | None] = [None] * len(regions)
        for i in present:
            points, presence = found.points_px[i], float(found.presence[i])
            try:
                six = key_points(points)
                face = DetectedFace(_wider(face_box(six)), six.astype(np.float32), presence)
            except DataError:  # the points do not form a face
                continue
            answers[i] = face, Landmarks(points, presence)
        return answers


def _wider(box: Box) -> Box:
    left, top, right, bottom = box
    more = (_LIKE_DETECTED - 1) / 2 * (right - left)
    return left - more, top - more, right + more, bottom + more


def first_region(face: DetectedFace) -> Region:
    """The square for a face that the detector found."""
    left, top, right, bottom = face.box_xyxy_px
    return region_of_detection(np.array([(left, top), (right, bottom)]), face.points_px.astype(np.float64))


def next_region(held: Region, landmarks: Landmarks) -> Region:
    """The square for the next frame: the same, unless the face moved, grew or turned."""
    new = region_of_mesh(landmarks.points_px)
    moved = max(abs(new.x_px - held.x_px), abs(new.y_px - held.y_px)) > _MOVED * held.side_px
    grew = not 1 / _GREW <= new.side_px / held.side_px <= _GREW
    turned = abs((new.angle - held.angle + np.pi) % (2 * np.pi) - np.pi) > _TURNED
    return new if moved or grew or turned else held
