"""Your own videos, described by one CSV file with a row for each labelled frame.

    video,subject,frame,part,AU01,AU12
    clips/anna.mp4,anna,0,1,0,1
    clips/anna.mp4,anna,50,1,,1

    video     a video file or a folder of images; absolute, or relative to the CSV
    subject   optional; without it each video counts as one subject
    frame     video file: index of the picture in decoding order, from 0;
              folder: the last number in the image's name (0643.jpg is frame 643), not its position
    part      optional, 1, 2, ...: the part for cross-validation; the same for all videos of a subject
    AU12      also AU012, au12, "AU 12", AU_12, AU-12, AU12_c: 1 present, 0 absent; blank, NA, nan or 9 unknown;
              manifest_header.py says which spellings are refused

Separators: commas, semicolons or tabs. All pictures of a video are loaded; those not in the CSV have unknown labels. So
a label every 50 frames is enough.
"""

import csv
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import I32
from knowledge_spreader.datasets.find_files import read_lines
from knowledge_spreader.datasets.folds import deal
from knowledge_spreader.datasets.look_alikes import look_alike_notes
from knowledge_spreader.datasets.manifest_header import Header, read_header
from knowledge_spreader.datasets.types import DataSet, Video, check_fold
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import count_pictures, list_images, picture_number, picture_numbers, picture_rate
from knowledge_spreader.spec import UNKNOWN

DEFAULT_FPS = 25.0
RATE_TOLERANCE = 0.05  # relative difference of frame rates that causes a note

VALUES = {"0": 0, "1": 1, "0.0": 0, "1.0": 1} | dict.fromkeys(("", "nan", "na", "9", "9.0"), UNKNOWN)


@dataclass(slots=True)
class _Recording:
    """The rows of one video."""

    path: Path
    subject: str
    part: int
    line: int  # line of its first row, for messages
    lines: dict[int, int] = field(default_factory=dict)  # frame -> line of the CSV, in the order of the labels
    labels: bytearray = field(default_factory=bytearray)  # U bytes for each of lines


def load(csv_path: Path, aus: tuple[int, ...] = (), fps: float = 0.0, fold: int = 0) -> DataSet:
    """The videos of a CSV. aus = (): all its AU columns. fps = 0: the median frame rate of the videos. fold: the
    fold to be used, 0 for none.

    csv_path is the file, or a folder with one CSV file in it.
    Raises DataError, with file and line, on anything that the format above does not allow.
    """
    path = _csv_in(csv_path)
    rows = _rows(path)
    header = read_header(path, next(rows, (1, []))[1], aus)
    wanted = aus or tuple(sorted(header.aus))
    recordings = _group(path, rows, header, wanted)
    notes = [*header.notes, *(f"AU{au} has no column; its labels are unknown" for au in wanted if au not in header.aus)]
    names = _names(path, recordings)
    if header.subject < 0:
        notes.append("no subject column: each video counts as one subject")
        for recording, name in zip(recordings, names, strict=True):
            recording.subject = name
    else:
        notes += look_alike_notes(recording.subject for recording in recordings)
    if header.part >= 0:
        parts = _parts(path, recordings)
    else:
        parts, note = deal(recording.subject for recording in recordings)
        notes.append(note)
    if fold:
        check_fold("manifest", fold, len(parts))
    videos = tuple(_video(path, rec, name, len(wanted)) for rec, name in zip(recordings, names, strict=True))
    if all((video.labels == UNKNOWN).all() for video in videos):
        raise DataError(
            f"{path}: no label for AUs {', '.join(map(str, wanted))}; fill in the AU columns or choose other --aus"
        )
    rate, rate_notes = _rate([recording.path for recording in recordings], fps)
    return DataSet("manifest", wanted, rate, videos, parts, (*notes, *rate_notes))


def _csv_in(path: Path) -> Path:
    """The file itself, or the only CSV in a folder."""
    if path.is_dir():
        found = sorted(file for file in path.iterdir() if file.suffix.lower() == ".csv" and file.name[0] != ".")
        if len(found) != 1:
            raise DataError(f"{path}: wanted one CSV file in this folder, found {len(found)}; name the file")
        return found[0]
    if not path.is_file():
        raise DataError(f"{path}: no such file; set --root to the CSV that lists videos and labels")
    return path


def _rows(path: Path) -> Iterator[tuple[int, list[str]]]:
    """(line, cells) of each row that is not blank, header first. The delimiter is the header's most frequent one."""
    lines = read_lines(path)
    heading = next((line for line in lines if line.strip()), "")
    reader = csv.reader(lines, delimiter=max(",;\t", key=heading.count))
    try:
        for row in reader:
            if any(row):
                yield reader.line_num, row
    except csv.Error as exc:
        raise DataError(f"{path}, line {reader.line_num}: this is not a CSV row ({exc}); correct it") from exc


def _group(path: Path, rows: Iterator[tuple[int, list[str]]], header: Header, aus: tuple[int, ...]) -> list[_Recording]:
    """Rows grouped by video, in the order of first appearance."""
    by_text: dict[str, _Recording] = {}  # by the cell's text, to check each spelling on disk only once
    by_path: dict[Path, _Recording] = {}
    columns = [header.aus.get(au, -1) for au in aus]
    for line, row in rows:
        where = f"{path}, line {line}"
        if len(row) < header.width:
            raise DataError(f"{where}: {len(row)} cells, but the header needs {header.width}")
        subject = row[header.subject].strip() if header.subject >= 0 else ""
        part = _whole(where, "part", row[header.part], 1) if header.part >= 0 else 0
        recording = by_text.get(row[header.video])
        if recording is None:
            source = _source(where, path.parent, row[header.video].strip())
            recording = by_path.setdefault(source, _Recording(source, subject, part, line))
            by_text[row[header.video]] = recording
        if not subject and header.subject >= 0:
            raise DataError(f"{where}: the subject is blank; name the person, or drop the column")
        if (subject, part) != (recording.subject, recording.part):
            raise DataError(f"{where}: a video must have one subject and one part; line {recording.line} has others")
        frame = _whole(where, "frame", row[header.frame], 0)
        if frame in recording.lines:
            raise DataError(f"{where}: frame {frame} of this video is already in line {recording.lines[frame]}")
        recording.lines[frame] = line
        recording.labels += bytes(
            _label(where, au, row[c]) & 0xFF if c >= 0 else 0xFF for au, c in zip(aus, columns, strict=True)
        )
    if not by_path:
        raise DataError(f"{path}: no row below the header; add a row for each labelled frame")
    return list(by_path.values())


