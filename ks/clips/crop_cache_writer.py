"""An entry of the crop cache while it is written: a kill leaves a whole entry or none.

Its files are written to <key>.tmp-<pid>-<random>/, which is then renamed. A lock on crops.u8 says that the writer
lives, on whichever machine; a draft that nobody locks is a leftover.
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
    """Takes the crops of an entry, row by row."""

    def __init__(self, entry: Entry, folder: Path, crops: BinaryIO) -> None:
        n, side = len(entry.video.frames), entry.recipe.side_px
        self._entry, self._folder, self._crops = entry, folder, crops
        self._found = np.zeros(n, np.bool_)
        self._points = np.full((n, 6, 2), np.nan, np.float32)
        self._nothing = np.zeros((side, side, 3), np.uint8)
        self.rows = 0

    def add(self, crop: U8 | None, points: F64 | None) -> None:
        """The next row: a crop (side, side, 3) and its key points (6, 2), where there are any."""
        self._crops.write((self._nothing if crop is None else crop).data)
        self._found[self.rows] = crop is not None
        self._points[self.rows] = np.nan if points is None else points
        self.rows += 1

    def finish(self) -> None:
        """Writes what is not crops, and all to disk."""
        self._crops.flush()
        np.save(self._folder / "found.npy", self._found)
        np.save(self._folder / "points.npy", self._points)
        meta = {**self._entry.meta, "found": int(self._found.sum())}
        (self._folder / "meta.json").write_text(json.dumps(meta))
        for path in [*self._folder.iterdir(), self._folder]:
            _sync(path)


@contextmanager
def writing(entry: Entry) -> Iterator[Draft]:
    """A draft that becomes the entry when all went well and vanishes when not. Raises DataError on a full disk."""
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
                if not entry.path.is_dir():  # else another run made the same crops meanwhile
                    raise
        _sync(entry.path.parent)
    except OSError as exc:
        raise DataError(f"{entry.path.parent}: crops cannot be written ({one_line(exc)}); check --cache") from exc
    finally:
        if folder:
            shutil.rmtree(folder, ignore_errors=True)


def remove_leftovers(folder: Path) -> None:
    """Removes the drafts of runs that were killed: nobody holds their lock.

    A run that was killed between two steps may have left a folder without crops.u8; it is made then, to be locked.
    """
    for draft in folder.glob(_DRAFTS):
        with suppress(OSError), (draft / "crops.u8").open("ab") as file:  # BlockingIOError: it is being written
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(draft, ignore_errors=True)


def rows_in_drafts(entries: Iterable[Entry]) -> int:
    """How many rows of unfinished entries are written."""
    by_name = {entry.path.name: entry for entry in entries}
    rows = 0
    for folder in {entry.path.parent for entry in by_name.values()}:
        for draft in folder.glob(_DRAFTS):
            entry = by_name.get(draft.name.partition(".")[0])
            with suppress(FileNotFoundError):  # renamed this moment
                rows += (draft / "crops.u8").stat().st_size // entry.recipe.row_bytes if entry else 0
    return rows


def _new_folder(entry: Path) -> tuple[Path, BinaryIO]:
    """A folder beside the entry, and its crops.u8, open and locked."""
    while True:
        folder = entry.with_name(f"{entry.name}.tmp-{os.getpid()}-{token_hex(4)}")
        folder.mkdir()
        try:
            file = (folder / "crops.u8").open("wb")
        except FileNotFoundError:
            continue  # before it was locked, another run took it for a leftover
        with suppress(OSError):  # a file system without locks: drafts of killed runs stay
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
