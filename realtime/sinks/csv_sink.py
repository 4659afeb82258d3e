"""CSV in the style of OpenFace 2.2: ", " between columns, a row per face and frame, written after each frame."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.realtime.sinks.result_file import ResultFile
from knowledge_spreader.realtime.sinks.rows import Column, Kind, Row, columns, rows
from knowledge_spreader.realtime.types import FrameResult


class CsvSink:
    """Writes the columns of rows.py. pandas reads it with read_csv(path, skipinitialspace=True).

    Time stamps have the fewest digits that give exactly the same number back, shares 6 decimals. An empty cell is
    unknown. Raises DataError if the file cannot be written.
    """

    def __init__(self, path: str | Path, aus: Sequence[int]) -> None:
        self.name = f"--csv {path}"
        self._file = ResultFile(path)
        self._lines = CsvLines(columns(aus))

    def write(self, result: FrameResult) -> None:
        text = "".join([self._lines.line(row) for row in rows(result)])
        self._file.write(text if self._file.started else self._lines.header + text)

    def close(self) -> None:
        self._file.close()


class CsvLines:
    """Formats rows as lines of CSV. exact: write each number with all its digits."""

    def __init__(self, columns: Sequence[Column], separator: str = ", ", *, exact: bool = False) -> None:
        formats = _EXACT if exact else _ROUNDED
        self._formats = [formats[column.kind] for column in columns]
        self._separator = separator
        self.header = separator.join([column.name for column in columns]) + "\n"

    def line(self, row: Row) -> str:
        cells = ["" if v is None else write(v) for v, write in zip(row, self._formats, strict=True)]
        # No blank before an empty cell: every reader of CSV then takes it for missing, and the column for numbers.
        joined = [f"{self._separator}{cell}" if cell else self._separator.rstrip(" ") for cell in cells[1:]]
        return cells[0] + "".join(joined) + "\n"


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
    "flag": "01".__getitem__,
    "text": quoted,
}
_EXACT = _ROUNDED | {"share": "{:.9g}".format, "pixels": "{:.9g}".format}  # 9 digits represent any float32 exactly
