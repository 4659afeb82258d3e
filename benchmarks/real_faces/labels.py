"""Reads and checks labels.csv, the codes of faces coded by eye.

    file, frame, face, AU1, AU2, ...   and optionally person, x_px, y_px

A code is 1 (present), 0 (absent) or blank (unsure). benchmarks/real_dev/README.md says how ours were made.
"""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I64
from knowledge_spreader.errors import DataError, ModelError, one_line
from knowledge_spreader.face.detector import Box, box_width
from knowledge_spreader.spec import parse_aus

UNSURE = -1
_CODES = {"1": 1, "0": 0, "": UNSURE, "?": UNSURE}
_KEYS = ("file", "frame", "face")
_KNOWN = (*_KEYS, "person", "x_px", "y_px")


@dataclass(frozen=True, slots=True)
class CodedFace:
    """One row of labels.csv."""

    file: str
    frame: int  # index of the decoded frame, from 0; 0 for a still
    face: int  # from 0, counted from the left
    person: str
    at_px: tuple[float, float] | None  # the face's centre, if the row has it
    codes: tuple[int, ...]  # 1, 0 or UNSURE, in the order of CodedFaces.aus


@dataclass(frozen=True, slots=True)
class CodedFaces:
    """All rows of labels.csv."""

    aus: tuple[int, ...]
    faces: tuple[CodedFace, ...]

    @property
    def labels(self) -> I64:
        """(T, U) 1, 0 or UNSURE, for faces x AUs."""
        return np.array([face.codes for face in self.faces], np.int64).reshape(len(self.faces), len(self.aus))

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(face.file for face in self.faces))


def read_labels(path: Path) -> CodedFaces:
    """Reads the table. Raises DataError, naming the line, if it cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            aus = _aus_of(columns, path)
            faces = tuple(_face(row, aus, f"{path}, line {reader.line_num}") for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        reason = one_line(exc)
        raise DataError(f"{path}: the table of labels cannot be read ({reason}); check the path") from exc
    if not faces:
        raise DataError(f"{path}: no coded face in it; write one row per face")
    if twice := len(faces) - len({(face.file, face.frame, face.face) for face in faces}):
        raise DataError(f"{path}: {twice} faces are coded twice; keep one row for each file, frame and face")
    return CodedFaces(tuple(aus.values()), faces)


def _aus_of(columns: Sequence[str], path: Path) -> dict[str, int]:
    """Column name -> AU, in the order of the columns."""
    try:
        aus = {name: parse_aus(name)[0] for name in columns if name and name not in _KNOWN}
    except (ModelError, IndexError):
        aus = {}
    if not aus or len(set(aus.values())) < len(aus) or set(_KEYS) - set(columns):
        raise DataError(f"{path}: wanted columns {', '.join(_KEYS)}, then AU1, AU2 and so on; got {columns}")
    return aus


def _face(row: Mapping[str, str | None], aus: Mapping[str, int], where: str) -> CodedFace:
    values = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    codes = [_CODES.get(values.get(name, "").removesuffix(".0")) for name in aus]
    try:
        frame, face = int(values["frame"]), int(values["face"])
        x, y = values.get("x_px", ""), values.get("y_px", "")
        at_px = (float(x), float(y)) if x and y else None
    except ValueError as exc:
        raise DataError(
            f"{where}: wanted whole numbers for frame and face, numbers for x_px and y_px; got {values}"
        ) from exc
    known = [code for code in codes if code is not None]
    if len(known) < len(codes) or not values["file"] or frame < 0 or face < 0:
        raise DataError(f"{where}: wanted a file, frame and face from 0, and codes 1, 0 or blank; got {values}")
    person = values.get("person") or f"{values['file']} {face}"
    return CodedFace(values["file"], frame, face, person, at_px, tuple(known))


def pick(coded: CodedFace, boxes: Sequence[Box], *, alone: bool) -> int | None:
    """The index of the detected box that is the coded face, or None.

    With a known centre it is the nearest box. Otherwise it is the widest box if the face is alone in its frame's rows,
    else the n-th from the left.
    """
    if not boxes:
        return None
    if coded.at_px is not None:
        apart = [_apart(box, coded.at_px) for box in boxes]
        nearest = int(np.argmin(apart))
        return nearest if apart[nearest] <= 0.5 else None
    if alone:
        return max(range(len(boxes)), key=lambda i: box_width(boxes[i]))
    from_left = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
    return from_left[coded.face] if coded.face < len(from_left) else None


def _apart(box: Box, at_px: tuple[float, float]) -> float:
    """Distance of a point from a box's centre, in box widths."""
    x, y = (box[0] + box[2]) / 2 - at_px[0], (box[1] + box[3]) / 2 - at_px[1]
    return math.hypot(x, y) / max(box_width(box), 1e-6)
