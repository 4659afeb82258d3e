"""Stills: the picture of an index of a recording, exactly as ks/frame_reader.py counts and shows it.

A label belongs to a picture, so the picture that is shown must be the one that was analysed.
"""

import hashlib
import os
import threading
from collections import OrderedDict
from pathlib import Path
from typing import NamedTuple

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.image_file import ImageReader
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.sources.video.exact_video import ExactVideo, Still

_LAYOUT = 1  # of a table's file
_OPEN = 3  # recordings
_KEPT_BYTES = 1 << 28


class _Which(NamedTuple):
    """A recording as it is now."""

    path: str
    bytes: int
    mtime_ns: int


class Stills:
    """Thread-safe. Keeps the last recordings open, and pictures near those that were asked for."""

    def __init__(self, tables: Path | None = None, kept_bytes: int = _KEPT_BYTES) -> None:
        """tables: a folder for what is found out of each video, made if there is none; None: it is not kept."""
        self._tables, self._mutex = tables, threading.Lock()
        self._open: OrderedDict[_Which, _Opened] = OrderedDict()
        self._kept = _Kept(kept_bytes)

    def picture(self, path: Path, index: int) -> U8:
        """(H, W, 3) RGB. Raises DataError as read_pictures does: there is no such picture, or it is damaged."""
        if index < 0:
            raise DataError(f"{path}: picture {index} is wanted; they count from 0")
        which = _which(path)
        if (still := self._kept.get(which, index)) is None:
            opened = self._opened(which)
            with opened.mutex:  # who waited for it may find it kept
                if (still := self._kept.get(which, index)) is None:
                    near = opened.near(index)
                    self._kept.put(which, near)
                    still = near[index]
        return still.rgb()

    def jpeg(self, path: Path, index: int, width: int = 0, quality: int = 90) -> bytes:
        """The picture as a JPEG, no wider than `width` pixels; 0: as it is. Raises DataError like picture."""
        picture = self.picture(path, index)
        height, full = picture.shape[:2]
        bgr = cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
        if 0 < width < full:
            bgr = cv2.resize(bgr, (width, max(round(height * width / full), 1)), interpolation=cv2.INTER_AREA)
        return bytes(cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])[1])

    def check_times(self, path: Path, times_s: F64) -> bool:
        """Tells the times (T,) of all pictures that were decoded. Where they are not those that its packets promise,
        the recording is read from its beginning from now on: slow, and certain. Whether they are."""
        which = _which(path)
        opened = self._opened(which)
        with opened.mutex:
            same = opened.check_times(times_s)
        if not same:
            self._kept.forget(which)
        return same

    def close(self) -> None:
        with self._mutex:
            for opened in self._open.values():
                opened.close()
            self._open.clear()

    def _opened(self, which: _Which) -> "_Opened":
        with self._mutex:
            opened = self._open.pop(which, None) or _Opened(Path(which.path), self._table_file(which))
            self._open[which] = opened
            over = [self._open.popitem(last=False)[1] for _ in range(len(self._open) - _OPEN)]
        for old in over:
            old.close()
        return opened

    def _table_file(self, which: _Which) -> Path | None:
        name = hashlib.sha256(f"{_LAYOUT} {tuple(which)}".encode(errors="surrogatepass")).hexdigest()[:32]
        return self._tables / f"{name}.npz" if self._tables else None


class _Opened:
    """A recording: a video, or a folder of images. To be used with its mutex; close() takes it itself."""

    def __init__(self, path: Path, table_file: Path | None) -> None:
        self.mutex, self._path = threading.Lock(), path
        self._images = list_images(path) if path.is_dir() else ()
        self._video = None if path.is_dir() else ExactVideo(path, table_file)

    def near(self, index: int) -> dict[int, Still]:
        if self._video is not None:
            return self._video.near(index)
        if index >= len(self._images):
            raise DataError(f"{self._path}: picture {index} is wanted, but the folder has {len(self._images)}")
        return {index: Still(ImageReader().read(self._images[index]))}

    def check_times(self, times_s: F64) -> bool:
        return len(times_s) == len(self._images) if self._video is None else self._video.check_times(times_s)

    def close(self) -> None:
        with self.mutex:
            if self._video is not None:
                self._video.close()


class _Kept:
    """The pictures that were used last, up to a number of bytes."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._bytes, self._mutex = most_bytes, 0, threading.Lock()
        self._stills: OrderedDict[tuple[_Which, int], Still] = OrderedDict()

    def get(self, which: _Which, index: int) -> Still | None:
        with self._mutex:
            if (which, index) in self._stills:
                self._stills.move_to_end((which, index))
            return self._stills.get((which, index))

    def put(self, which: _Which, stills: dict[int, Still]) -> None:
        with self._mutex:
            for index, still in stills.items():
                self._drop((which, index))
                self._stills[which, index] = still
                self._bytes += still.nbytes
            while self._bytes > self._most and len(self._stills) > 1:
                self._drop(next(iter(self._stills)))

    def forget(self, which: _Which) -> None:
        with self._mutex:
            for key in [key for key in self._stills if key[0] == which]:
                self._drop(key)

    def _drop(self, key: tuple[_Which, int]) -> None:
        if (old := self._stills.pop(key, None)) is not None:
            self._bytes -= old.nbytes


def _which(path: Path) -> _Which:
    try:
        about = path.stat()
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the path") from exc
    return _Which(os.path.abspath(path), about.st_size, about.st_mtime_ns)
