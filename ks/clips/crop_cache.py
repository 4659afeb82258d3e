"""The crop cache: one entry per video with one row per frame; crops are read by row.

    <folder>/<key>/crops.u8     (T, side, side, 3) uint8; row i is video.frames[i]; zeros if no face was found
                   found.npy    (T,) bool
                   points.npy   (T, 6, 2) float32, smoothed key points; NaN without a face and for aligned pictures
                   meta.json    how it was made, and the rows whose pictures could not be read
    <folder>/no_face.csv        video,frame of each frame without a face, from the last run
    <folder>/unreadable.csv     video,frame,reason of each picture that could not be read, from the last run, if any

The key is a hash of everything that affects the crops. Entries are written atomically. Crops are not compressed, as in
live video, so reading needs no decoding.
"""

import csv
import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import U8, Bools
from knowledge_spreader.datasets.types import Video
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.face.alignment import CROP_VERSION
from knowledge_spreader.face.detector import OPENVINO
from knowledge_spreader.files import whole_file
from knowledge_spreader.frame_reader import is_turned_or_stretched, list_images

log = logging.getLogger(__name__)

_LAYOUT = 1  # version of an entry's files
_OPEN_FILES = 64  # per process


# ---- reading


@dataclass(frozen=True, slots=True, eq=False)
class VideoCrops:
    """The crops of one video. Row i belongs to video.frames[i]."""

    path: Path  # crops.u8
    side_px: int
    found: Bools  # (T,)
    unreadable: Mapping[int, str] = field(default_factory=dict)  # row -> why its picture could not be read

    def read(self, rows: npt.NDArray[np.integer]) -> U8:
        """The crops of rows (n,), in any order: (n, side, side, 3). Raises DataError if a row does not exist."""
        crops = np.empty((len(rows), self.side_px, self.side_px, 3), np.uint8)
        self.read_into(rows, crops)
        return crops

    def read_into(self, rows: npt.NDArray[np.integer], target: U8) -> None:
        """Fills target (n, side, side, 3), which must be contiguous, with the crops of rows (n,), in any order.

        Consecutive rows are read at once. The file is not memory-mapped, because the mapping would grow with use.
        Raises DataError if a row does not exist.
        """
        rows = np.asarray(rows)
        assert target.shape == (len(rows), self.side_px, self.side_px, 3), target.shape
        if not len(rows):
            return
        if rows.min() < 0 or rows.max() >= len(self.found):
            raise DataError(f"{self.path}: rows must be 0 to {len(self.found) - 1}; got {rows.min()} to {rows.max()}")
        file = _open(self.path)
        starts = [0, *(np.flatnonzero(np.diff(rows) != 1) + 1).tolist(), len(rows)]
        for start, end in pairwise(starts):
            file.read_into(target[start:end], int(rows[start]) * target[0].size)


class _File:
    """A file open for reading at any offset; closed when it is no longer referenced.

    It has no file position, so that forked processes can share it.
    """

    def __init__(self, path: Path) -> None:
        self._handle = -1
        try:
            self._handle = os.open(path, os.O_RDONLY)
        except OSError as exc:
            raise DataError(f"{path}: the crops cannot be read ({one_line(exc)}); run again to crop again") from exc
        self._path = path

    def __del__(self, close: Callable[[int], None] = os.close) -> None:
        if self._handle >= 0:
            close(self._handle)

    def read_into(self, target: U8, offset: int) -> None:
        left = target.data.cast("B")
        while left:
            n = os.preadv(self._handle, [left], offset)
            if not n:
                raise DataError(f"{self._path}: the crops end early; run again to crop again")
            left, offset = left[n:], offset + n


@lru_cache(maxsize=_OPEN_FILES)
def _open(path: Path) -> _File:
    return _File(path)


