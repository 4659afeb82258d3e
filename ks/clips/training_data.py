"""The data of a run: data set, crops, frame index, split of the subjects, and label budget."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from knowledge_spreader.arrays import I64, Bools
from knowledge_spreader.clips.crop_cache import VideoCrops
from knowledge_spreader.clips.crop_videos import crop_videos
from knowledge_spreader.clips.frame_index import FrameIndex, index_frames
from knowledge_spreader.clips.label_budget import LabelList, choose_labels, labelled_mask, read_labels
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets import load_dataset
from knowledge_spreader.datasets.types import DataSet, Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import CROP_VERSION
from knowledge_spreader.spec import ModelSpec

log = logging.getLogger(__name__)

HELD_OUT = "held-out training subjects"
PAPER_PROTOCOL = "PAPER PROTOCOL: best epoch chosen on the test part"
LAST_EPOCH = "none: the last epoch"


@dataclass(frozen=True, slots=True)
class Split:
    """Subjects by role. Roles do not overlap, except in the paper's protocol, which selects on the test part."""

    train: tuple[str, ...]
    selection: tuple[str, ...]
    test: tuple[str, ...]
    protocol: str


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


def spec_of(config: TrainConfig, data: DataSet) -> ModelSpec:
    """The spec of the model that a config trains on a data set."""
    return ModelSpec(
        aus=data.aus,
        n_frames=config.n_frames,
        side_px=config.side_px,
        fps=data.fps,
        crop_version=0 if config.aligned else CROP_VERSION,
        backbone=config.backbone,
        correlation=config.correlation,
        spatial_pooling=config.spatial_pooling,
        frame_pooling=config.frame_pooling,
        mark_key=config.mark_key,
    )


def load_material(config: TrainConfig, progress: bool) -> Material:
    """Loads the data set, adds missing crops, splits the subjects and chooses labels. Raises DataError."""
    data = load_dataset(config.data, Path(config.root), config.aus, config.fps)
    for note in data.notes:
        log.warning("%s: %s", data.name, note)
    crops = crop_videos(
        data.videos,
        Path(config.cache) if config.cache else user_cache_path("knowledge-spreader") / "crops",
        config.side_px,
        aligned=config.aligned,
        face_model=config.face_model,
        fps=data.fps,
        workers=config.workers,
        progress=progress,
    )
    index = index_frames(data.videos, [c.found for c in crops], config.n_frames)
    split = split_subjects(config, data)
    in_training = [video for video in data.videos if video.subject in {*split.train, *split.selection}]
    if config.label_list:
        labels = read_labels(Path(config.label_list))
        if strangers := sorted(labels.keys() - {video.name for video in data.videos}):
            log.warning(
                "%s: %d videos are not in the data set, e.g. %s", config.label_list, len(strangers), strangers[0]
            )
    else:
        labels = choose_labels(in_training, config.labels, config.labels_scheme, config.seed)
    return Material(data, data.videos, tuple(crops), index, split, labels)


def split_subjects(config: TrainConfig, data: DataSet) -> Split:
    """Training, selection and test subjects of the config's fold. Raises DataError if a role would be empty."""
    train, test = data.fold(config.fold) if config.fold else (data.subjects, ())
    if not train or (config.fold and not test):
        raise DataError(
            f"fold {config.fold} of {data.name} has {len(train)} training and {len(test)} test subjects; "
            "use --fold 0 or add videos"
        )
    if config.paper_protocol:
        if not test:
            raise DataError("--paper-protocol selects on the test part, but --fold 0 has none; choose a fold")
        return Split(train, test, test, PAPER_PROTOCOL)
    held = round(config.val_share * len(train)) if config.val_share else 0
    if config.val_share and not held:
        held = 1
    if held >= len(train):
        raise DataError(
            f"{len(train)} training subject(s) cannot be split; use --val-share 0 to train without selection"
        )
    order = np.random.default_rng([config.seed, config.fold]).permutation(sorted(train))
    selection = tuple(sorted(order[:held].tolist()))
    rest = tuple(s for s in train if s not in selection)
    return Split(rest, selection, test, HELD_OUT if held else LAST_EPOCH)


def selection_frames(config: TrainConfig, material: Material) -> I64:
    """Rows of the index that select the best epoch; empty if no subjects are held out.

    Raises DataError if subjects are held out, but none of their frames has a label in the budget.
    """
    subjects = material.split.selection
    every_label = config.val_labels == "all" or config.paper_protocol
    which = material.known(subjects) if every_label else material.labelled(subjects)
    if subjects and not len(which):
        raise DataError(
            f"no label among the {len(subjects)} subjects held out for selection ({', '.join(subjects[:3])}); "
            "use --val-labels all, --val-share 0 or more --labels"
        )
    return which
