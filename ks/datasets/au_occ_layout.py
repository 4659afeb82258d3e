"""The layout of BP4D, BP4D+ and MME: one table of AU occurrence and one folder of images per recording.

    AUCoding/AU_OCC/F001_T1.csv           first row: AU numbers; first column: frame; values 0, 1, 9 = unknown
    Sequences(2D+3D)/F001/T1/2440.jpg     zero-padded or not

Names and depth of the upper folders vary between releases, so labels and images are found by their content.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I8, I32, I64
from knowledge_spreader.datasets.find_files import best, place, read_integers, read_lines, require_folder, walk
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import picture_numbers
from knowledge_spreader.spec import UNKNOWN

_SUBJECT = re.compile(r"[FM][0-9]{3}", re.IGNORECASE)
_TASK = re.compile(r"T([0-9]{1,2})", re.IGNORECASE)
_LABELS = re.compile(r"([FM][0-9]{3})_T([0-9]{1,2})\.csv", re.IGNORECASE)
_AU = re.compile(r"(?:AU)?0*([1-9][0-9]*)", re.IGNORECASE)
_NAMED = 5  # most recordings that a note names

Recording = tuple[str, int]  # subject and task


@dataclass(frozen=True, slots=True)
class Layout:
    """The differences between the data sets of this layout."""

    name: str
    tasks: tuple[int, ...]
    picture_shift: int = 0  # the image of AU frame f has the number f + picture_shift


@dataclass(frozen=True, slots=True, eq=False)
class Table:
    """The rows of one label file."""

    frames: I32  # (T,)
    labels: I8  # (T, U)
    absent: frozenset[int]  # AUs without a column


def read_recordings(root: Path, layout: Layout, aus: tuple[int, ...]) -> tuple[tuple[Video, ...], list[str]]:
    """All recordings with labels and images, sorted by subject and task, and notes on what is missing.

    Raises DataError if root contains none, if a label file is not as expected, or if no label is known.
    """
    require_folder(root)
    files = {rec: path for rec, path in _label_files(root).items() if rec[1] in layout.tasks}
    folders = _image_folders(root)
    videos: list[Video] = []
    absent: dict[int, list[str]] = {}
    missing: dict[str, list[int]] = {}
    for (subject, task), path in sorted(files.items()):
        name = f"{subject}_T{task}"
        table = read_table(path, aus)
        for au in table.absent:
            absent.setdefault(au, []).append(name)
        numbers, folder = _pictures(folders.get((subject, task), []), name)
        pictures, found = _locate(numbers, table.frames + layout.picture_shift)
        if not found.all():
            missing[name] = table.frames[~found].tolist()
        if folder and found.any():
            frames, labels = table.frames[found], table.labels[found]
            videos.append(Video(name, subject, folder, frames, pictures[found].astype(np.int32), labels))
    if not videos:
        wanted = f"no image of a labelled frame of {layout.name}, e.g. Sequences/F001/T1/0643.jpg, here"
        raise DataError(f"{root}: {wanted}; set --root to the folder that contains labels and images")
    if all((video.labels == UNKNOWN).all() for video in videos):
        raise DataError(f"{layout.name}: no label for AUs {', '.join(map(str, aus))} under {root}; choose other --aus")
    present = {video.name for video in videos}
    return tuple(videos), [*_absent_notes(absent, len(files)), *_missing_notes(missing, present)]


def read_table(path: Path, aus: tuple[int, ...]) -> Table:
    """Frames and labels of one file. Columns are found by AU number; 9 and missing columns are UNKNOWN.

    Raises DataError, with file and line, on values other than 0, 1, 9, and if frame numbers do not increase.
    """
    lines = read_lines(path)
    columns = _columns(path, lines[0] if lines else "")
    values = read_integers(path, header_lines=1)
    if not len(values):
        return Table(np.empty(0, np.int32), np.empty((0, len(aus)), np.int8), frozenset())
    frames = values[:, 0]
    backwards = np.flatnonzero(np.diff(frames) <= 0)
    if len(backwards) or frames[0] < 0:
        row = int(backwards[0]) + 1 if len(backwards) else 0
        raise DataError(f"{place(path, row, 1)}: frame numbers must increase from 0; got {frames[row]}")
    labels = np.full((len(values), len(aus)), UNKNOWN, np.int8)
    for u, au in enumerate(aus):
        if au not in columns:
            continue
        if columns[au] >= values.shape[1]:
            raise DataError(f"{path}, line 2: AU{au} has a heading but no value; copy the file again")
        column = values[:, columns[au]]
        wrong = np.flatnonzero(~np.isin(column, (0, 1, 9)))
        if len(wrong):
            where = place(path, int(wrong[0]), 1)
            raise DataError(f"{where}: AU{au} is {column[wrong[0]]}; wanted 0, 1 or 9 (unknown)")
        labels[:, u] = np.where(column == 9, UNKNOWN, column)
    return Table(frames, labels, frozenset(set(aus) - set(columns)))


def _columns(path: Path, header: str) -> dict[int, int]:
    """AU number -> column, from the first row. The first column is always the frame number."""
    columns: dict[int, int] = {}
    for index, cell in enumerate(header.split(",")[1:], 1):
        match = _AU.fullmatch(cell.strip().strip('"'))
        if match and int(match[1]) in columns:
            raise DataError(
                f"{path}, line 1: AU{int(match[1])} has two columns; the first row must contain each AU number once"
            )
        if match:
            columns[int(match[1])] = index
    if not columns:
        raise DataError(f"{path}, line 1: the first row must contain AU numbers, e.g. 0,1,2,4; got {header[:60]!r}")
    return columns


def _label_files(root: Path) -> Mapping[Recording, Path]:
    """The label file of each recording, from the only folder with such files; a name with "occ" is preferred."""
    tables: dict[Path, dict[Recording, Path]] = {}
    for folder, _, files in walk(root, _SUBJECT):
        if "int" in folder.name.lower().split("_"):  # AU_INT: intensities
            continue
        matches = filter(None, map(_LABELS.fullmatch, files))
        if found := {(match[1].upper(), int(match[2])): folder / match[0] for match in matches}:
            tables[folder] = found
    if not tables:
        wanted = "no label file, e.g. AUCoding/AU_OCC/F001_T1.csv, here"
        raise DataError(f"{root}: {wanted}; set --root to the folder that contains AUCoding")
    return tables[best(list(tables), lambda folder: "occ" not in folder.name.lower(), "label files")]


def _image_folders(root: Path) -> Mapping[Recording, list[Path]]:
    """All folders <subject>/<task> of each recording; some contain physiological data or features, not images."""
    found: dict[Recording, list[Path]] = {}
    for base, names, _ in walk(root, _SUBJECT):
        for subject in filter(_SUBJECT.fullmatch, names):
            for folder, tasks, _ in walk(base / subject, re.compile(".*"), depth=0):
                for task in filter(None, map(_TASK.fullmatch, tasks)):
                    found.setdefault((subject.upper(), int(task[1])), []).append(folder / task[0])
    return found


def _pictures(folders: Iterable[Path], name: str) -> tuple[I64, Path | None]:
    """The image numbers of a recording and the folder of the images; an empty array and None without images."""
    numbers = {folder: picture_numbers(folder) for folder in folders}
    candidates = [folder for folder, found in numbers.items() if (found >= 0).any()]
    if not candidates:
        return np.empty(0, np.int64), None
    folder = best(candidates, lambda path: not re.search(r"seq|2d\+3d", str(path.parent.parent).lower()), name)
    return numbers[folder], folder


def _locate(numbers: I64, wanted: I32) -> tuple[I64, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    """The index of each wanted number in the increasing numbers, and whether it is there."""
    index = np.minimum(np.searchsorted(numbers, wanted), max(len(numbers) - 1, 0))
    found = (numbers[index] == wanted) & (wanted >= 0) if len(numbers) else np.zeros(len(wanted), bool)
    return index, found


def _absent_notes(absent: Mapping[int, list[str]], n_files: int) -> list[str]:
    return [
        f"AU{au} has no column in {len(names)} of {n_files} label files; its labels are unknown there: {_some(names)}"
        for au, names in sorted(absent.items())
    ]


def _missing_notes(missing: Mapping[str, list[int]], present: set[str]) -> list[str]:
    """A note on recordings without images, and a note on frames without an image."""
    whole = [name for name in missing if name not in present]
    partly = [f"{name} (from frame {frames[0]})" for name, frames in missing.items() if name in present]
    n_frames = sum(len(frames) for name, frames in missing.items() if name in present)
    notes = []
    if whole:
        notes.append(f"{len(whole)} recordings have labels but no images and are left out: {_some(whole)}")
    if partly:
        notes.append(f"{n_frames:,} labelled frames have no image and are left out: {_some(partly)}")
    return notes


def _some(names: list[str]) -> str:
    return ", ".join(names[:_NAMED]) + (f" and {len(names) - _NAMED} more" if len(names) > _NAMED else "")
