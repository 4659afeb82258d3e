"""Labels that a lab has for its own recordings: `read_own_labels` reads them, `on_frames` puts them on frames."""

from knowledge_spreader.datasets.own_labels.levels import levels_on_frames
from knowledge_spreader.datasets.own_labels.on_frames import faces_named, on_frames
from knowledge_spreader.datasets.own_labels.read import read_own_labels
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, OwnLabel, OwnLabels

__all__ = ["NO_FACE_NAMED", "OwnLabel", "OwnLabels", "faces_named", "levels_on_frames", "on_frames", "read_own_labels"]
