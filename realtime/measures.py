"""Head pose and gaze from the face mesh of a face; computed once, however many outputs want them."""

from functools import lru_cache
from typing import NamedTuple

from knowledge_spreader.face.gaze import Gaze, gaze
from knowledge_spreader.face.head_pose import HeadPose, head_pose
from knowledge_spreader.realtime.types import FaceAUs, Frame, Landmarks

LANDMARKS = ("none", "68", "478")  # of --landmarks

_KEPT = 64  # faces; the outputs of a frame are written one after the other


class Measures(NamedTuple):
    """The pose of a head, and the gaze of its eyes."""

    pose: HeadPose
    gaze: Gaze


def measures_of(answer: FaceAUs, frame: Frame) -> Measures | None:
    """None without a face mesh. A face whose AUs are not predicted can have one."""
    landmarks = answer.face.landmarks
    return None if landmarks is None else measures_of_mesh(landmarks, frame)


def measures_of_mesh(landmarks: Landmarks, frame: Frame) -> Measures:
    """Of the face mesh of a face in this frame."""
    height, width = frame.image.shape[:2]
    return _measures(landmarks, width, height)


@lru_cache(maxsize=_KEPT)
def _measures(landmarks: Landmarks, width: int, height: int) -> Measures:
    pose = head_pose(landmarks.points_px, width, height)
    return Measures(pose, gaze(landmarks.points_px, pose))
