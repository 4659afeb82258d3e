"""Class weights, and checks of a loaded data set against published totals and class weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, I8, Bools
from knowledge_spreader.datasets.types import DataSet
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN

WEIGHT_TOLERANCE = 1e-3  # relative; the published weights have six decimals
COMPLETE = 0.99  # share of the published training frames that must be loaded before weights are compared


@dataclass(frozen=True, slots=True, eq=False)
class Published:
    """Published numbers of a data set; empty or None if there are none."""

    n_subjects: int
    part_frames: tuple[int, ...] = ()  # labelled frames of each part
    weights: Mapping[int, float] | None = None  # AU -> class weight over the training frames of fold 1, mean 1


def class_weights(labels: I8, aus: Sequence[int] = (), strict: bool = False) -> F64:
    """Class weights of eq. 3, w_u = (1 / r_u) / mean(1 / r): float64 (U,), mean 1, large for rare AUs.

    labels (n, U): 1, 0 and UNKNOWN. r_u is the positive rate among the known labels of an AU, at least 1 / their
    number. An AU without a known label gets weight 1 and is left out of the mean.
    strict: raises DataError if an AU, named by aus (U,), has no positive label.
    """
    known = (labels != UNKNOWN).sum(axis=0)
    positive = (labels == 1).sum(axis=0)
    if strict and not positive.all():
        raise _no_positive(aus or range(labels.shape[1]), positive > 0, len(labels))
    inverse = known / np.maximum(positive, 1)  # 1 / r_u, with r_u >= 1 / n
    weights = np.ones(labels.shape[1])
    weights[known > 0] = inverse[known > 0] / inverse[known > 0].mean() if known.any() else 1.0
    return weights


def published_notes(data: DataSet, published: Published) -> tuple[str, ...]:
    """A note for each difference between a data set and its published numbers."""
    notes = []
    n_subjects = len(data.subjects)
    if n_subjects != published.n_subjects:
        notes.append(f"{n_subjects} subjects, published {published.n_subjects}")
    strangers = sorted(set(data.subjects) - {subject for part in data.parts for subject in part})
    if strangers:
        notes.append(f"in no published part, so they are in no fold: {', '.join(strangers)}")
    for number, (part, wanted) in enumerate(zip(data.parts, published.part_frames, strict=False), 1):
        found = sum(len(video.frames) for video in data.videos if video.subject in part)
        if found != wanted:
            difference = f"{abs(found - wanted):,} {'fewer' if found < wanted else 'more'}"
            notes.append(f"part {number} has {found:,} frames, published {wanted:,} ({difference})")
    return (*notes, *_weight_notes(data, published))


def _weight_notes(data: DataSet, published: Published) -> list[str]:
    """Compares the class weights of fold 1, over AUs that are loaded and published: a checksum of the loader."""
    train, _ = data.fold(1)
    labels = [video.labels for video in data.videos if video.subject in train]
    n_frames = sum(map(len, labels))
    if not published.weights or n_frames < COMPLETE * sum(published.part_frames[:-1]):
        return []  # the totals already differ
    raw = np.concatenate(labels)
    columns = [i for i, au in enumerate(data.aus) if au in published.weights and (raw[:, i] == 1).any()]
    if len(columns) < 2:
        return []
    # Published code counts every value above 0 as positive, 9 (unknown) included; only that gives its numbers.
    inverse = n_frames / (raw[:, columns] != 0).sum(axis=0)
    found = inverse / inverse.mean()
    wanted = np.array([published.weights[data.aus[i]] for i in columns])
    wanted /= wanted.mean()
    error = np.abs(found / wanted - 1)
    if error.max() <= WEIGHT_TOLERANCE:
        return []
    worst = int(error.argmax())
    values = f"most for AU{data.aus[columns[worst]]}: {found[worst]:.4f}, published {wanted[worst]:.4f}"
    return [f"class weights of fold 1 differ from the published ones, {values}; the labels may be another release"]


def _no_positive(aus: Sequence[int], has_positive: Bools, n_frames: int) -> DataError:
    without = ", ".join(f"AU{au}" for au, has in zip(aus, has_positive, strict=True) if not has)
    rest = ",".join(str(au) for au, has in zip(aus, has_positive, strict=True) if has)
    advice = f"leave it out with --aus {rest}" if rest else "use other videos or AUs"
    return DataError(f"no training frame of {n_frames:,} shows {without}, which cannot be learned; {advice}")
