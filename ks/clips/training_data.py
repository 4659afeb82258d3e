"""The data of a run: what was chosen of a data set, with crops and frame index."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from knowledge_spreader.arrays import I64, Bools
from knowledge_spreader.clips.chosen_data import Chosen, Split, choose_data, every_label, no_selection_label
from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.clips.crop_videos import crop_videos
from knowledge_spreader.clips.frame_index import FrameIndex, index_frames
from knowledge_spreader.clips.label_budget import LabelList, labelled_mask
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets.types import DataSet, Video


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """A data set ready for training: video i of the index is videos[i], with its crops in crops[i]."""

    data: DataSet
    videos: tuple[Video, ...]
    crops: tuple[VideoCrops, ...]
    index: FrameIndex
    split: Split
    labels: LabelList  # label budget of the training and selection subjects

    def frames_of(self, subjects: Sequence[str]) -> Bools:
        """(F,) whether a frame of the index belongs to one of the subjects."""
        wanted = np.array([video.subject in set(subjects) for video in self.videos])
        return wanted[self.index.video]

    def labelled(self, subjects: Sequence[str]) -> I64:
        """Rows of the index of these subjects with a label in the budget."""
        return np.flatnonzero(self.frames_of(subjects) & labelled_mask(self.index, self.videos, self.labels))

    def known(self, subjects: Sequence[str]) -> I64:
        """Rows of the index of these subjects with any known label, as used for tests."""
        return np.flatnonzero(self.frames_of(subjects) & (self.index.labels >= 0).any(1))


def load_material(config: TrainConfig, progress: bool, chosen: Chosen | None = None) -> Material:
    """Adds missing crops to what was chosen of the data set, by default choose_data(config). Raises DataError."""
    data, split, labels = (chosen := chosen or choose_data(config)).data, chosen.split, chosen.labels
    crops = crop_videos(
        data.videos,
        cache_folder(config),
        config.side_px,
        aligned=config.aligned,
        face_model=config.face_model,
        face_runtime=config.face_runtime,
        fps=data.fps,
        workers=config.workers,
        progress=progress,
    )
    index = index_frames(data.videos, [c.found for c in crops], config.n_frames)
    return Material(data, data.videos, tuple(crops), index, split, labels)


def cache_folder(config: TrainConfig) -> Path:
    return Path(config.cache) if config.cache else user_cache_path("knowledge-spreader") / "crops"


def selection_frames(config: TrainConfig, material: Material) -> I64:
    """Rows of the index that select the best epoch; empty if no subjects are held out.

    Raises DataError if subjects are held out, but none of their frames has a label in the budget.
    """
    subjects = material.split.selection
    which = material.known(subjects) if every_label(config) else material.labelled(subjects)
    if subjects and not len(which):
        raise no_selection_label(material.split)
    return which
