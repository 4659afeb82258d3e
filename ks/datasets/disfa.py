"""DISFA (Mavadati et al. 2013): 27 subjects, one video of 4,845 frames each, AU intensities 0 to 5.

    ActionUnit_Labels/SN001/SN001_au1.txt         lines "frame,intensity", frames from 1
    Videos_LeftCamera/LeftVideoSN001_comp.avi     or a folder of its images, numbered from 0 or from 1

Names vary between releases, so labels and videos are found by their content. AU frame t is picture t - 1.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I8, I32, I64
from knowledge_spreader.datasets.checks import Published, published_notes
from knowledge_spreader.datasets.find_files import best, place, read_integers, require_folder, walk
from knowledge_spreader.datasets.types import DataSet, Video
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import IMAGE_SUFFIXES, count_pictures, picture_numbers
from knowledge_spreader.spec import UNKNOWN

FPS = 20.0
AUS = (1, 2, 4, 6, 9, 12, 25, 26)  # the usual eight
POSITIVE_FROM = 2  # lowest intensity that the field counts as present

_PARTS = (
    "SN002 SN010 SN001 SN026 SN027 SN032 SN030 SN009 SN016",
    "SN013 SN018 SN011 SN028 SN012 SN006 SN031 SN021 SN024",
    "SN003 SN029 SN023 SN025 SN008 SN005 SN007 SN017 SN004",
)
PARTS = tuple(tuple(part.split()) for part in _PARTS)

_WEIGHTS = (1.422290, 2.347771, 0.399672, 0.795021, 1.878217, 0.440125, 0.195583, 0.521322)
PUBLISHED = Published(27, (43_604, 43_605, 43_605), dict(zip(AUS, _WEIGHTS, strict=True)))

_SUBJECT = re.compile(r"SN[0-9]{3}", re.IGNORECASE)
_IN_NAME = re.compile(r"SN[0-9]{3}(?![0-9])", re.IGNORECASE)
_LABELS = re.compile(r"SN[0-9]{3}_AU0*([1-9][0-9]*)\.txt", re.IGNORECASE)
_VIDEO_SUFFIXES = (".avi", ".mp4", ".mov", ".mkv", ".wmv", ".mpg", ".mpeg", ".m4v")
_MAX_FRAME = 1_000_000


@dataclass(frozen=True, slots=True, eq=False)
class _Source:
    """The pictures of a subject."""

    path: Path
    numbers: I64  # (P,) number of each picture, increasing: 0 .. P-1 for a video, from the names for a folder


def load(root: Path, aus: tuple[int, ...] = ()) -> DataSet:
    """DISFA's left camera with the published parts; aus = (): the usual eight.

    Raises DataError if root contains no labels or no pictures, or if a label file is not as expected.
    """
    aus = aus or AUS
    require_folder(root)
    files = _label_files(root)
    nothing = DataError(f"disfa: no label for AUs {', '.join(map(str, aus))} under {root}; choose other --aus")
    if not any(set(aus) & set(by_au) for by_au in files.values()):
        raise nothing
    sources = {subject: _open(path) for subject, path in _sources(root, set(files)).items()}
    folders = [source for source in sources.values() if source.path.is_dir()]
    first = 0 if any(0 in source.numbers for source in folders) else 1  # all folders start at the same number, 0 or 1
    videos, notes = [], _absent_notes(files, aus)
    for subject, by_au in sorted(files.items()):
        frames, labels = _read_labels(by_au, aus)
        if subject not in sources:
            notes.append(f"{subject} has labels, but no video or images of the left camera; it is left out")
            continue
        source = sources[subject]
        numbers = source.numbers - first if source.path.is_dir() else source.numbers
        at = np.searchsorted(numbers, frames - 1)  # label row t is picture t - 1
        found = np.isin(frames - 1, numbers)
        notes += _length_notes(subject, frames, found, len(numbers))
        if found.any():
            videos.append(
                Video(subject, subject, source.path, frames[found], at[found].astype(np.int32), labels[found])
            )
    if not videos:
        wanted = "no picture of a labelled frame, e.g. Videos_LeftCamera/LeftVideoSN001_comp.avi, here"
        raise DataError(f"{root}: {wanted}; set --root to the folder that contains labels and videos")
    if all((video.labels == UNKNOWN).all() for video in videos):
        raise nothing
    data = DataSet("disfa", aus, FPS, tuple(videos), PARTS)
    return replace(data, notes=(*notes, *published_notes(data, PUBLISHED)))


def _read_labels(by_au: Mapping[int, Path], aus: tuple[int, ...]) -> tuple[I32, I8]:
    """Frame numbers (T,) in any of the files, and labels (T, U): UNKNOWN for frames missing in an AU's file."""
    tables = {au: _read_file(by_au[au]) for au in aus if au in by_au}
    last = max((int(table[:, 0].max()) for table in tables.values() if len(table)), default=0)
    labels = np.full((last, len(aus)), UNKNOWN, np.int8)
    named = np.zeros(last, bool)
    for au, table in tables.items():
        if len(table):
            rows, intensity = table[:, 0] - 1, table[:, 1]
            named[rows] = True
            labels[rows, aus.index(au)] = np.where(intensity == 9, UNKNOWN, intensity >= POSITIVE_FROM)
    return np.flatnonzero(named).astype(np.int32) + 1, labels[named]


