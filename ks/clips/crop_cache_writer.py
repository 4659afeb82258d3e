"""Writes entries of the crop cache atomically: a killed process leaves no partial entry.

Files are written to a draft folder <key>.tmp-<pid>-<random>/, which is then renamed. The writer, on any machine, holds
a lock on crops.u8; a draft without a lock is a leftover.
"""

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import BinaryIO

import numpy as np

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.clips.crop_cache import Entry
from knowledge_spreader.errors import DataError, one_line

_DRAFTS = "*.tmp-*/"


class Draft:
    """An unfinished entry; crops are added row by row."""

    def __init__(self, entry: Entry, folder: Path, crops: BinaryIO) -> None:
        n, side = len(entry.video.frames), entry.recipe.side_px
        self._entry, self._folder, self._crops = entry, folder, crops
        self._found = np.zeros(n, np.bool_)
        self._points = np.full((n, 6, 2), np.nan, np.float32)
        self._nothing = np.zeros((side, side, 3), np.uint8)
        self.unreadable: dict[int, str] = {}  # row -> why its picture could not be read
        self.rows = 0

    def add(self, crop: U8 | None, points: F64 | None, unreadable: str = "") -> None:
        """Adds the next row: a crop (side, side, 3) and its key points (6, 2); None if there is no face.

        unreadable: why the picture could not be read.
        """
        if unreadable:
            self.unreadable[self.rows] = unreadable
        self._crops.write((self._nothing if crop is None else crop).data)
        self._found[self.rows] = crop is not None
        self._points[self.rows] = np.nan if points is None else points
        self.rows += 1

    def finish(self) -> None:
        """Writes the other files and syncs all to disk."""
        self._crops.flush()
        np.save(self._folder / "found.npy", self._found)
        np.save(self._folder / "points.npy", self._points)
        meta = {**self._entry.meta, "found": int(self._found.sum()), "unreadable": self.unreadable}
        (self._folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")
        for path in [*self._folder.iterdir(), self._folder]:
            _sync(path)


@contextmanager
def writing(entry: Entry) -> Iterator[Draft]:
    """Yields a draft, which becomes the entry if the block succeeds. Raises DataError if it cannot be written."""
    folder: Path | None = None
    try:
        folder, crops = _new_folder(entry.path)
        with crops:
            draft = Draft(entry, folder, crops)
            yield draft
            draft.finish()
            try:
                folder.rename(entry.path)
            except OSError:
                if not entry.path.is_dir():  # another run made the same crops meanwhile
                    raise
        _sync(entry.path.parent)
    except OSError as exc:
        raise DataError(f"{entry.path.parent}: crops cannot be written ({one_line(exc)}); check --cache") from exc
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Removes the drafts of killed runs, which nobody has locked.

    A killed run may leave a draft without crops.u8; the file is created here, so that it can be locked.
    """
    for draft in folder.glob(_DRAFTS):
        with suppress(OSError), (draft / "crops.u8").open("ab") as file:  # BlockingIOError: it is being written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)


def rows_in_drafts(entries: Iterable[Entry]) -> int:
    """The number of rows written so far to the drafts of these entries."""
    by_name = {entry.path.name: entry for entry in entries}
    rows = 0
    for folder in {entry.path.parent for entry in by_name.values()}:
        for draft in folder.glob(_DRAFTS):
            entry = by_name.get(draft.name.partition(".")[0])
            with suppress(FileNotFoundError):  # just renamed
                rows += (draft / "crops.u8").stat().st_size // entry.recipe.row_bytes if entry else 0
    return rows


def _new_folder(entry: Path) -> tuple[Path, BinaryIO]:
    """A new draft folder beside the entry, and its crops.u8, open and locked."""
    while True:
        folder = entry.with_name(f"{entry.name}.tmp-{os.getpid()}-{token_hex(4)}")
        folder.mkdir()
        try:
            file = (folder / "crops.u8").open("wb")
        except FileNotFoundError:
            continue  # another run removed it as a leftover before it was locked
        with suppress(OSError):  # no locks on this file system: drafts of killed runs stay
            fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return folder, file
        file.close()  # as above


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
