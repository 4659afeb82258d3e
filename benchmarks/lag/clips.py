"""Reads the clips of a `ks-synth dataset` folder: videos/NAME.mp4, and truth/NAME.csv with the labels of each frame.

A video without a table, or the reverse, is left out: the set may still be growing.
"""

import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F64, I8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.spec import UNKNOWN

_LABELS = {"1": 1, "0": 0, "": UNKNOWN}


@dataclass(frozen=True, slots=True, eq=False)
class Clip:
    """One clip and what is true in it."""

    video: Path
    person: str
    times_s: F64  # (T,) from 0
    present: I8  # (T, U) 1, 0 or UNKNOWN


def read_clips(folder: Path, aus: tuple[int, ...], most: int = 0) -> tuple[tuple[int, ...], list[Clip]]:
    """Those of `aus` that the tables know, and the clips in order of their names; 0: all of them.

    Raises DataError if there is none, if a table cannot be used, and if the tables know none of `aus`.
    """
    tables = {path.stem: path for path in sorted(folder.glob("truth/*.csv"))}
    videos = [path for path in sorted(folder.resolve().glob("videos/*.mp4")) if path.stem in tables]
    if not videos:
        raise DataError(
            f"--set {folder}: no videos/NAME.mp4 with its truth/NAME.csv; give the folder that `ks-synth dataset` wrote"
        )
    known: tuple[int, ...] = ()
    clips = []
    for video in videos[: most or None]:
        table = tables[video.stem]
        header, rows = _read(table)
        here = tuple(au for au in aus if f"AU{au:02d}_c" in header)
        known = known or here
        if not here or here != known:
            wanted = known or aus
            raise DataError(f"{table}: wanted the columns AU{wanted[0]:02d}_c and so on, as `ks-synth dataset` writes")
        clips.append(_clip(video, table, rows, known))
    return known, clips


def _read(table: Path) -> tuple[list[str], list[dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8") as file:
            reader = csv.DictReader(file)
            return list(reader.fieldnames or ()), list(reader)
    except (OSError, ValueError, csv.Error) as exc:
        raise DataError(f"{table}: cannot be read ({one_line(exc)}); draw the set again") from exc


def _clip(video: Path, table: Path, rows: list[dict[str, str]], aus: tuple[int, ...]) -> Clip:
    try:
        times_s = np.array([float(row["timestamp"]) for row in rows])
        present = np.array([[_LABELS[row[f"AU{au:02d}_c"]] for au in aus] for row in rows], np.int8)
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(f"{table}: wanted timestamps, and 1, 0 or blank per AU; got {one_line(exc)}") from exc
    if len(rows) < 2 or not (np.diff(times_s) > 0).all():
        raise DataError(f"{table}: wanted two frames or more with increasing timestamps; got {len(rows)} frames")
    return Clip(video, video.stem.rpartition("_")[0] or video.stem, times_s - times_s[0], present)
