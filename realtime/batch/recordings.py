"""Which recordings are meant: files, folders with what is below them, patterns, lists, tables with subject and session.

A recording is a video, or a folder of images. Each is there once, whatever ways lead to it. What is named and not there
is a failed recording: one lost file does not stop thousands.
"""

import csv
import glob
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.frame_reader import IMAGE_SUFFIXES
from knowledge_spreader.realtime.adapt.recordings import VIDEOS
from knowledge_spreader.realtime.batch.job import Failed, Job
from knowledge_spreader.realtime.batch.keys import size_and_time

_TABLES = (".csv", ".tsv", ".txt")
_COLUMNS = {
    "video": ("video", "recording", "file", "path"),
    "subject": ("subject", "person", "participant"),
    "session": ("session", "visit"),
}


@dataclass(frozen=True, slots=True)
class Found:
    jobs: tuple[Job, ...]  # in the order in which they were found
    missing: tuple[Failed, ...]  # named, but not there


def find(given: Sequence[str], leave_out: Path) -> Found:
    """given: as on the command line; "@FILE" is a list with one per line. leave_out: a folder not to look into.

    Raises DataError if a list or table cannot be read, says two things of one recording, or if nothing is there.
    """
    jobs: dict[str, Job] = {}
    missing: dict[str, Failed] = {}
    hidden = os.path.realpath(leave_out)
    for word in given:
        for one in _named(word, hidden):
            job = one.job if isinstance(one, Failed) else one
            place = os.path.realpath(job.path)
            if isinstance(one, Failed):
                missing.setdefault(place, one)
            else:
                jobs[place] = _both(jobs[place], one) if place in jobs else one
    if not jobs:
        what = next(iter(missing.values())).reason if missing else f"{given[0]}: no video and no folder of images"
        raise DataError(f"{what}; give videos, folders of them, or a list, as in: ks-batch videos/ --out results")
    return Found(tuple(jobs.values()), tuple(missing.values()))


def _named(word: str, hidden: str) -> Iterator[Job | Failed]:
    if word.startswith("@"):
        for line in _lines(Path(word[1:])):
            yield from _of(line, hidden)
    else:
        yield from _of(word, hidden)


def _of(word: str, hidden: str) -> Iterator[Job | Failed]:
    path = Path(word)
    if not os.path.lexists(path) and glob.has_magic(word):
        matches = sorted(glob.glob(word, recursive=True))
        if not matches:
            yield _missing(path, "nothing matches this pattern; check it")
        for match in matches:
            yield from _at(Path(match), hidden)
    else:
        yield from _at(path, hidden)


def _at(path: Path, hidden: str) -> Iterator[Job | Failed]:
    if path.is_dir():
        yield from _below(path, hidden)
    elif path.suffix.lower() in _TABLES and path.is_file():
        yield from _table(path)
    else:
        yield _recording(path)


def _below(folder: Path, hidden: str) -> Iterator[Job | Failed]:
    """All videos in a folder and the folders in it; where there are images and no videos, it is a recording itself."""
    seen = {hidden}
    lost: list[Failed] = []

    def unreadable(exc: OSError) -> None:
        lost.append(_missing(Path(exc.filename), f"cannot be read ({one_line(exc)}); check its permissions"))

    for place, folders, files in os.walk(folder, followlinks=True, onerror=unreadable):
        here = os.path.realpath(place)
        if here in seen:  # the results, or a link in a circle
            folders.clear()
            continue
        seen.add(here)
        folders[:] = sorted(name for name in folders if name[0] != ".")
        shown = sorted(name for name in files if name[0] != ".")
        videos = [name for name in shown if name.lower().endswith(VIDEOS)]
        if not videos and any(name.lower().endswith(IMAGE_SUFFIXES) for name in shown):
            yield _recording(Path(place))
        for name in videos:
            yield _recording(Path(place) / name)
    yield from lost


def _recording(path: Path, subject: str = "", session: str = "") -> Job | Failed:
    try:
        if not (path.is_file() or path.is_dir()):
            why = "no regular file" if path.exists() else "no such file or folder"
            return _missing(path, f"{why}; check the path", subject, session)
        size, time_ns = size_and_time(path)
    except (OSError, ValueError, KSError) as exc:
        return _missing(path, f"cannot be read ({one_line(exc)}); check it", subject, session)
    return Job(os.path.abspath(path), str(path), subject, session, size, time_ns)


def _missing(path: Path, why: str, subject: str = "", session: str = "") -> Failed:
    return Failed(Job(os.path.abspath(path), str(path), subject, session), f"{path}: {why}")


def _both(first: Job, second: Job) -> Job:
    """What two mentions say of one recording. Raises DataError if they contradict each other."""
    for of in ("subject", "session"):
        one, other = getattr(first, of), getattr(second, of)
        if one and other and one != other:
            raise DataError(f"{second.name}: its {of} is {other!r} here and {one!r} elsewhere; correct one of them")
    return replace(first, subject=first.subject or second.subject, session=first.session or second.session)


def _lines(path: Path) -> list[str]:
    """Of a list; empty lines and comments left out."""
    lines = [line.strip() for line in _text(path, f"@{path}").splitlines()]
    found = [line for line in lines if line and not line.startswith("#")]
    if not found:
        raise DataError(f"@{path}: the list is empty; write one recording per line")
    return found


def _table(path: Path) -> Iterator[Job | Failed]:
    """A row for each recording; paths are relative to the table."""
    text = _text(path, str(path))
    heading = text.partition("\n")[0]
    rows = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=heading.count))
    names = {name.strip().casefold(): name for name in rows.fieldnames or () if name}
    columns = {of: next((names[name] for name in known if name in names), None) for of, known in _COLUMNS.items()}
    if columns["video"] is None:
        raise DataError(f"{path}: wanted a table with a column video; got {heading.strip()!r:.80}")
    for line, row in enumerate(rows, 2):
        cells = {of: (row[column] or "").strip() if column else "" for of, column in columns.items()}
        if not cells["video"]:
            raise DataError(f"{path}, line {line}: the column video is empty; write a path, relative to the table")
        yield _recording(path.parent / cells["video"], cells["subject"], cells["session"])


def _text(path: Path, name: str) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"{name}: cannot be read as a list of recordings ({one_line(exc)}); check it") from exc
