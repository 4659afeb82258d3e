"""Which recording a sheet is about: the path that the file names, else the file name, else the stem.

A path is relative to the label file. A path that exists means that recording alone, so that `b/clip.mp4` never gets the
labels of `a/clip.mp4`. A file without a name for its recording is named like it: clip.csv belongs to clip.mp4.
"""

import os
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from knowledge_spreader.datasets.own_labels.types import Sheet
from knowledge_spreader.errors import DataError

_BY_PATH, _BY_NAME, _BY_STEM = 0, 1, 2


class Names:
    """Recordings by path, name and stem."""

    def __init__(self, recordings: Iterable[Path]) -> None:
        self._levels: tuple[dict[str, list[Path]], ...] = ({}, {}, {})
        for recording in dict.fromkeys(recordings):
            stem = recording.name if recording.is_dir() else recording.stem
            beside = _beside(recording, stem)
            keys = ((os.path.realpath(recording), beside), (_same(recording.name),), (_same(stem),))
            for level, of_level in zip(self._levels, keys, strict=True):
                for key in of_level:
                    level.setdefault(key, []).append(recording)

    def find(self, sheet: Sheet) -> tuple[int, list[Path]]:
        """How the sheet names a recording, and all that it may mean."""
        for level, key in _keys(sheet):
            if found := self._levels[level].get(key):
                return level, found
        return _BY_STEM, []


def assign(
    sheets: Sequence[Sheet], recordings: Sequence[Path]
) -> tuple[dict[Path, tuple[Sheet, ...]], tuple[str, ...]]:
    """The sheets of each recording, and a note on recordings without labels and labels without a recording.

    Raises DataError if a name may mean two recordings, or two names in one file the same one.
    """
    names = Names(recordings)
    given: dict[Path, list[tuple[int, Sheet]]] = {recording: [] for recording in recordings}
    left: list[str] = []
    for sheet in sheets:
        level, found = names.find(sheet)
        if len(found) > 1:
            raise DataError(
                f"{_named(sheet)} may be {found[0]} or {found[1]}; write the path, relative to the label file, or "
                "rename one"
            )
        if found:
            given[found[0]].append((level, sheet))
        else:
            left.append(_named(sheet))
    chosen = {recording: _best_of_each_file(recording, found) for recording, found in given.items()}
    notes = []
    if left := list(dict.fromkeys(left)):
        notes.append(f"labels of recordings that are not among those given: {len(left)}, e.g. {left[0]}")
    if without := [recording for recording, found in chosen.items() if not found]:
        notes.append(f"recordings without labels: {len(without)} of {len(recordings)}, e.g. {without[0]}")
    return chosen, tuple(notes)


def sheets_of(
    recordings: Mapping[Path, tuple[Sheet, ...]] | None, sheets: Sequence[Sheet], recording: Path
) -> tuple[Sheet, ...]:
    """The sheets of one recording; without assigned recordings, as if it were the only one."""
    if recordings is None:
        return assign(sheets, [recording])[0][recording]
    if recording not in recordings:
        raise DataError(f"{recording} is not among the recordings that the labels were read for; name it there, too")
    return recordings[recording]


def _best_of_each_file(recording: Path, found: list[tuple[int, Sheet]]) -> tuple[Sheet, ...]:
    chosen: list[Sheet] = []
    for file in dict.fromkeys(sheet.file for _, sheet in found):
        here = [(level, sheet) for level, sheet in found if sheet.file == file]
        best = min(level for level, _ in here)
        mine = [sheet for level, sheet in here if level == best]
        for other in mine[1:]:
            same = best == _BY_PATH or _spelled(other) == _spelled(mine[0])
            if not same or other.video != mine[0].video:
                two = f"{mine[0].recording!r} and {other.recording!r}"
                raise DataError(f"{file}: {two} may both be {recording}; write its path, relative to the label file")
        chosen += mine
    return tuple(chosen)


def _keys(sheet: Sheet) -> list[tuple[int, str]]:
    if not sheet.recording:
        stem = _same(sheet.file.stem)
        return [(_BY_PATH, _beside(sheet.file, sheet.file.stem)), (_BY_NAME, stem), (_BY_STEM, stem)]
    spellings = (sheet.recording, sheet.recording.replace("\\", "/"))
    paths = [os.path.realpath(os.path.join(sheet.file.parent, text)) for text in spellings]
    by_path = [(_BY_PATH, path) for path in paths]
    if any(map(os.path.exists, paths)):
        return by_path
    name = _same(_spelled(sheet).rsplit("/", 1)[-1])
    return [*by_path, (_BY_NAME, name), (_BY_STEM, name), (_BY_STEM, _same(Path(name).stem))]


def _beside(path: Path, stem: str) -> str:
    """What a recording and the label file beside it that is named like it have in common; no path itself."""
    return os.path.join(os.path.realpath(path.parent), _same(stem), "*")


def _spelled(sheet: Sheet) -> str:
    return os.path.normpath(sheet.recording.replace("\\", "/"))


def _same(name: str) -> str:
    """One spelling of a name: macOS writes letters with marks in two pieces, Windows does not mind capitals."""
    return unicodedata.normalize("NFC", name).casefold()


def _named(sheet: Sheet) -> str:
    return f"{sheet.recording!r} in {sheet.file}" if sheet.recording else str(sheet.file)