def _read_file(path: Path) -> I32:
    """Rows (frame, intensity). Raises DataError, with file and line, on impossible values."""
    table = read_integers(path)
    if len(table) and table.shape[1] != 2:
        raise DataError(f"{place(path, 0)}: wanted frame,intensity; got {table.shape[1]} columns")
    frames, intensity = (table[:, 0], table[:, 1]) if len(table) else (np.empty(0, np.int32),) * 2
    backwards = np.flatnonzero(np.diff(frames, prepend=0) <= 0)
    if len(backwards) or (frames > _MAX_FRAME).any():
        row = int(backwards[0]) if len(backwards) else int(np.argmax(frames > _MAX_FRAME))
        raise DataError(f"{place(path, row)}: frame numbers must increase from 1; got {frames[row]}")
    wrong = np.flatnonzero(~np.isin(intensity, (0, 1, 2, 3, 4, 5, 9)))
    if len(wrong):
        where = place(path, int(wrong[0]))
        raise DataError(f"{where}: intensity {intensity[wrong[0]]}; wanted 0 to 5, or 9 (unknown)")
    return table


def _label_files(root: Path) -> Mapping[str, Mapping[int, Path]]:
    """Subject -> AU -> label file, from the only folder whose SN... folders contain such files."""
    bases: dict[Path, dict[str, dict[int, Path]]] = {}
    for base, names, _ in walk(root, _SUBJECT):
        for subject in filter(_SUBJECT.fullmatch, names):
            for folder, _, files in walk(base / subject, re.compile(".*"), depth=0):
                if by_au := {int(match[1]): folder / match[0] for match in filter(None, map(_LABELS.fullmatch, files))}:
                    bases.setdefault(base, {})[subject.upper()] = by_au
    if not bases:
        wanted = "no label file, e.g. ActionUnit_Labels/SN001/SN001_au1.txt, here"
        raise DataError(f"{root}: {wanted}; set --root to the folder that contains ActionUnit_Labels")
    return bases[best(list(bases), lambda base: "label" not in base.name.lower(), "label files")]


def _sources(root: Path, subjects: set[str]) -> Mapping[str, Path]:
    """The left camera's video of each subject, else the folder of its images.

    Paths with "right" are ignored; paths with "left" are preferred.
    """
    found: dict[str, list[Path]] = {}
    for folder, _, files in walk(root, re.compile("(?!)"), depth=4):
        if any(name.lower().endswith(IMAGE_SUFFIXES) for name in files):
            _file_under(found, root, folder)
        for name in files:
            if name.lower().endswith(_VIDEO_SUFFIXES):
                _file_under(found, root, folder / name)

    def rank(path: Path) -> int:
        return 2 * path.is_dir() + ("left" not in str(path.relative_to(root)).lower())

    return {subject: best(found[subject], rank, subject) for subject in sorted(subjects & set(found))}


def _file_under(found: dict[str, list[Path]], root: Path, path: Path) -> None:
    """Add a path to the subject named last in it, unless it is the right camera's."""
    inside = path.relative_to(root)
    names = [match[0].upper() for part in reversed(inside.parts) if (match := _IN_NAME.search(part))]
    if names and "right" not in str(inside).lower():
        found.setdefault(names[0], []).append(path)


def _open(path: Path) -> _Source:
    return _Source(path, picture_numbers(path) if path.is_dir() else np.arange(count_pictures(path)))


def _absent_notes(files: Mapping[str, Mapping[int, Path]], aus: tuple[int, ...]) -> list[str]:
    notes = []
    for au in aus:
        without = [subject for subject, by_au in sorted(files.items()) if au not in by_au]
        if without:
            who = "any subject" if len(without) == len(files) else ", ".join(without)
            notes.append(f"AU{au} has no label file for {who}; its labels are unknown there")
    return notes


def _length_notes(subject: str, frames: I32, found: np.ndarray[tuple[int], np.dtype[np.bool_]], n: int) -> list[str]:
    """Notes on labels without a picture and pictures without a label."""
    notes = []
    if not found.all():
        cut = f"{(~found).sum():,} of {len(frames):,} labels have no picture and are left out"
        notes.append(f"{subject}: {cut}, from frame {frames[~found][0]}")
    if found.sum() < n:
        notes.append(f"{subject}: {n - found.sum():,} of {n:,} pictures have no label and are left out")
    return notes
