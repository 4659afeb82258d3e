"""Reads tables line by line: the delimiter, the header, and cells that are numbers.

Nothing but the wanted cells is kept, so a table of a million rows needs little memory.
"""

import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from knowledge_spreader.errors import DataError, one_line

_PREAMBLE = 100  # lines that BORIS may write above its header
_CLOCK = re.compile(r"(-?)(?:(\d+):)?(\d+):(\d+(?:\.\d+)?)")  # BORIS: 00:01:02.345


class Place(NamedTuple):
    """A line of a file. Made for each row, written only in messages."""

    path: Path
    line: int

    def __str__(self) -> str:
        return f"{self.path}, line {self.line}"


@dataclass(frozen=True, slots=True)
class Heading:
    """The header of a table."""

    line: int
    cells: tuple[str, ...]  # stripped
    names: tuple[str, ...]  # the same in lower case, with single blanks
    delimiter: str

    def column(self, *names: str) -> int:
        """The column that has one of these names, the first of them that is there; -1 if none is."""
        return next((self.names.index(name) for name in names if name in self.names), -1)


def headings(path: Path) -> Iterator[Heading]:
    """Each of the first lines, read as a header."""
    with _lines(path) as lines:
        for number, text in enumerate(lines, 1):
            if number > _PREAMBLE:
                return
            if text.strip():
                delimiter = max(",;\t", key=text.count)
                cells = tuple(cell.strip() for cell in next(csv.reader([text], delimiter=delimiter), []))
                yield Heading(number, cells, tuple(" ".join(cell.casefold().split()) for cell in cells), delimiter)


def rows(path: Path, heading: Heading, *columns: int) -> Iterator[tuple[Place, list[str]]]:
    """(place, cells) of each row below the header that is not blank. Raises DataError if a row lacks one of columns."""
    width = 1 + max(columns)
    with _lines(path) as lines:
        for _ in range(heading.line):
            next(lines, "")
        reader = csv.reader(lines, delimiter=heading.delimiter)
        try:
            for row in reader:
                if not any(row):
                    continue
                place = Place(path, heading.line + reader.line_num)
                if len(row) < width:
                    raise DataError(f"{place}: {len(row)} cells, but the header needs {width}; correct this row")
                yield place, row
        except csv.Error as exc:
            line = heading.line + reader.line_num
            raise DataError(f"{path}, line {line}: this is not a row of a table ({one_line(exc)}); correct it") from exc


def whole(where: Place, what: str, text: str, lowest: int) -> int:
    """A cell like "12", or "12.0" as some programs write it."""
    cell = text.strip()
    if cell.isdecimal() and len(cell) < 10 and int(cell) >= lowest:
        return int(cell)
    match = re.fullmatch(r"([0-9]{1,9})(?:[.,]0*)?", cell)
    if not match or int(match[1]) < lowest:
        raise DataError(f"{where}: {what} must be a whole number from {lowest}; got {cell!r}")
    return int(match[1])


def seconds(where: Place, what: str, text: str) -> float:
    """A cell like "1.25", "1,25" or "00:00:01.250"."""
    try:
        found = float(text)
    except ValueError:
        found = _other_seconds(text.strip().replace(",", "."))
    if not abs(found) < 1e9:
        raise DataError(f"{where}: {what} must be a time in seconds; got {text.strip()!r}")
    return found


def _other_seconds(cell: str) -> float:
    """nan if it is no time."""
    if match := _CLOCK.fullmatch(cell):
        total = int(match[2] or 0) * 3600 + int(match[3]) * 60 + float(match[4])
        return -total if match[1] else total
    try:
        return float(cell)
    except ValueError:
        return float("nan")


@contextmanager
def _lines(path: Path) -> Iterator[Iterator[str]]:
    """The lines of a text file. Raises DataError if it cannot be read."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            yield lines
    except UnicodeDecodeError as exc:
        raise DataError(f"{path}: this text is not UTF-8; save it again as CSV UTF-8") from exc
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the path and its permissions") from exc
