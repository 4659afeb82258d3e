"""What a run uses of a data set, chosen before any picture is read: subjects by role, and the label budget."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I8
from knowledge_spreader.clips.frame_index import check_lengths
from knowledge_spreader.clips.label_budget import LabelList, choose_labels, read_labels
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets import class_weights, load_dataset
from knowledge_spreader.datasets.types import DataSet
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.alignment import CROP_VERSION
from knowledge_spreader.spec import UNKNOWN, ModelSpec

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
class Chosen:
    """A data set with its split and its label budget. No picture was read yet."""

    data: DataSet
    split: Split
    labels: LabelList  # label budget of the training and selection subjects

    def labels_of(self, subjects: Sequence[str], *, every: bool = False) -> I8:
        """(n, U) the known labels of these subjects in the budget, or every known label, with a face or without."""
        rows = [np.empty((0, len(self.data.aus)), np.int8)]
        for video in self.data.videos:
            if video.subject in subjects:
                known = (video.labels != UNKNOWN).any(1)
                budget = np.isin(video.frames, self.labels.get(video.name, ()))
                rows.append(video.labels[known & (budget | every)])
        return np.concatenate(rows)


def choose_data(config: TrainConfig) -> Chosen:
    """Loads the data set, splits the subjects and chooses labels; logs the notes of the data set. Raises DataError."""
    data = load_dataset(config.data, Path(config.root), config.aus, config.fps, config.fold)
    for note in data.notes:
        log.warning("%s: %s", data.name, note)
    check_lengths(data.videos, config.n_frames)
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
    return Chosen(data, split, labels)


def check_labels(config: TrainConfig, chosen: Chosen) -> None:
    """Raises DataError, before hours of cropping, if the labels cannot do for training even with a face everywhere."""
    split = chosen.split
    train = chosen.labels_of(split.train)
    if not len(train):
        raise no_label(config, split)
    class_weights(train, aus=chosen.data.aus, strict=True)
    if split.selection and not len(chosen.labels_of(split.selection, every=every_label(config))):
        raise no_selection_label(split)


def every_label(config: TrainConfig) -> bool:
    """Whether the best epoch is selected with every known label, not only with those of the budget."""
    return config.val_labels == "all" or config.paper_protocol


def no_label(config: TrainConfig, split: Split) -> DataError:
    return DataError(
        f"no label among the {len(split.train)} training subjects of fold {config.fold}; "
        "raise --labels or use another --label-list"
    )


def no_selection_label(split: Split) -> DataError:
    return DataError(
        f"no label among the {len(split.selection)} subjects held out for selection "
        f"({', '.join(split.selection[:3])}); use --val-labels all, --val-share 0 or more --labels"
    )


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


def split_subjects(config: TrainConfig, data: DataSet) -> Split:
    """Training, selection and test subjects of the config's fold. Raises DataError if a role would be empty."""
    train, test = data.fold(config.fold) if config.fold else (data.subjects, ())
    if not train or (config.fold and not test):
        raise DataError(
            f"fold {config.fold} of {data.name} has {len(train)} training and {len(test)} test subjects; "
            "use --fold 0 or add videos"
        )
    if config.paper_protocol:
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
