"""The points of a head whose pose is known: the rigid points of the average face, seen by OpenFace's camera."""

import math

import numpy as np

from knowledge_spreader.face.canonical_face import INDEX, PLACE_MM
from knowledge_spreader.face.head_pose import focal_length_px

SIZE = (640, 480)


def about(axis, degrees):
    """(3, 3) The rotation by a right-handed angle around "x", "y" or "z"."""
    c, s = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    a, b = {"x": (1, 2), "y": (2, 0), "z": (0, 1)}[axis]
    turn = np.eye(3)
    turn[a, a] = turn[b, b] = c
    turn[a, b], turn[b, a] = -s, s
    return turn


def mesh_of(turn, place_mm=(0.0, 0.0, 600.0), more=None):
    """(478, 3) Only the rigid points, and those in `more`, index -> (3,) mm in the head's coordinates, are right."""
    spots = dict(zip(INDEX.tolist(), PLACE_MM, strict=True)) | (more or {})
    points = np.zeros((478, 3), np.float32)
    focal = focal_length_px(*SIZE)
    for index, spot in spots.items():
        x, y, z = turn @ np.asarray(spot) + place_mm
        points[index] = (
            x / z * focal + SIZE[0] / 2,
            y / z * focal + SIZE[1] / 2,
            (z - place_mm[2]) * focal / place_mm[2],
        )
    return points
