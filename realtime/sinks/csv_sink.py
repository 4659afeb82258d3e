"""CSV in the style of OpenFace 2.2: a row per face and frame, written after each frame."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.realtime.sinks.result_file import ResultFile
from knowledge_spreader.realtime.sinks.rows import Row, rows
from knowledge_spreader.realtime.sinks.table.columns import FLOATS, NO_EXTRAS, Column, Extras, Kind, columns
from knowledge_spreader.realtime.types import FrameResult


class CsvSink:
    """Writes the columns of rows.py, with "," between them. pandas reads it with read_csv(path).

    Time stamps have the fewest digits that give exactly the same number back; shares and unit vectors have 6 decimals,
    pixels and degrees 2, radians 4, millimetres 1. An empty cell is unknown. Raises DataError if the file cannot be
    written.
    """

    def __init__(self, path: str | Path, aus: Sequence[int], extras: Extras = NO_EXTRAS) -> None:
        self.name = f"--csv {path}"
        self._file = ResultFile(path)
        self._extras = extras
        self._lines = CsvLines(columns(aus, extras))

    def write(self, result: FrameResult) -> None:
        text = "".join([self._lines.line(row) for row in rows(result, self._extras)])
        self._file.write(text if self._file.started else self._lines.header + text)

    def close(self) -> None:
        self._file.close()


class CsvLines:
    """Formats rows as lines of CSV. exact: write each number with all its digits."""

    def __init__(self, columns: Sequence[Column], *, exact: bool = False) -> None:
        formats = _EXACT if exact else _ROUNDED
        self._formats = [formats[column.kind] for column in columns]
        self.header = ",".join([column.name for column in columns]) + "\n"

    def line(self, row: Row) -> str:
        return ",".join(["" if v is None else write(v) for v, write in zip(row, self._formats, strict=True)]) + "\n"


def quoted(text: str, special: str = ",") -> str:
    """The text, in double quotes if CSV needs them."""
    if any(mark in text for mark in (special, '"', "\n", "\r")) or text != text.strip():
        return '"' + text.replace('"', '""') + '"'
    return text


_ROUNDED: dict[Kind, Callable[[Any], str]] = {
    "integer": str,
    "seconds": repr,
    "share": "{:.6f}".format,
    "pixels": "{:.2f}".format,
    "mm": "{:.1f}".format,
    "radians": "{:.4f}".format,
    "degrees": "{:.2f}".format,
    "flag": "01".__getitem__,
    "text": quoted,
}
_EXACT = _ROUNDED | dict.fromkeys(FLOATS, "{:.9g}".format)  # 9 digits represent any float32 exactly
