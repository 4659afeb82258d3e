"""Finds folders of any name and depth, and reads small tables of integers."""

import os
import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I32
from knowledge_spreader.errors import DataError, one_line


def require_folder(root: Path) -> None:
    """Raises DataError if root is not a folder."""
    if not root.is_dir():
        what = "this is a file" if root.exists() else "no such folder"
        raise DataError(f"{root}: {what}; set --root to the folder of the data set")


def walk(root: Path, skip: re.Pattern[str], depth: int = 3) -> Iterator[tuple[Path, list[str], list[str]]]:
    """Yield (folder, names of its folders, names of its files), top down; root has depth 0.

    Folders whose whole name matches skip are listed but not entered, because they contain very many images.
    """
    level = [root]
    for below in range(depth + 1):
        deeper = []
        for folder in level:
            folders, files = _listing(folder)
            yield folder, folders, files
            deeper += [folder / name for name in folders if not skip.fullmatch(name)]
        level = deeper if below < depth else []


def best(candidates: Sequence[Path], rank: Callable[[Path], int], what: str) -> Path:
    """The candidate of lowest rank. Raises DataError if two have it, rather than guess."""
    lowest = min(map(rank, candidates))
    first, *others = [path for path in candidates if rank(path) == lowest]
    if others:
        raise DataError(f"{what}: found in {first} and in {others[0]}; choose a --root that contains one of them")
    return first


def read_integers(path: Path, header_lines: int = 0) -> I32:
    """A comma-separated table of integers, int32 (rows, columns), without header lines and blank lines.

    Raises DataError, with file and line, if a cell is not an integer or rows differ in length.
    """
    lines = read_lines(path)[header_lines:]
    if not any(map(str.strip, lines)):
        return np.empty((0, 0), np.int32)
    if any("." in line for line in lines):  # older numpy would truncate 1.5 to 1
        raise _bad_line(path, lines, header_lines)
    try:
        return np.loadtxt(lines, np.int32, delimiter=",", comments=None, ndmin=2)
    except ValueError as exc:
        raise _bad_line(path, lines, header_lines) from exc


def read_lines(path: Path) -> list[str]:
    """Lines of a UTF-8 file, with or without byte order mark. Raises DataError if it cannot be read."""
    try:
        return path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{path}: cannot read this text file ({exc}); copy it again") from exc


def place(path: Path, row: int, header_lines: int = 0) -> str:
    """'FILE, line 12' for a row of read_integers."""
    filled = [number for number, line in enumerate(read_lines(path), 1) if line.strip() and number > header_lines]
    return f"{path}, line {filled[row]}"


def _listing(folder: Path) -> tuple[list[str], list[str]]:
    """Sorted names of the folders and files in a folder, without hidden ones; does not stat each file."""
    folders: list[str] = []
    files: list[str] = []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                if not entry.name.startswith("."):
                    (folders if entry.is_dir() else files).append(entry.name)
    except OSError as exc:
        raise DataError(f"{folder}: cannot list this folder ({one_line(exc)}); check its permissions") from exc
    return sorted(folders), sorted(files)


def _bad_line(path: Path, lines: list[str], header_lines: int) -> DataError:
    width = 0
    for number, line in enumerate(lines, header_lines + 1):
        cells = line.split(",")
        width = width or (len(cells) if line.strip() else 0)
        whole = all(re.fullmatch(r"\s*[+-]?[0-9]{1,9}\s*", cell) for cell in cells)
        if line.strip() and not (whole and len(cells) == width):
            return DataError(f"{path}, line {number}: wanted {width} integers separated by commas; got {line[:60]!r}")
    return DataError(f"{path}: wanted lines of integers separated by commas; copy the file again")
