"""Distances and heights of a face, in mm of an average head, freed of how the head is turned and where it is.

The 478 points are brought into the head's own coordinates (ks/face/canonical_face.py). Heights are positive upwards,
depths away from the camera. What both sides have is measured on each.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.head_pose import HeadPose

# Points of the mesh: of the person's right side, then of the left.
_SIDED = {
    "brow_inner": ((107, 55), (336, 285)),
    "brow_middle": ((105, 52), (334, 282)),
    "brow_outer": ((70, 46), (300, 276)),
    "upper_lid": ((158, 159, 160), (385, 386, 387)),
    "lower_lid": ((144, 145, 153), (373, 374, 380)),
    "eye_inner": ((133,), (362,)),
    "eye_outer": ((33,), (263,)),
    "under_eye": ((117, 118, 119), (346, 347, 348)),
    "cheek": ((50, 205), (280, 425)),
    "nostril": ((98, 129), (327, 358)),
    "lip_corner": ((61,), (291,)),
    "upper_lip_side": ((39, 40), (269, 270)),
    "lower_lip_side": ((91, 181), (321, 405)),
}
_MIDDLE = {
    "nose": (1,),
    "under_nose": (2,),
    "upper_lip_top": (0,),
    "upper_lip": (13,),
    "lower_lip": (14,),
    "lower_lip_end": (17,),
    "chin_pit": (18, 200),
    "chin": (152, 199),
}
_GROUPS = (*(right for right, _ in _SIDED.values()), *(left for _, left in _SIDED.values()), *_MIDDLE.values())
_USED = sorted({point for points in _GROUPS for point in points})
_MEAN = np.array([[(point in points) / len(points) for point in _USED] for points in _GROUPS])  # (groups, points)
OF_A_SIDE = (
    *("brow_inner_height", "brow_middle_height", "brow_outer_height", "brow_tilt", "brow_to_lid"),
    *("eye_opening", "upper_lid_height", "lower_lid_height", "under_eye_height", "under_eye_depth"),
    *("cheek_depth", "cheek_height", "nostril_height", "nostril_width", "nostril_to_nose"),
    *("corner_height", "corner_width", "corner_depth", "corner_above_lips", "corner_to_lid"),
    *("upper_lip_side_height", "upper_lip_side_to_nostril", "lower_lip_side_height"),
)
OF_THE_MIDDLE = (
    *("brows_apart", "mouth_width", "lips_apart", "upper_lip_thickness", "lower_lip_thickness", "lips_thickness"),
    *("lip_to_nose", "lip_to_chin", "nose_to_chin", "chin_height", "chin_depth", "chin_pit_depth", "chin_pit_to_chin"),
    *("upper_lip_depth", "lower_lip_depth", "upper_lip_height", "lower_lip_height"),
)
MEASURES = (
    *(f"{name}_right" for name in OF_A_SIDE),
    *(f"{name}_left" for name in OF_A_SIDE),
    *OF_THE_MIDDLE,
)


def measures(points_px: Floats, pose: HeadPose) -> F64:
    """(478, 3) points of ks/face/face_mesh.py and their pose -> (M,), in the order of MEASURES.

    Raises DataError on another shape, or if a point is not finite.
    """
    if points_px.shape != (478, 3) or not np.isfinite(points_px).all():
        raise DataError(f"measures are made of finite points (478, 3); got {points_px.shape}")
    head = (pose.to_camera(points_px[_USED]) - pose.translation_mm) @ pose.rotation
    spots = (_MEAN @ head).tolist()  # plain numbers: the arithmetic of a few points is faster without arrays
    n = len(_SIDED)
    right, left = dict(zip(_SIDED, spots[:n], strict=True)), dict(zip(_SIDED, spots[n : 2 * n], strict=True))
    middle = dict(zip(_MIDDLE, spots[2 * n :], strict=True))
    return np.array([*_of_a_side(right, middle), *_of_a_side(left, middle), *_of_the_middle(right, left, middle)])


Spot = Sequence[float]  # x, y, z in mm
_apart = math.dist


def _of_a_side(side: Mapping[str, Spot], middle: Mapping[str, Spot]) -> list[float]:
    eye_y = (side["eye_inner"][1] + side["eye_outer"][1]) / 2
    lips_y = (middle["upper_lip"][1] + middle["lower_lip"][1]) / 2

    def above_eye(name: str) -> float:
        return eye_y - side[name][1]

    return [
        *(above_eye(name) for name in ("brow_inner", "brow_middle", "brow_outer")),
        side["brow_outer"][1] - side["brow_inner"][1],
        _apart(side["brow_middle"], side["upper_lid"]),
        _apart(side["upper_lid"], side["lower_lid"]),
        *(above_eye(name) for name in ("upper_lid", "lower_lid", "under_eye")),
        side["under_eye"][2],
        side["cheek"][2],
        -side["cheek"][1],
        -side["nostril"][1],
        abs(side["nostril"][0]),
        _apart(side["nostril"], middle["nose"]),
        -side["lip_corner"][1],
        abs(side["lip_corner"][0]),
        side["lip_corner"][2],
        lips_y - side["lip_corner"][1],
        _apart(side["lip_corner"], side["lower_lid"]),
        -side["upper_lip_side"][1],
        _apart(side["upper_lip_side"], side["nostril"]),
        -side["lower_lip_side"][1],
    ]


def _of_the_middle(right: Mapping[str, Spot], left: Mapping[str, Spot], middle: Mapping[str, Spot]) -> list[float]:
    around_pit = (middle["chin"][2] + middle["lower_lip_end"][2]) / 2
    return [
        _apart(right["brow_inner"], left["brow_inner"]),
        _apart(right["lip_corner"], left["lip_corner"]),
        _apart(middle["upper_lip"], middle["lower_lip"]),
        _apart(middle["upper_lip_top"], middle["upper_lip"]),
        _apart(middle["lower_lip"], middle["lower_lip_end"]),
        _apart(middle["upper_lip_top"], middle["lower_lip_end"]),
        _apart(middle["upper_lip_top"], middle["under_nose"]),
        _apart(middle["lower_lip_end"], middle["chin"]),
        _apart(middle["nose"], middle["chin"]),
        -middle["chin"][1],
        middle["chin"][2],
        middle["chin_pit"][2] - around_pit,
        _apart(middle["chin_pit"], middle["chin"]),
        middle["upper_lip_top"][2],
        middle["lower_lip_end"][2],
        -middle["upper_lip"][1],
        -middle["lower_lip"][1],
    ]
