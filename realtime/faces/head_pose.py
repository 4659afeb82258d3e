"""From six key points of a face: its box, its yaw and pitch, and its share outside the image."""

import math

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.face.alignment import transform
from knowledge_spreader.face.detector import Box

# BlazeFace's own box, in sides of the crop; mean over 334 real faces (standard deviation of the width 0.05).
_BOX_CENTRE = (0.49, 0.45)
_BOX_SIDE = 0.66
# Points that must lie inside the image, in sides of the crop: cheek to cheek, brows to below the chin.
_FACE = np.stack([grid.ravel() for grid in np.meshgrid(np.linspace(0.20, 0.80, 16), np.linspace(0.18, 0.84, 16))])

# How far the nose tip lies in front of the line between the ears, in head widths (yaw) and in eye distances (pitch).
# Fitted to the head poses of MediaPipe's FaceLandmarker on the same 334 faces (yaw -47 to 32, pitch -11 to 20 degrees).
# Root mean square error: yaw 2 degrees (47 is estimated as 40), pitch 5, because noses and ears differ.
_NOSE_PER_HEAD = 0.88
_NOSE_PER_EYES = 1.5
_NOSE_BELOW_EARS = 0.27  # eye distances, for a frontal face
_EYES_PER_SIDE = 3.25  # the crop's side in eye distances, as in face.alignment


def face_box(points: F64) -> Box:
    """The upright square around a face, brows to chin, computed from its (6, 2) points."""
    matrix = transform(points, 1)
    x, y = np.linalg.solve(matrix[:, :2], _BOX_CENTRE - matrix[:, 2]).tolist()
    half = _BOX_SIDE / 2 / math.hypot(matrix[0, 0], matrix[1, 0])
    return x - half, y - half, x + half, y + half


def turn_deg(points: F64) -> tuple[float, float]:
    """(yaw, pitch) in degrees: yaw positive to the person's left, pitch positive up. The crop removes roll."""
    matrix = transform(points, 1)
    upright = points @ matrix[:, :2].T * _EYES_PER_SIDE  # in eye distances
    nose, ears = upright[2], upright[4:].mean(0)
    head = max(float(upright[5, 0] - upright[4, 0]), 1e-6)
    yaw = math.atan(float(nose[0] - ears[0]) / head / _NOSE_PER_HEAD)
    up = (_NOSE_BELOW_EARS - float(nose[1] - ears[1])) / _NOSE_PER_EYES
    return math.degrees(yaw), math.degrees(math.asin(max(-1.0, min(1.0, up))))


def outside_share(points: F64, width: int, height: int) -> float:
    """Share of the face, 0 to 1, outside an image of width x height pixels."""
    matrix = transform(points, 1)
    at = np.linalg.solve(matrix[:, :2], _FACE - matrix[:, 2:])
    outside = (at[0] < 0) | (at[0] > width) | (at[1] < 0) | (at[1] > height)
    return float(outside.mean())
