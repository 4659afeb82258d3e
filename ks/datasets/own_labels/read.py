"""Tells the format of a label file by its content, and reads it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from knowledge_spreader.datasets.manifest_header import plain_au, some
from knowledge_spreader.datasets.own_labels.bids import is_bids, read_bids
from knowledge_spreader.datasets.own_labels.boris import is_boris, read_boris
from knowledge_spreader.datasets.own_labels.contradictions import refuse_contradictions
from knowledge_spreader.datasets.own_labels.elan import read_elan
from knowledge_spreader.datasets.own_labels.log import read_log
from knowledge_spreader.datasets.own_labels.recordings import assign
from knowledge_spreader.datasets.own_labels.table import Heading, headings
from knowledge_spreader.datasets.own_labels.types import OwnLabels, Sheet
from knowledge_spreader.datasets.own_labels.wide import FRAME, TIME, is_openface, read_manifest, read_wide
from knowledge_spreader.errors import DataError, one_line

SUFFIXES = (".csv", ".tsv", ".txt", ".eaf", ".jsonl", ".ndjson")  # what is looked at in a folder
_HEAD_BYTES = 1 << 16


class _UnknownError(DataError):
    """No format that is read; in a folder such a file is passed over with a note."""


def read_own_labels(paths: Sequence[Path], recordings: Sequence[Path] = (), *, levels: bool = False) -> OwnLabels:
    """The labels of files, or of the files in folders. recordings: those that the labels are for, if they are known;
    each sheet is then given to the one that it names.
    levels: also what files of other programs tell of levels and sides, for levels_on_frames; then labels of one side
    and hand-made tables of intensities are read, too.

    Raises DataError, one line, with file and line where there is one, on anything that is not plain: no AU, a wrong
    value, a contradiction within a file, a name that may mean two recordings.
    """
    sheets: list[Sheet] = []
    notes: list[str] = []
    for path, of_folder in _files(paths):
        try:
            found, said = _read(path, levels)
        except _UnknownError as exc:
            if not of_folder:
                raise
            notes.append(f"passed over: {exc}")
            continue
        for sheet in found:
            refuse_contradictions(sheet)
        sheets += found
        notes += [f"{path}: {note}" for note in said]
    if not any(sheet.aus for sheet in sheets):
        raise DataError(f"{some([str(path) for path in paths])}: no label in there; {_WANTED}")
    if not recordings:
        return OwnLabels(tuple(sheets), tuple(notes))
    of_recordings, about_names = assign(sheets, recordings)
    return OwnLabels(tuple(sheets), (*notes, *about_names), of_recordings)


_WANTED = (
    "wanted a table with AU columns, an .eaf of ELAN with AU tiers, events of BORIS or BIDS, or the studio's label file"
)


def _files(paths: Sequence[Path]) -> Iterator[tuple[Path, bool]]:
    """(file, whether it was found in a folder), each file once."""
    seen = set()
    for path in paths:
        if path.is_dir():
            try:
                inside = sorted(path.iterdir())
            except OSError as exc:
                raise DataError(f"{path}: cannot list this folder ({one_line(exc)}); check its permissions") from exc
            files = [file for file in inside if file.suffix.lower() in SUFFIXES and file.name[0] != "."]
            if not files:
                raise DataError(f"{path}: no label file in this folder; {_WANTED}")
        elif path.is_file():
            files = [path]
        else:
            raise DataError(f"{path}: no such file or folder of labels; check the path")
        for file in files:
            if (real := file.resolve()) not in seen:
                seen.add(real)
                yield file, path.is_dir()


def _read(path: Path, levels: bool) -> tuple[list[Sheet], list[str]]:
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the path and its permissions") from exc
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if not start:
        raise DataError(f"{path}: this file is empty; {_WANTED}")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path}: this text is UTF-16; save it again as UTF-8 (in Excel: CSV UTF-8)")
    if b"\0" in head:
        raise DataError(f"{path}: this is no text but a binary file; {_WANTED}")
    if start == b"<":
        return read_elan(path, levels=levels)
    if start == b"{":
        if b'"au"' not in head and b"\n" in head.strip():
            raise _UnknownError(f"{path}: this JSON is no label file; of a BORIS project, export the events as TSV")
        return read_log(path)
    return _read_table(path, levels)


def _read_table(path: Path, levels: bool) -> tuple[list[Sheet], list[str]]:
    first: Heading | None = None
    for heading in headings(path):
        first = first or heading
        if is_boris(heading):  # it may write some lines above its header
            return read_boris(path, heading, levels=levels)
    if first is None:
        raise DataError(f"{path}: this file is empty; {_WANTED}")
    if "video" in first.names and ("frame" in first.names or any(plain_au(cell) for cell in first.cells)):
        return read_manifest(path, first)
    if is_bids(first):
        return read_bids(path, first, levels=levels)
    counted = first.column(*FRAME) >= 0 or first.column(*TIME) >= 0
    if counted and (is_openface(first.names) or any("au" in name for name in first.names)):
        return read_wide(path, first, levels=levels)
    if counted or any(plain_au(cell) is not None for cell in first.cells):
        missing = "no AU column" if counted else "no column frame or timestamp"
        raise _UnknownError(f"{path}, line {first.line}: {missing}; {_WANTED}")
    raise _UnknownError(f"{path}: this is no label file; {_WANTED}")
