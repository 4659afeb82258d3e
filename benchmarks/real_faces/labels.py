"""Reads and checks a table of faces coded by eye. It has one of two forms:

    file, frame, face, AU1, AU2, ...                                 and optionally person, x_px, y_px
    clip, frame, face, x0, y0, x1, y1, AU01, AU02, ...               and optionally timestamp, which is not used

The place of a face is its centre, or its box. A code is 1 (present), 0 (absent) or blank (unsure). Without names of
people, each face of a file is a person. benchmarks/real_dev/README.md says how ours were made.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.benchmarks.real_faces.coded import UNSURE, CodedFace, CodedFaces
from knowledge_spreader.errors import DataError, ModelError, one_line
from knowledge_spreader.spec import parse_aus

_CODES = {"1": 1, "0": 0, "": UNSURE, "?": UNSURE}


@dataclass(frozen=True, slots=True)
class _Form:
    """Names of the columns of one form of table."""

    file: str
    needed: tuple[str, ...]
    optional: tuple[str, ...]
    x: tuple[str, ...]  # their mean is the centre
    y: tuple[str, ...]


_POINT = _Form("file", ("file", "frame", "face"), ("person", "x_px", "y_px"), ("x_px",), ("y_px",))
_BOX = _Form(
    "clip", ("clip", "frame", "face", "x0", "y0", "x1", "y1"), ("timestamp", "person"), ("x0", "x1"), ("y0", "y1")
)


def read_labels(path: Path) -> CodedFaces:
    """Reads the table. Raises DataError, naming the line, if it cannot be used."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            columns = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = columns
            form = _BOX if _BOX.file in columns and _POINT.file not in columns else _POINT
            aus = _aus_of(columns, form, path)
            faces = tuple(_face(row, form, aus, f"{path}, line {reader.line_num}") for row in reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        reason = one_line(exc)
        raise DataError(f"{path}: the table of labels cannot be read ({reason}); check the path") from exc
    if not faces:
        raise DataError(f"{path}: no coded face in it; write one row per face")
    if twice := len(faces) - len({(face.file, face.frame, face.face) for face in faces}):
        raise DataError(f"{path}: {twice} faces are coded twice; keep one row for each file, frame and face")
    return CodedFaces(tuple(aus.values()), faces)


def _aus_of(columns: Sequence[str], form: _Form, path: Path) -> dict[str, int]:
    """Column name -> AU, in the order of the columns."""
    known = (*form.needed, *form.optional)
    try:
        aus = {name: parse_aus(name)[0] for name in columns if name and name not in known}
    except (ModelError, IndexError):
        aus = {}
    if not aus or len(set(aus.values())) < len(aus) or set(form.needed) - set(columns):
        raise DataError(f"{path}: wanted columns {', '.join(form.needed)}, then AU1, AU2 and so on; got {columns}")
    return aus


def _face(row: Mapping[str, str | None], form: _Form, aus: Mapping[str, int], where: str) -> CodedFace:
    values = {name: (value or "").strip() for name, value in row.items() if isinstance(value, str | None)}
    codes = [_CODES.get(values.get(name, "").removesuffix(".0")) for name in aus]
    places = (*form.x, *form.y)
    try:
        frame, face = int(values["frame"]), int(values["face"])
        has_place = form is _BOX or all(values.get(name) for name in places)
        at_px = (_mean(values, form.x), _mean(values, form.y)) if has_place else None
    except ValueError as exc:
        raise DataError(
            f"{where}: wanted whole numbers for frame and face, numbers for {', '.join(places)}; got {values}"
        ) from exc
    known = [code for code in codes if code is not None]
    if len(known) < len(codes) or not values[form.file] or frame < 0 or face < 0:
        raise DataError(f"{where}: wanted a {form.file}, frame and face from 0, and codes 1, 0 or blank; got {values}")
    person = values.get("person") or f"{values[form.file]} {face}"
    return CodedFace(values[form.file], frame, face, person, at_px, tuple(known))


def _mean(values: Mapping[str, str], names: Sequence[str]) -> float:
    return sum(float(values[name]) for name in names) / len(names)