def _whole(where: str, what: str, text: str, lowest: int) -> int:
    if not re.fullmatch(r"\s*[0-9]{1,9}\s*", text) or int(text) < lowest:
        raise DataError(f"{where}: {what} must be a whole number from {lowest}; got {text!r}")
    return int(text)


def _label(where: str, au: int, text: str) -> int:
    value = VALUES.get(text)
    if value is None:
        value = VALUES.get(text.strip().lower())
    if value is None:
        raise DataError(f"{where}: AU{au} is {text!r}; wanted 1, 0, or blank or NA for unknown")
    return value


def _source(where: str, base: Path, text: str) -> Path:
    """The video file or folder named in a cell; backslashes work on every system."""
    for spelling in (text, text.replace("\\", "/")):
        source = Path(os.path.abspath(base / spelling))
        if text and source.exists():
            return source
    raise DataError(f"{where}: no video or folder {text!r}; correct the path, which is relative to the CSV")


def _names(path: Path, recordings: list[_Recording]) -> list[str]:
    """A unique name per video, valid as a file name: the stem, else the path relative to the CSV's folder."""
    short = [rec.path.name if rec.path.is_dir() else rec.path.stem for rec in recordings]
    if len({name.casefold() for name in short}) == len(short):
        return short
    base = os.path.abspath(path.parent)
    long = [re.sub(r"[\\/:]+", "_", _below(base, rec.path)) for rec in recordings]
    if len({name.casefold() for name in long}) == len(long):
        return long
    raise DataError(f"{path}: two videos get the same name, e.g. {long[0]}; rename one")


def _below(base: str, path: Path) -> str:
    return str(path.relative_to(base)) if path.is_relative_to(base) else str(path).lstrip("/\\")


def _video(path: Path, recording: _Recording, name: str, n_aus: int) -> Video:
    """All pictures of a video, with the labels of those in the CSV."""
    frames = _frames(recording.path)
    listed = np.fromiter(recording.lines, np.int64, len(recording.lines))
    at = np.minimum(np.searchsorted(frames, listed), len(frames) - 1)
    wrong = np.flatnonzero(frames[at] != listed)
    if len(wrong):
        frame = int(listed[wrong[0]])
        where = f"{path}, line {recording.lines[frame]}"
        raise DataError(f"{where}: no frame {frame} in {recording.path}, which has {frames[0]} to {frames[-1]}")
    labels = np.full((len(frames), n_aus), UNKNOWN, np.int8)
    labels[at] = np.frombuffer(recording.labels, np.int8).reshape(len(listed), n_aus)
    return Video(name, recording.subject, recording.path, frames, np.arange(len(frames), dtype=np.int32), labels)


def _frames(source: Path) -> I32:
    """The frame number of each picture of a source, in order."""
    numbers = picture_numbers(source) if source.is_dir() else np.arange(count_pictures(source))
    if not len(numbers):
        raise DataError(f"{source}: contains no picture; remove it from the CSV")
    if numbers[0] < 0:
        picture_number(list_images(source)[0])  # raises with the name that has no number
    if numbers[-1] > np.iinfo(np.int32).max:
        raise DataError(f"{source}: frame number {numbers[-1]} is too large; number the images from 0")
    return numbers.astype(np.int32)


def _parts(path: Path, recordings: list[_Recording]) -> tuple[tuple[str, ...], ...]:
    """The parts in the CSV. Raises DataError if a subject is in two parts or a part number is missing."""
    of_subject: dict[str, _Recording] = {}
    for recording in recordings:
        other = of_subject.setdefault(recording.subject, recording)
        if other.part != recording.part:
            both = f"part {other.part} in line {other.line}, part {recording.part} in line {recording.line}"
            raise DataError(f"{path}: subject {recording.subject} is in two parts ({both}); use one part per subject")
    numbers = {recording.part for recording in recordings}
    n_parts = max(numbers)
    if len(numbers) < n_parts:
        gap = min(set(range(1, n_parts)) - numbers)
        raise DataError(f"{path}: there is part {n_parts} but no part {gap}; number the parts from 1 without gaps")
    return tuple(tuple(sorted(s for s, rec in of_subject.items() if rec.part == k)) for k in range(1, n_parts + 1))


def _rate(sources: list[Path], fps: float) -> tuple[float, list[str]]:
    """The frame rate of the data set, by default the median of its videos, and notes on assumptions."""
    rates = sorted(rate for rate in map(picture_rate, sources) if rate)
    notes = []
    if rates and rates[-1] > rates[0] * (1 + RATE_TOLERANCE):
        notes.append(f"videos have {rates[0]:.4g} to {rates[-1]:.4g} frames per second; clips differ in duration")
    if fps > 0:
        return fps, notes
    if not rates:
        return DEFAULT_FPS, [
            f"no video contains its frame rate; assuming {DEFAULT_FPS:g} frames per second, set --fps to change it"
        ]
    return rates[len(rates) // 2], notes
