"""Short recordings of the demo clip's face, and labels of their frames."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.realtime.demo import demo_clip
from tests.realtime import clips


def piece(path: Path, frames: range) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return clips.piece(demo_clip(), path, frames)


def truth(aus: Sequence[int]) -> np.ndarray:
    """(195, U) of the demo clip, from the table beside it."""
    with demo_clip().with_suffix(".csv").open() as file:
        rows = list(csv.DictReader(file))
    return np.array([[float(row[f"AU{au:02d}"]) >= 0.5 for au in aus] for row in rows]).astype(int)


def labels(path: Path, of: dict[str, range], aus: Sequence[int], *, flip: bool = False, step: int = 1) -> Path:
    """A table of labels. of: the recording as the table names it -> which frames of the clip it shows."""
    known = truth(aus)
    with path.open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "frame", *(f"AU{au}" for au in aus)])
        for name, frames in of.items():
            for i in frames[::step]:
                table.writerow([name, i - frames.start, *(known[i] ^ flip)])
    return path
