"""Draws the landmarks of a face, the axes of its head, and the gaze of its eyes.

The axes start between the eyes: x to the person's left is a dashed line, y down a thin line, z, where the nose points,
a thick line with a ball at its end. Gaze is a line with an arrow from each iris.
"""

import numpy as np

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.face.landmarks_68 import INDEX
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.measures import measures_of
from knowledge_spreader.realtime.types import FaceAUs, Frame

_AXIS_MM, _GAZE_MM = 60.0, 70.0
_BRIDGE_MM = np.array([0.0, -24.73, -57.89])  # the bridge of the nose, ks/face/canonical_face.py
_IRISES = (468, 473)  # right, left
_POINT, _X, _Y, _Z, _GAZE = (120, 230, 255), (255, 120, 110), (120, 235, 120), (120, 170, 255), (255, 225, 90)
_BLACK = (0, 0, 0)
_SUBPIXEL = 4  # bits


def draw_face(image: U8, answer: FaceAUs, frame: Frame, landmarks: str) -> None:
    """On the image, in place. landmarks: "none", "68" or "478" points. Nothing without a face mesh."""
    measured, mesh = measures_of(answer, frame), answer.face.landmarks
    if measured is None or mesh is None:
        return
    points = mesh.points_px.astype(np.float64)
    eyes_px = float(np.linalg.norm(points[33, :2] - points[263, :2]))
    if landmarks != "none":
        _draw_points(image, points[INDEX if landmarks == "68" else slice(None), :2], eyes_px)
    thick = max(round(eyes_px / 60), 1)
    pose = measured.pose
    ends = pose.to_picture(_BRIDGE_MM + np.array([(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, -1)]) * _AXIS_MM)
    for along, colour in ((1, _X), (2, _Y), (3, _Z)):
        width = thick * 2 if along == 3 else thick
        _line(image, ends[0], ends[along], colour, width, dashed=along == 1)
    _ball(image, ends[3], max(2.5 * thick, 2.5), _Z)
    for iris, gaze in zip(_IRISES, (measured.gaze.right, measured.gaze.left), strict=True):
        if np.isfinite(gaze).all():
            start = pose.to_camera(points[[iris]])[0]
            _arrow(image, points[iris, :2], _seen(start + gaze * _GAZE_MM, pose.focal_px, pose.centre_px), thick)


def _seen(place_mm: F64, focal_px: float, centre_px: tuple[float, float]) -> F64:
    return np.asarray(place_mm[:2] / max(float(place_mm[2]), 1.0) * focal_px + centre_px)


def _draw_points(image: U8, points: F64, eyes_px: float) -> None:
    radius = eyes_px / (70 if len(points) < 100 else 160)
    for point in points:
        _ball(image, point, max(radius, 0.5), _POINT)


def _ball(image: U8, at: F64, radius: float, colour: tuple[int, int, int]) -> None:
    """With a dark edge where it is large enough for one."""
    place = _fixed(at)
    if radius >= 1:
        cv2.circle(image, place, round((radius + 1) * 2**_SUBPIXEL), _BLACK, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL)
    cv2.circle(image, place, round(radius * 2**_SUBPIXEL), colour, cv2.FILLED, cv2.LINE_AA, _SUBPIXEL)


def _line(image: U8, start: F64, end: F64, colour: tuple[int, int, int], thick: int, *, dashed: bool) -> None:
    pieces = [(i / 7, (i + 1) / 7) for i in range(0, 7, 2)] if dashed else [(0.0, 1.0)]
    for ink, width in ((_BLACK, thick + 2), (colour, thick)):
        for first, last in pieces:
            ends = [_fixed(start + (end - start) * share) for share in (first, last)]
            cv2.line(image, ends[0], ends[1], ink, width, cv2.LINE_AA, _SUBPIXEL)


def _arrow(image: U8, start: F64, end: F64, thick: int) -> None:
    _line(image, start, end, _GAZE, thick, dashed=False)
    back = (start - end) * 0.25
    for side in (-0.5, 0.5):
        turned = np.array([back[0] - side * back[1], back[1] + side * back[0]])
        _line(image, end, end + turned, _GAZE, thick, dashed=False)


def _fixed(at: F64) -> tuple[int, int]:
    """In OpenCV's fixed-point pixels; far outside, it stays within what OpenCV can take."""
    x, y = np.clip(np.rint(at * 2**_SUBPIXEL), -(2**26), 2**26).astype(int).tolist()
    return x, y
