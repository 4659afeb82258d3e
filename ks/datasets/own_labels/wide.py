"""Tables with a row per frame and a column per AU: ks-train's manifest, OpenFace's CSV, ks-live's, and your own.

    video,frame,AU1,AU12          manifest: frame from 0; of a folder of pictures, the number in the name
    frame, face_id, timestamp, confidence, success, ..., AU12_r, AU12_c
                                  OpenFace 2 and ks-live --csv: frame from 1; a row with success 0 says nothing
    frame,AU1,AU12                your own: frame from 0
    timestamp,AU1,AU12            your own, in seconds from where players start; a row labels the nearest frame

A table counts from 1, as OpenFace does, if it has a column success, confidence or AU12_c, and no column video.

Where levels are asked for, AU12_r holds them, 0 to 5 or A to E, and AU12_side "L" or "R". AU12_c decides on presence; a
table of AU12_r alone tells it by the level. What a program measured is no level: a table with a column confidence, or
with fractions in AU12_r, tells none.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import NamedTuple

from knowledge_spreader.datasets.manifest import VALUES
from knowledge_spreader.datasets.manifest_header import au_columns, plain_au, read_header
from knowledge_spreader.datasets.own_labels.table import Heading, Place, rows, seconds, whole
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, NO_FRAME, RowColumns, Sheet
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN

FRAME, TIME, FACE = ("frame",), ("timestamp", "time", "time_s", "time (s)", "timestamp (s)"), ("face_id", "face")
_KEPT_PATTERNS = 1 << 14  # rows repeat: most differ from the one before in no AU
_NOTHING = UNKNOWN & 0xFF
_NAME_COLUMNS = ("recording", "file", "filename", "file name", "file_name", "clip", "media", "path")


def read_manifest(path: Path, heading: Heading) -> tuple[list[Sheet], list[str]]:
    """A sheet for each video that the table names. Raises DataError, with file and line, on a wrong cell."""
    header = read_header(path, heading.cells)
    aus = tuple(sorted(header.aus))
    by_video: dict[str, RowColumns] = {}  # as written
    by_path: dict[str, tuple[str, RowColumns]] = {}  # "./a.mp4" is "a.mp4"
    values_of = _cells_to_values(aus, [header.aus[au] for au in aus], _value)
    for where, row in rows(path, heading, header.width - 1):
        video = row[header.video].strip()
        if not video:
            raise DataError(f"{where}: the video is blank; name the recording")
        frame = _frame(where, row[header.frame], 0)
        if video not in by_video:
            by_video[video] = by_path.setdefault(os.path.normpath(video), (video, RowColumns()))[1]
        by_video[video].add(where.line, frame, float("nan"), NO_FACE_NAMED, values_of(where, row))
    sheets = [Sheet(path, "manifest", video, found.rows(aus, in_names=True)) for video, found in by_path.values()]
    return sheets, list(header.notes)


def is_openface(names: Sequence[str]) -> bool:
    return "success" in names or "confidence" in names or any(map(_OCCURRENCE.fullmatch, names))


def read_wide(path: Path, heading: Heading, *, levels: bool = False) -> tuple[list[Sheet], list[str]]:
    """A sheet for the recording, or for each stream of ks-live. levels: with levels and sides.

    Raises DataError as read_manifest does.
    """
    frame, time, face = (heading.column(*names) for names in (FRAME, TIME, FACE))
    success, stream = heading.column("success"), heading.column("stream")
    told = _level_columns(heading) if levels else _LevelColumns({}, {})
    by_level = bool(told.levels) and not any(map(_OCCURRENCE.fullmatch, heading.names)) and not _plain(heading)
    openface = by_level or is_openface(heading.names)
    if by_level:
        columns, notes = told.levels, [_BY_LEVEL]
    else:
        others = (frame, time, face)
        columns, notes = _openface_columns(path, heading) if openface else _own_columns(path, heading, others)
    if levels and "confidence" in heading.names and any(map(_INTENSITY.fullmatch, heading.names)):
        notes = [*notes, _NO_LEVELS]
    aus, by_stream = tuple(sorted(columns)), defaultdict[str, RowColumns](RowColumns)
    values_of = _cells_to_values(aus, [columns[au] for au in aus], _value_of_level if by_level else _value)
    levels_of = _cells_to_values(aus, [told.levels.get(au, -1) for au in aus], _level)
    sides_of = _cells_to_values(aus, [told.sides.get(au, -1) for au in aus], _side)
    first = 1 if openface else 0
    nothing = bytes([_NOTHING] * len(aus))
    needed = (*columns.values(), *told.levels.values(), *told.sides.values())
    for where, row in rows(path, heading, frame, time, face, success, stream, *needed):
        failed = success >= 0 and row[success].strip() in ("0", "0.0", "False")
        by_stream[row[stream].strip() if stream >= 0 else ""].add(
            where.line,
            _frame(where, row[frame], first) - first if frame >= 0 else NO_FRAME,
            seconds(where, "the time", row[time]) if time >= 0 else float("nan"),
            _face(where, row[face]) if face >= 0 else NO_FACE_NAMED,
            nothing if failed else values_of(where, row),
            levels_of(where, row),
            sides_of(where, row),
        )
    if any(_MEASURED in found.levels for found in by_stream.values()):
        notes = [*notes, _NO_LEVELS]
        for found in by_stream.values():
            found.levels.clear()
    return [Sheet(path, "openface", name, found.rows(aus)) for name, found in by_stream.items()], notes


_OCCURRENCE = re.compile(r"au0*([1-9][0-9]{0,2})_c")
_INTENSITY = re.compile(r"au0*([1-9][0-9]{0,2})_r")
_SIDE = re.compile(r"au0*([1-9][0-9]{0,2})_side")
_SIDES = {"": 0, "n/a": 0, "l": 1, "left": 1, "r": 2, "right": 2}
_LEVELS = {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}
_MEASURED = 0x80  # in place of a level: a fraction
_ADD_PRESENCE = "add columns like AU12_c, 1 from the intensity that counts as present, else 0"
_BY_LEVEL = "only intensities (AU12_r): present is level A (1) or more, absent is 0"
_NO_LEVELS = "no level is taken from AU12_r, ...: it is what a program measured"


class _LevelColumns(NamedTuple):
    """AU -> column of its level, and of its side."""

    levels: dict[int, int]
    sides: dict[int, int]


def _level_columns(heading: Heading) -> _LevelColumns:
    """None in a program's table: its intensities are a regression's."""
    if "confidence" in heading.names:
        return _LevelColumns({}, {})
    return _LevelColumns(
        *(
            {int(match[1]): c for c, name in enumerate(heading.names) if (match := pattern.fullmatch(name))}
            for pattern in (_INTENSITY, _SIDE)
        )
    )


def _plain(heading: Heading) -> bool:
    """Whether a column plainly tells presence: AU12."""
    return any(plain_au(cell) is not None for cell in heading.cells)


def _openface_columns(path: Path, heading: Heading) -> tuple[dict[int, int], list[str]]:
    """AU -> column of its occurrence; the rest of such a table is no news to anybody."""
    found = {int(match[1]): c for c, name in enumerate(heading.names) if (match := _OCCURRENCE.fullmatch(name))}
    if found:
        note = "a program's table: it teaches what the program guessed, where nobody corrected it"
        return found, [note] if "confidence" in heading.names else []
    where = f"{path}, line {heading.line}"
    if any(map(_INTENSITY.fullmatch, heading.names)):
        raise DataError(f"{where}: only intensities (AU12_r); {_ADD_PRESENCE}")
    raise DataError(f"{where}: no AU column; wanted columns like AU12_c with 1, 0 or blank")


def _own_columns(path: Path, heading: Heading, others: Sequence[int]) -> tuple[dict[int, int], list[str]]:
    if names := [name for name in heading.names if name in _NAME_COLUMNS]:
        raise DataError(
            f"{path}, line {heading.line}: column {names[0]!r} seems to name recordings; call it video, and "
            "count frames from 0 in a column frame"
        )
    cells = ["" if column in others else cell for column, cell in enumerate(heading.cells)]
    columns, notes = au_columns(path, cells)
    return columns, list(notes)


def _cells_to_values(
    aus: Sequence[int], columns: Sequence[int], read: Callable[[Place, int, str], int]
) -> Callable[[Place, Sequence[str]], bytes]:
    """What `read` makes of the AU cells of a row, a signed byte for each AU; b"" if no AU has a column.

    A column of -1 is a blank cell.
    """
    there = [column for column in columns if column >= 0]
    if not there:
        return lambda where, row: b""
    pick = itemgetter(*there)
    kept: dict[object, bytes] = {}

    def values_of(where: Place, row: Sequence[str]) -> bytes:
        cells = pick(row)
        found = kept.get(cells)
        if found is None:
            one_by_one = zip(aus, columns, strict=True)
            found = bytes([read(where, au, row[column] if column >= 0 else "") & 0xFF for au, column in one_by_one])
            if len(kept) == _KEPT_PATTERNS:
                kept.clear()
            kept[cells] = found
        return found

    return values_of


def _value(where: Place, au: int, text: str) -> int:
    cell = text.strip().lower().replace(",", ".")
    if "." in cell:
        cell = cell.rstrip("0").rstrip(".")  # OpenFace writes 1.00
    value = VALUES.get(cell)
    if value is None:
        raise DataError(f"{where}: AU{au} is {text.strip()!r}; wanted 1, 0, or blank or NA for unknown")
    return value


def _level(where: Place, au: int, text: str) -> int:
    """0 to 5, UNKNOWN, or _MEASURED."""
    cell = text.strip().lower().replace(",", ".")
    if cell in _LEVELS:
        return _LEVELS[cell]
    if VALUES.get(cell) == UNKNOWN:
        return UNKNOWN
    try:
        level = float(cell)
    except ValueError:
        level = -1.0
    if not 0 <= level <= max(_LEVELS.values()):
        raise DataError(
            f"{where}: AU{au}_r is {text.strip()!r:.40}; wanted a level, 0 to 5 or A to E, or blank for unknown"
        )
    return int(level) if level.is_integer() else _MEASURED


def _value_of_level(where: Place, au: int, text: str) -> int:
    level = _level(where, au, text)
    if level == _MEASURED:
        raise DataError(f"{where}: AU{au}_r is {text.strip()!r:.40}, as programs measure it; {_ADD_PRESENCE}")
    return min(level, 1)


def _side(where: Place, au: int, text: str) -> int:
    side = _SIDES.get(text.strip().lower())
    if side is None:
        raise DataError(f"{where}: AU{au}_side is {text.strip()!r:.40}; wanted L, R or blank")
    return side


def _frame(where: Place, text: str, first: int) -> int:
    if first and text.strip() in ("0", "0.0"):
        raise DataError(
            f"{where}: frame 0, but this table counts from 1, as OpenFace does; number the frames from 1, or drop the "
            "columns success and confidence and call the AUs AU12 instead of AU12_c"
        )
    return whole(where, "frame", text, first)


def _face(where: Place, text: str) -> int:
    cell = text.strip()
    return NO_FACE_NAMED if cell in ("", "-1") else whole(where, "face", cell, 0)