# ---- entries


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that affects the crops, besides the video."""

    side_px: int
    fps: float
    model_identity: str  # "": the pictures are aligned
    model: Path | None
    runtime: str = OPENVINO  # what runs the model; does not affect the crops

    @property
    def row_bytes(self) -> int:
        return self.side_px**2 * 3


@dataclass(frozen=True, slots=True)
class Entry:
    """The cache entry of a video, whether it exists or not."""

    video: Video
    recipe: Recipe
    path: Path  # the folder <key>

    @property
    def bytes(self) -> int:
        return len(self.video.frames) * self.recipe.row_bytes

    @property
    def meta(self) -> dict[str, Any]:
        """How the entry was made, for human readers."""
        video, recipe = self.video, self.recipe
        how = {"crop_version": CROP_VERSION, "face_model_sha256": recipe.model_identity, "fps": recipe.fps}
        return {
            "video": video.name,
            "source": str(video.source.resolve()),
            "frames": len(video.frames),
            "side_px": recipe.side_px,
            **(how if recipe.model else {"crop_version": 0}),
        }


def entry_of(video: Video, recipe: Recipe, folder: Path) -> Entry:
    """Raises DataError if the video's source cannot be read, or its frames are not in order."""
    if (np.diff(video.pictures) <= 0).any():
        raise DataError(f"{video.name}: the pictures of its frames must be in increasing order")
    how: list[Any] = [_LAYOUT, recipe.side_px]
    if recipe.model_identity:
        how += [CROP_VERSION, recipe.model_identity, float(recipe.fps), video.frames.tolist()]
    if is_turned_or_stretched(video.source):
        how += ["displayed"]  # distinguishes them from crops of the picture as stored
    what = [str(video.source.resolve()), stamp(video.source), video.pictures.tolist()]
    return Entry(video, recipe, folder / hashlib.sha256(json.dumps([how, what]).encode()).hexdigest())


def stamp(source: Path) -> list[tuple[str, int, int]]:
    """(name, size, mtime_ns) of the video, or of each image in the folder; differs if a file was changed."""
    try:
        stats = [(path.name, path.stat()) for path in (list_images(source) if source.is_dir() else (source,))]
    except OSError as exc:
        raise DataError(f"{exc.filename or source}: cannot be read ({one_line(exc)}); check the path") from exc
    return [(name, stat.st_size, stat.st_mtime_ns) for name, stat in stats]


def load(entry: Entry) -> VideoCrops | None:
    """The crops of an entry; None if there are none. Damaged entries are removed."""
    if not entry.path.is_dir():
        return None
    path = entry.path / "crops.u8"
    try:
        meta = json.loads((entry.path / "meta.json").read_bytes())
        unreadable = {int(row): str(why) for row, why in meta.get("unreadable", {}).items()}
        found = np.load(entry.path / "found.npy")
        size = path.stat().st_size
        if found.shape == entry.video.frames.shape and found.dtype == np.bool_ and size == entry.bytes:
            return VideoCrops(path, entry.recipe.side_px, found, unreadable)
        reason = f"{size} bytes instead of {entry.bytes}" if size != entry.bytes else "found.npy does not match"
    except (OSError, ValueError, EOFError, AttributeError) as exc:
        reason = str(exc)
    log.warning("%s: the crops of %s are damaged (%s); cropping again", entry.path, entry.video.name, reason)
    shutil.rmtree(entry.path)
    _open.cache_clear()  # close the removed file
    return None


# ---- the folder


def make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{folder}: cannot be created ({one_line(exc)}); choose another folder with --cache") from exc


def check_space(folder: Path, todo: Sequence[Entry]) -> None:
    """Raises DataError if the disk has too little space for the missing entries."""
    needed, free = sum(entry.bytes for entry in todo), shutil.disk_usage(folder).free
    if needed > free:
        frames = sum(len(entry.video.frames) for entry in todo)
        raise DataError(
            f"{folder}: crops of {frames} frames need {needed / 1e9:.1f} GB, {free / 1e9:.1f} GB are free; "
            "free space, or choose a folder on another disk with --cache"
        )


def write_left_out(folder: Path, videos: Sequence[Video], crops: Sequence[VideoCrops]) -> None:
    """Lists the frames without a face in no_face.csv, and those that could not be read in unreadable.csv."""
    lost = [
        (v.name, int(v.frames[row]), why)
        for v, c in zip(videos, crops, strict=True)
        for row, why in c.unreadable.items()
    ]
    unread = {(name, frame) for name, frame, _ in lost}
    faceless = [(v.name, frame) for v, c in zip(videos, crops, strict=True) for frame in v.frames[~c.found].tolist()]
    _write_table(folder / "no_face.csv", ("video", "frame"), [row for row in faceless if row not in unread])
    if lost:
        _write_table(folder / "unreadable.csv", ("video", "frame", "reason"), lost)
    else:
        (folder / "unreadable.csv").unlink(missing_ok=True)


def _write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    try:
        with whole_file(path) as unfinished, unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(header)
            writer.writerows(rows)
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); check --cache") from exc
