"""The head's pose from the 478 points of the face mesh: where it is, and how it is turned.

Camera coordinates: x to the picture's right, y down, z away from the camera, the camera at the origin. There are two
sets of angles. In degrees, seen from the camera; 0, 0, 0 is a face that looks into it, wherever it is in the picture:

    yaw_deg     positive: the nose points to the person's left (the picture's right)
    pitch_deg   positive: the nose points up
    roll_deg    positive: the top of the head leans to the person's left (clockwise in the picture)

yaw and pitch are the nose's direction, as longitude and latitude; roll turns around it. In radians, as OpenFace has
them, against the axes of the camera, R = Rx Ry Rz; 0, 0, 0 is a face that looks straight out of the picture's plane:

    Rx          positive: the nose points down
    Ry          positive: the nose points to the person's right (the picture's left)
    Rz          positive: the top of the head leans to the person's left (clockwise in the picture)

At the picture's centre the two are the same but for signs. Elsewhere the radians depend on the focal length.

The rigid points of an average face are laid onto the found ones by weighted Procrustes analysis, as MediaPipe's
geometry pipeline does; the depth of the mesh counts, so one picture is enough. A camera's focal length is not known,
so OpenFace's guess is used, and millimetres are those of an average head: the distance can be wrong by half, while
the degrees hardly change. tests/ks/face/test_head_pose.py says what was measured.
"""

import math
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.canonical_face import INDEX, PLACE_MM, WEIGHT

_ROUNDS = 3  # after which the distance changes by less than 0.1 %

_MIDDLE_MM = WEIGHT @ PLACE_MM  # (3,)
_WEIGHED = WEIGHT[:, None] * (PLACE_MM - _MIDDLE_MM)  # (33, 3)
_SPREAD = float((_WEIGHED * (PLACE_MM - _MIDDLE_MM)).sum())


@dataclass(frozen=True, slots=True, eq=False)
class HeadPose:
    """Where a head is and how it is turned; the module says what the signs mean."""

    rotation: F64  # (3, 3) head -> camera coordinates
    translation_mm: F64  # (3,) the origin of ks/face/canonical_face.py
    focal_px: float  # the focal length that was used
    centre_px: tuple[float, float]  # of the picture
    middle_depth: float  # z of the mesh, in pixels, at translation_mm

    @property
    def angles_deg(self) -> tuple[float, float, float]:
        """(yaw, pitch, roll), seen from the camera."""
        turn = _straight(self.translation_mm) @ self.rotation
        nose, left = -turn[:, 2], turn[:, 0]
        yaw = math.atan2(nose[0], -nose[2])
        pitch = math.asin(max(-1.0, min(1.0, -nose[1])))
        level = np.array([math.cos(yaw), 0.0, math.sin(yaw)])  # where `left` is without roll
        down = np.cross(-nose, level)
        roll = math.atan2(left @ down, left @ level)
        return math.degrees(yaw), math.degrees(pitch), math.degrees(roll)

    @property
    def rotation_rad(self) -> tuple[float, float, float]:
        """(Rx, Ry, Rz) of OpenFace, R = Rx Ry Rz."""
        turn = self.rotation
        return (
            math.atan2(-turn[1, 2], turn[2, 2]),
            math.asin(max(-1.0, min(1.0, turn[0, 2]))),
            math.atan2(-turn[0, 1], turn[0, 0]),
        )

    def to_camera(self, points_px: Floats) -> F64:
        """(n, 3) points of the mesh -> camera coordinates in mm."""
        distance = self.translation_mm[2]
        depth = distance + (points_px[:, 2].astype(np.float64) - self.middle_depth) * distance / self.focal_px
        flat = (points_px[:, :2].astype(np.float64) - self.centre_px) * depth[:, None] / self.focal_px
        return np.column_stack([flat, depth])

    def to_picture(self, places_mm: Floats) -> F64:
        """(n, 3) in mm in the head's coordinates -> (n, 2) pixels of the picture."""
        seen = places_mm @ self.rotation.T + self.translation_mm
        return np.asarray(seen[:, :2] / seen[:, 2:] * self.focal_px + self.centre_px)


def focal_length_px(width: int, height: int) -> float:
    """OpenFace's guess for a camera that is not known: 500 px at 640 x 480, a field of view of 65 by 51 degrees."""
    return (500.0 * width / 640.0 + 500.0 * height / 480.0) / 2


def head_pose(points_px: Floats, width: int, height: int) -> HeadPose:
    """points_px (478, 3) of ks/face/face_mesh.py in a picture of width x height. Raises DataError on another shape."""
    if points_px.shape != (478, 3) or not np.isfinite(points_px).all() or width < 1 or height < 1:
        raise DataError(
            f"a head's pose is made of finite points (478, 3) of a picture; got {points_px.shape} in {width} x {height}"
        )
    focal, centre = focal_length_px(width, height), (width / 2, height / 2)
    flat = points_px[INDEX].astype(np.float64) - (*centre, 0.0)
    scale, turn, shift = _laid_onto(flat)
    distance, middle = focal / scale, float(shift[2])
    for _ in range(_ROUNDS):  # nearer points appear larger: undo that with the distance of the last round
        depth = distance + (flat[:, 2] - middle) * distance / focal
        seen = np.column_stack([flat[:, :2] * depth[:, None] / focal, depth])
        scale, turn, shift = _laid_onto(seen)
        distance /= scale
    return HeadPose(turn, shift / scale, focal, centre, middle)


def _straight(place: F64) -> F64:
    """The rotation (3, 3) of the camera, sideways and then up, that brings a place to the middle of its view."""
    x, y, z = place.tolist()
    flat, far = math.hypot(x, z), math.hypot(x, y, z)
    across = np.array([z, 0.0, -x]) / flat
    ahead = place / far
    return np.stack([across, np.cross(ahead, across), ahead])


def _laid_onto(found: F64) -> tuple[float, F64, F64]:
    """(scale, rotation, translation) that lay the rigid points (33, 3) onto the found ones, by least squares."""
    left, stretch, right = np.linalg.svd(found.T @ _WEIGHED)  # _WEIGHED sums to 0, so `found` need not be centred
    sign = np.array([1.0, 1.0, math.copysign(1.0, np.linalg.det(left @ right))])  # a rotation, not a reflection
    turn = (left * sign) @ right
    scale = float(stretch @ sign) / _SPREAD
    return scale, turn, WEIGHT @ found - scale * turn @ _MIDDLE_MM
