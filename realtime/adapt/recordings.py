"""Which recordings are meant: a folder, a list, or files; and whose they are."""

import csv
import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.realtime.sources.source_spec import VIDEO_SUFFIXES

VIDEOS = (*VIDEO_SUFFIXES, ".264")
_COLUMNS = ("video", "recording", "file", "path")
_PEOPLE = ("subject", "person", "participant")


@dataclass(frozen=True, slots=True)
class OwnRecording:
    path: Path
    name: str  # unique among them
    person: str  # its own name if nothing says whose it is

    @property
    def file_name(self) -> str:
        """Like `name`, but the same whatever other recordings are there: what is kept apart goes by it."""
        return _parts(self.path)[-1]


def find_recordings(given: Sequence[Path]) -> tuple[OwnRecording, ...]:
    """given: video files, folders with videos or of pictures, and CSV lists with the columns video and subject.

    Raises DataError, one line, if there is none, or one is there twice.
    """
    found: list[tuple[Path, str]] = []
    for path in given:
        found += _of(path)
    if not found:
        raise DataError(f"{given[0] if given else 'no recording'}: no video in there; give videos, or folders of them")
    given_once: set[tuple[int, int]] = set()
    for path, _ in found:
        about = path.stat()
        if (about.st_dev, about.st_ino) in given_once:
            raise DataError(f"{path} is given twice; give each recording once")
        given_once.add((about.st_dev, about.st_ino))
    names = _names([path for path, _ in found])
    return tuple(OwnRecording(path, name, who or name) for (path, who), name in zip(found, names, strict=True))


def _of(path: Path) -> list[tuple[Path, str]]:
    if path.is_dir():
        inside = sorted(entry for entry in path.iterdir() if entry.name[0] != ".")
        videos = [entry for entry in inside if entry.is_file() and entry.suffix.lower() in VIDEOS]
        folders = [entry for entry in inside if entry.is_dir() and list_images(entry)]
        if not videos and list_images(path):
            return [(path, "")]
        return [(entry, "") for entry in sorted(videos + folders)]
    if path.suffix.lower() in (".csv", ".tsv", ".txt"):
        return _listed(path)
    if not path.is_file():
        raise DataError(f"--recordings {path}: no such file or folder; give videos, or a folder of them")
    return [(path, "")]


def _listed(path: Path) -> list[tuple[Path, str]]:
    """Of a list: a row for each recording, or for each of its labelled frames, as in ks-train's manifest."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as exc:
        raise DataError(f"--recordings {path}: cannot be read as a list ({one_line(exc)}); give a CSV") from exc
    heading = text.partition("\n")[0]
    rows = csv.DictReader(text.splitlines(), delimiter=max(",;\t", key=heading.count))
    columns = {name.strip().casefold(): name for name in rows.fieldnames or () if name}
    video = next((columns[name] for name in _COLUMNS if name in columns), None)
    if video is None:
        raise DataError(f"--recordings {path}: wanted a CSV with a column video; got {heading.strip()!r:.80}")
    person = next((columns[name] for name in _PEOPLE if name in columns), None)
    found: dict[Path, str] = {}
    for line, row in enumerate(rows, 2):
        cell = (row[video] or "").strip()
        source = path.parent / cell
        if not cell or not source.exists():
            raise DataError(f"{path}, line {line}: no video {cell!r}; correct the path, which is relative to the list")
        who = (row[person] or "").strip() if person else ""
        if found.setdefault(source, who) != who:
            raise DataError(f"{path}, line {line}: {cell} is of {who!r}, and of {found[source]!r} above; correct one")
    return list(found.items())


def _names(paths: Sequence[Path]) -> list[str]:
    """The last part of each path, or as many as tell it from the others."""
    parts, lengths = list(map(_parts, paths)), [1] * len(paths)
    while True:
        names = ["/".join(of[-n:]) for of, n in zip(parts, lengths, strict=True)]
        count = Counter(names)
        longer = [n + (count[name] > 1 and n < len(of)) for name, of, n in zip(names, parts, lengths, strict=True)]
        if longer == lengths:
            return names
        lengths = longer


def _parts(path: Path) -> tuple[str, ...]:
    return Path(os.path.abspath(path)).parts
