"""The rotated square of a picture in which the face mesh looks for a face, and how it maps to the mesh's 256 x 256 px.

A first square comes from a detection: 1.5 times its box, turned so that the eyes are level. In a video the next square
comes from the points that were found: 1.5 times the box around all of them, turned likewise. That is MediaPipe's rule.
"""

import math
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F32, F64, U8, Floats
from knowledge_spreader.errors import DataError
from knowledge_spreader.opencv import cv2

SIDE_PX = 256
_LARGER = 1.5
_RIGHT_EYE, _LEFT_EYE = 33, 263  # outer corners, of the 478 points; the person's right is on the left


@dataclass(frozen=True, slots=True)
class Region:
    """A square of a picture. angle: how far its upper edge is turned from the x axis towards y (clockwise), radians."""

    x_px: float  # the centre
    y_px: float
    side_px: float
    angle: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.x_px + self.y_px + self.side_px + self.angle) and self.side_px > 0):
            raise DataError(f"a face's square must be finite and larger than 0; got {self}")

    def from_mesh(self) -> F64:
        """The (2, 3) matrix from pixels of the mesh's input to those of the picture."""
        scale = self.side_px / SIDE_PX
        cosine, sine = scale * math.cos(self.angle), scale * math.sin(self.angle)
        turn = np.array([(cosine, -sine), (sine, cosine)])
        centre = np.array([self.x_px, self.y_px])
        return np.column_stack([turn, centre - turn @ (SIDE_PX / 2, SIDE_PX / 2)])

    def cut(self, picture: U8) -> U8:
        """(256, 256, 3), the square turned upright. Outside the picture its border is repeated.

        As MediaPipe does, corners are mapped to corners while pixels are counted from their centres. Where the square
        has s times 256 px, that moves all points by (s - 1) / 2 px of the picture.
        """
        return np.asarray(
            cv2.warpAffine(
                picture,
                self.from_mesh(),
                (SIDE_PX, SIDE_PX),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderMode=cv2.BORDER_REPLICATE,
            ),
            np.uint8,
        )

    def to_picture(self, points: F32) -> F32:
        """(478, 3) in pixels of the mesh's input -> pixels of the picture; z grows with the square."""
        matrix = self.from_mesh()
        x_y = points[:, :2] @ matrix[:, :2].T + matrix[:, 2]
        return np.column_stack([x_y, points[:, 2] * (self.side_px / SIDE_PX)]).astype(np.float32)


def region_of_detection(corners_px: Floats, points_px: Floats) -> Region:
    """The square for a box (2, 2) and six key points (6, 2), both in pixels of the picture."""
    return _region(corners_px, points_px[0], points_px[1])


def region_of_mesh(points_px: Floats) -> Region:
    """The square for the next picture, from the points (478, 2 or more) in this one."""
    corners = np.stack([points_px[:, :2].min(0), points_px[:, :2].max(0)])
    return _region(corners, points_px[_RIGHT_EYE], points_px[_LEFT_EYE])


def _region(corners: Floats, right_eye: Floats, left_eye: Floats) -> Region:
    x, y = (corners[0] + corners[1]) / 2
    side = _LARGER * (corners[1] - corners[0]).max()
    across = left_eye - right_eye
    return Region(float(x), float(y), float(side), math.atan2(across[1], across[0]))
