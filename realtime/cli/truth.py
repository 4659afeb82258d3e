"""Reads what `ks-synth dataset` knows of its clips: truth/VIDEO.csv with intensities 0 to 1, by AU and by side."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.types import DataSet
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.geometry.intensity import HIGHEST

TRUTH = "truth"  # the folder's name, beside manifest.csv


def intensities(folder: Path, data: DataSet) -> list[F64]:
    """(T, U) intensities 0 to 5 of each video. Raises DataError if an AU has no column."""
    return [_table(folder, data, v, [f"AU{au:02d}" for au in data.aus]) for v in range(len(data.videos))]


def intensities_by_side(folder: Path, data: DataSet, aus: Sequence[int]) -> list[F64]:
    """(T, A, 2) intensities 0 to 5 on the person's left and right. Raises DataError if a side has no column."""
    columns = [f"AU{au:02d}{side}" for au in aus for side in "LR"]
    return [_table(folder, data, v, columns).reshape(-1, len(aus), 2) for v in range(len(data.videos))]


def _table(folder: Path, data: DataSet, video: int, columns: Sequence[str]) -> F64:
    """(T, columns)."""
    path = folder / f"{data.videos[video].name}.csv"
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        table = np.array([[float(row[name]) for name in columns] for row in rows]) * HIGHEST
    except (OSError, KeyError, ValueError, csv.Error) as exc:
        lacks = f"no column {exc}" if isinstance(exc, KeyError) else one_line(exc)
        raise DataError(f"{path}: no table of intensities as ks-synth writes it ({lacks})") from exc
    wanted = len(data.videos[video].labels), len(columns)
    if table.shape != wanted or not np.isfinite(table).all():
        raise DataError(f"{path}: wanted {wanted} intensities from 0 to 1; got {table.shape}")
    return table
