"""Tables with a row per frame and a column per AU: ks-train's manifest, OpenFace's CSV, ks-live's, and your own.

    video,frame,AU1,AU12          manifest: frame from 0; of a folder of pictures, the number in the name
    frame, face_id, timestamp, confidence, success, ..., AU12_r, AU12_c
                                  OpenFace 2 and ks-live --csv: frame from 1; a row with success 0 says nothing
    frame,AU1,AU12                your own: frame from 0
    timestamp,AU1,AU12            your own, in seconds from where players start; a row labels the nearest frame

A table counts from 1, as OpenFace does, if it has a column success, confidence or AU12_c, and no column video.
"""

import os
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path

from knowledge_spreader.datasets.manifest import VALUES
from knowledge_spreader.datasets.manifest_header import au_columns, read_header
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
    values_of = _cells_to_values(aus, [header.aus[au] for au in aus])
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


def read_wide(path: Path, heading: Heading) -> tuple[list[Sheet], list[str]]:
    """A sheet for the recording, or for each stream of ks-live. Raises DataError as read_manifest does."""
    frame, time, face = (heading.column(*names) for names in (FRAME, TIME, FACE))
    success, stream = heading.column("success"), heading.column("stream")
    openface = is_openface(heading.names)
    columns, notes = _openface_columns(path, heading) if openface else _own_columns(path, heading, (frame, time, face))
    aus, by_stream = tuple(sorted(columns)), defaultdict[str, RowColumns](RowColumns)
    values_of = _cells_to_values(aus, [columns[au] for au in aus])
    first = 1 if openface else 0
    nothing = bytes([_NOTHING] * len(aus))
    for where, row in rows(path, heading, frame, time, face, success, stream, *columns.values()):
        failed = success >= 0 and row[success].strip() in ("0", "0.0", "False")
        by_stream[row[stream].strip() if stream >= 0 else ""].add(
            where.line,
            _frame(where, row[frame], first) - first if frame >= 0 else NO_FRAME,
            seconds(where, "the time", row[time]) if time >= 0 else float("nan"),
            _face(where, row[face]) if face >= 0 else NO_FACE_NAMED,
            nothing if failed else values_of(where, row),
        )
    return [Sheet(path, "openface", name, found.rows(aus)) for name, found in by_stream.items()], notes


_OCCURRENCE = re.compile(r"au0*([1-9][0-9]*)_c")
_INTENSITY = re.compile(r"au0*([1-9][0-9]*)_r")


def _openface_columns(path: Path, heading: Heading) -> tuple[dict[int, int], list[str]]:
    """AU -> column of its occurrence; the rest of such a table is no news to anybody."""
    found = {int(match[1]): c for c, name in enumerate(heading.names) if (match := _OCCURRENCE.fullmatch(name))}
    if found:
        note = "a program's table: it teaches what the program guessed, where nobody corrected it"
        return found, [note] if "confidence" in heading.names else []
    where = f"{path}, line {heading.line}"
    if any(map(_INTENSITY.fullmatch, heading.names)):
        raise DataError(
            f"{where}: only intensities (AU12_r); add columns like AU12_c, 1 from the intensity that counts as "
            "present, else 0"
        )
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


def _cells_to_values(aus: Sequence[int], columns: Sequence[int]) -> Callable[[Place, Sequence[str]], bytes]:
    """What the AU cells of a row say, a signed byte for each AU."""
    pick = itemgetter(*columns)
    kept: dict[object, bytes] = {}

    def values_of(where: Place, row: Sequence[str]) -> bytes:
        cells = pick(row)
        found = kept.get(cells)
        if found is None:
            one_by_one = zip(aus, columns, strict=True)
            found = bytes([_value(where, au, row[column]) & 0xFF for au, column in one_by_one])
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
