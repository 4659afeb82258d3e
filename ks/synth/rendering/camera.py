"""Matrices of the camera in front of the face, and of the lamp's view for the shadow map."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from knowledge_spreader.arrays import F32

if TYPE_CHECKING:
    from knowledge_spreader.synth.rendering.head import Head

_FACE_DM = 1.75  # about the height from above the brows to the chin on the base mesh


def look_at(place: F32, target: F32, roll: float = 0.0) -> F32:
    """(4, 4) world -> camera space, in which the camera looks along -z. roll in radians."""
    forward = (target - place) / np.linalg.norm(target - place)
    up = np.array([0, 1, 0] if abs(forward[1]) < 0.99 else [0, 0, 1], np.float32)
    right = np.cross(forward, up)
    right /= np.linalg.norm(right)
    up = np.cross(right, forward)
    right, up = right * np.cos(roll) + up * np.sin(roll), up * np.cos(roll) - right * np.sin(roll)
    view = np.eye(4, dtype=np.float32)
    view[:3, :3] = np.stack([right, up, -forward])
    view[:3, 3] = -view[:3, :3] @ place
    return view


def perspective(height_rad: float, aspect: float, near: float, far: float) -> F32:
    """(4, 4) camera -> clip space. height_rad: the full vertical field of view."""
    f = 1 / np.tan(height_rad / 2)
    matrix = np.zeros((4, 4), np.float32)
    matrix[0, 0], matrix[1, 1] = f / aspect, f
    matrix[2, 2], matrix[2, 3] = (far + near) / (near - far), 2 * far * near / (near - far)
    matrix[3, 2] = -1
    return matrix


@dataclass(frozen=True, slots=True)
class Camera:
    """A camera in front of the face."""

    angle_deg: float = 24.0  # vertical field of view
    face: float = 0.45  # height from brows to chin, as a share of the picture's height
    right: float = 0.0  # the picture's centre relative to the face, in picture heights
    up: float = 0.0
    yaw_deg: float = 0.0  # of the camera around the face
    pitch_deg: float = 0.0
    roll_deg: float = 0.0

    def matrices(self, size: tuple[int, int], head: "Head") -> tuple[F32, F32]:
        """(4, 4) world -> clip space, and (3,) the camera's position in dm. size: width and height in pixels."""
        half = np.radians(self.angle_deg) / 2
        seen_dm = _FACE_DM * head.scale / self.face
        distance = seen_dm / 2 / np.tan(half)
        left, right = head.eyes()
        middle = (left + right) / 2 + np.array([0, -0.38, 0.15], np.float32) * np.float32(head.scale)
        yaw, pitch = np.radians(self.yaw_deg), np.radians(self.pitch_deg)
        away = np.array([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], np.float32)
        offset = np.array([self.right * seen_dm, self.up * seen_dm, 0], np.float32)
        place = (middle + away * np.float32(distance) + offset).astype(np.float32)
        view = look_at(place, middle + offset, np.radians(self.roll_deg))
        near = max(0.3, distance - 6.0)
        return perspective(2 * half, size[0] / size[1], near, distance + 12.0) @ view, place


def projected(view: F32, points: F32) -> F32:
    """(n, 2) points (n, 3) in the picture, as shares of its width from the left and of its height from the top."""
    clip = points @ view[:3, :3].T + view[:3, 3]
    depth = points @ view[3, :3] + view[3, 3]
    flat = clip[:, :2] / depth[:, None]
    return np.asarray(np.stack([0.5 + flat[:, 0] / 2, 0.5 - flat[:, 1] / 2], 1), np.float32)


def lamp_view(centre: F32, direction: F32, reach_dm: float) -> F32:
    """(4, 4) world -> clip space of parallel light from `direction` onto a sphere of radius reach_dm around centre."""
    view = look_at(centre + direction * np.float32(2 * reach_dm), centre)
    box = np.eye(4, dtype=np.float32)
    box[0, 0] = box[1, 1] = 1 / reach_dm
    box[2, 2], box[2, 3] = -2 / (4 * reach_dm), -1
    return np.asarray(box @ view, np.float32)
