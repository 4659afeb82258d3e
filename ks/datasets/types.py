"""DataSet and Video: what every loader returns."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I8, I32
from knowledge_spreader.errors import DataError


@dataclass(frozen=True, slots=True, eq=False)
class Video:
    """One recording of one subject, with the labels of its frames. Raises DataError on shapes that do not agree."""

    name: str  # unique in the data set, e.g. "F001_T1"; used in label lists and caches
    subject: str
    source: Path  # a video file, or a folder of images
    frames: I32  # (T,) the annotators' frame numbers, strictly increasing; a jump of more than 1 is a gap
    pictures: I32  # (T,) index of the picture in the source, from 0, in decoding order or list_images order
    labels: I8  # (T, U) 1 present, 0 absent, UNKNOWN

    def __post_init__(self) -> None:
        t = len(self.frames)
        if self.pictures.shape != (t,) or self.labels.ndim != 2 or len(self.labels) != t:
            shapes = f"frames {self.frames.shape}, pictures {self.pictures.shape}, labels {self.labels.shape}"
            raise DataError(f"{self.name}: frames (T,), pictures (T,) and labels (T, U) must agree; got {shapes}")
        if t and (np.diff(self.frames) <= 0).any():
            raise DataError(f"{self.name}: frame numbers must increase; got a repeat or a step back")


def check_fold(name: str, k: int, n_parts: int) -> None:
    """Raises DataError if a data set of so many parts has no fold k."""
    if not 1 <= k <= n_parts:
        raise DataError(f"{name} has folds 1 to {n_parts}; got {k}; use --fold 1, or --fold 0 to train on all subjects")


@dataclass(frozen=True, slots=True, eq=False)
class DataSet:
    """All videos of a data set, and the parts of its subjects for cross-validation."""

    name: str  # "bp4d", "bp4d+", "disfa", "mme", "manifest"
    aus: tuple[int, ...]
    fps: float
    videos: tuple[Video, ...]
    parts: tuple[tuple[str, ...], ...]  # subjects of each part; fold k tests part n+1-k, as is usual
    notes: tuple[str, ...] = ()  # differences from published totals, and other warnings

    @property
    def subjects(self) -> tuple[str, ...]:
        return tuple(sorted({video.subject for video in self.videos}))

    def fold(self, k: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Training subjects and test subjects of fold k, from 1 (fold 1 of 3 tests part 3).

        Raises DataError if there is no such fold.
        """
        check_fold(self.name, k, len(self.parts))
        test = len(self.parts) - k
        present = set(self.subjects)
        train = tuple(s for i, part in enumerate(self.parts) if i != test for s in part if s in present)
        return train, tuple(s for s in self.parts[test] if s in present)
