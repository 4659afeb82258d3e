"""ExactVideo: any picture of a video file by its index, the one that ks/frame_reader.py gives.

Where packets tell which picture is where (packet_table.py), decoding begins at the key frame before it. Elsewhere, or
once a file is not as its table says, it is read from its beginning: certain, and slow the first time.
"""

import logging
from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np

from knowledge_spreader.arrays import F64, U8
from knowledge_spreader.displayed import displayed
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import whole_file
from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.sources.video.packet_table import PacketTable, make_table
from knowledge_spreader.realtime.sources.video.picture_at import NotExactError, PictureAt

log = logging.getLogger(__name__)

_AT_ONCE = 4096  # pictures of one reading from the beginning
_BACK = 12  # pictures before the wanted one that are given too
_SAME_S = 1e-6


class Still(NamedTuple):
    """A picture, converted only when it is shown."""

    picture: U8 | av.VideoFrame
    pixel_aspect: Fraction | None = None

    def rgb(self) -> U8:
        """(H, W, 3)"""
        return displayed(self.picture, self.pixel_aspect) if isinstance(self.picture, av.VideoFrame) else self.picture

    @property
    def nbytes(self) -> int:
        if isinstance(self.picture, av.VideoFrame):
            return sum(plane.buffer_size for plane in self.picture.planes)
        return self.picture.nbytes


class ExactVideo:
    """Not thread-safe."""

    def __init__(self, path: Path, table_file: Path | None = None) -> None:
        """table_file: where the table is kept, so that it is made once; None: it is not."""
        self._path, self._table_file = path, table_file
        self._found: PacketTable | None = None
        self._quick: PictureAt | None = None
        self._slow = _FromBeginning(path)

    def near(self, index: int) -> dict[int, Still]:
        """The picture `index` and some beside it. Raises DataError as read_pictures does: damaged, or not there."""
        table = self._table()
        if table.why_not:
            return self._slow.near(index)
        if index >= table.pictures:
            raise DataError(
                f"{self._path}: picture {index} is wanted, but only {table.pictures} can be decoded; copy it again or "
                "re-encode it"
            )
        try:
            quick = self._quick = self._quick or PictureAt(self._path, table)
            return {at: Still(frame, quick.pixel_aspect) for at, frame in quick.around(index).items()}
        except NotExactError as exc:
            self._distrust(str(exc))
            return self._slow.near(index)

    def check_times(self, times_s: F64) -> bool:
        """Whether the table agrees with the times (T,) of all pictures that were decoded. If not, it is given up."""
        table = self._table()
        same = not table.why_not and table.pictures == len(times_s)
        if same and table.timed:
            same = bool(np.abs(table.shown * table.unit_s - times_s).max(initial=0) < _SAME_S)
        if not same and not table.why_not:
            self._distrust("its pictures have other times than its packets")
        return same

    def close(self) -> None:
        if self._quick is not None:
            self._quick.close()
            self._quick = None
        self._slow.close()

    def _distrust(self, why: str) -> None:
        self.close()
        self._found = PacketTable(0, why_not=why)
        self._keep(self._found)

    def _table(self) -> PacketTable:
        if self._found is None and self._table_file is not None:
            try:
                self._found = PacketTable.load(self._table_file)
            except (OSError, ValueError) as exc:
                log.debug("%s: no table yet (%s)", self._path, one_line(exc))
        if self._found is None:
            self._found = make_table(self._path)
            self._keep(self._found)
        return self._found

    def _keep(self, table: PacketTable) -> None:
        if table.why_not:
            log.info("%s: its pictures are read from the beginning (%s)", self._path, table.why_not)
        if self._table_file is None:
            return
        try:
            self._table_file.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(self._table_file) as unfinished:
                table.save(unfinished)
        except OSError as exc:  # it is made again the next time
            log.warning("%s cannot be written (%s)", self._table_file, one_line(exc))


class _FromBeginning:
    """Reads with read_pictures, and stays where it was: the next pictures come without a new start."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._damaged: dict[int, DataError] = {}
        self._pictures: Generator[tuple[int, U8], None, None] | None = None
        self._next = self._end = 0

    def near(self, index: int) -> dict[int, Still]:
        if self._pictures is None or not self._next <= index < self._end:
            self._begin(max(index - _BACK, 0))
        assert self._pictures is not None
        found: dict[int, Still] = {}
        try:
            for at, picture in self._pictures:
                self._next = at + 1
                found[at] = Still(picture)
                found.pop(at - _BACK - 1, None)
                if at >= index:
                    break
            else:
                self._pictures = None
        except DataError:  # nothing can be read any more; who asks again is told so again
            self._pictures = None
            raise
        if index not in found:
            raise self._damaged[index]
        return found

    def _begin(self, first: int) -> None:
        self.close()
        self._next, self._end = first, first + _AT_ONCE
        wanted = np.arange(self._next, self._end)
        self._pictures = (pair for pair in read_pictures(self._path, wanted, self._damaged))

    def close(self) -> None:
        if self._pictures is not None:
            self._pictures.close()
        self._pictures, self._damaged = None, {}
