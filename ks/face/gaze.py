"""The gaze of each eye, from the iris and an average eyeball. Experimental: about 12 degrees wrong on the average.

An eyeball sits behind the middle between the corners of its eye, at a place that is fixed in the head. The ray from
the camera through the middle of the iris meets a sphere around it; from the centre to there is the gaze. All is in
camera coordinates (ks/face/head_pose.py): (0, 0, -1) is a look straight out of the picture.

The eyeball's place was set on 60 frontal portraits, whose people look into the camera (the Face Research Lab London
Set), its radius is that of an eye, up to the iris. tests/ks/face/test_gaze.py says what was measured. Glasses, small
eyes and small faces make it worse; a closed eye has no gaze, nor has one whose iris is where none can be.
"""

import math
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.face.head_pose import HeadPose

# Outer and inner corner, iris, upper and lower lid; of the right eye, then of the left one.
_EYES = ((33, 133, 468, 159, 145), (263, 362, 473, 386, 374))
_BALL_MM = (-1.3, -2.2, 8.5)  # of the right eye from the middle of its corners: outwards, up, back
_IRIS_MM = 10.0  # from the eyeball's centre to the middle of the iris
_OPEN = 0.10  # below it a lid covers the iris: the gap between the lids as a share of the eye's width


@dataclass(frozen=True, slots=True, eq=False)
class Gaze:
    """Unit vectors in camera coordinates; an eye whose gaze is not known is nan."""

    right: F64  # (3,) the person's right eye, the left one in the picture: OpenFace's gaze_0
    left: F64  # (3,) OpenFace's gaze_1

    @property
    def angle_rad(self) -> tuple[float, float]:
        """OpenFace's gaze_angle_x, positive to the picture's right, and gaze_angle_y, positive down.

        The mean of the eyes that are known; (nan, nan) if none is.
        """
        seen = [eye for eye in (self.right, self.left) if not math.isnan(eye[0])]
        if not seen:
            return math.nan, math.nan
        x, y, z = np.mean(seen, axis=0).tolist()
        return math.atan2(x, -z), math.atan2(y, -z)


def gaze(points_px: Floats, pose: HeadPose) -> Gaze:
    """points_px (478, 3), from which `pose` was made."""
    return Gaze(*(_eye(points_px, pose, *eye, mirrored=mirrored) for eye, mirrored in zip(_EYES, (1, -1), strict=True)))


def _eye(
    points_px: Floats, pose: HeadPose, outer: int, inner: int, iris: int, upper: int, lower: int, *, mirrored: int
) -> F64:
    gap, width = (math.dist(points_px[a, :2], points_px[b, :2]) for a, b in ((upper, lower), (outer, inner)))
    if gap < _OPEN * width:
        return np.full(3, np.nan)
    x, y, z = _BALL_MM
    ball = pose.to_camera(points_px[[outer, inner]]).mean(0) + pose.rotation @ (x * mirrored, y, z)
    ray = np.append((points_px[iris, :2].astype(np.float64) - pose.centre_px) / pose.focal_px, 1.0)
    ray /= np.linalg.norm(ray)
    along = float(ray @ ball)
    inside = along**2 - float(ball @ ball) + _IRIS_MM**2
    if inside < 0:  # the ray misses the ball, as may happen with sunglasses
        return np.full(3, np.nan)
    looks = ray * (along - math.sqrt(inside)) - ball
    return np.asarray(looks / np.linalg.norm(looks))
