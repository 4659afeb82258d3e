"""Reads an image, an animation, or a folder of images as one recording."""

import logging
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import OtherSizeError, list_images, picture_numbers, read_pictures
from knowledge_spreader.image_file import is_animation, read_animation
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Picture
from knowledge_spreader.realtime.sources.source_spec import Target

log = logging.getLogger(__name__)

_RATE = Fraction(25)  # of images without --rate
_MILLISECOND = Fraction(1, 1000)


class FolderReader:
    """Image i of a folder, in sorted order, has the time stamp i / rate seconds.

    An image that cannot be read, or is not of the recording's size, is a black picture with its reason. Raises
    DataError if there is no image, or none that can be read.
    """

    audio: Any = None
    finite = True

    def __init__(self, target: Target, intake: Intake, pace: Pace | None = None) -> None:
        path = Path(target.address)
        self._name, self._intake, self._pace = target.name, intake, pace
        self._folder = path if path.is_dir() else path.parent
        self._images = list_images(self._folder)
        all_images = range(len(self._images))
        self._wanted = np.array([i for i in all_images if path.is_dir() or self._images[i] == path], np.int64)
        if not len(self._wanted):
            raise DataError(f"{target.name}: no images found there; check the path")
        rate = target.rate or _RATE
        self._time_base = 1 / rate
        self.rate: Fraction | None = rate
        self.duration_s: float | None = len(self._wanted) / float(rate)
        self._say_gaps(path)

    def pictures(self) -> Iterator[Picture]:
        damaged: dict[int, DataError] = {}
        waiting = iter(self._wanted.tolist())
        black: np.ndarray | None = None
        for index, image in read_pictures(self._folder, self._wanted, damaged):
            black = np.zeros_like(image)
            while (place := next(waiting)) != index:
                yield self._lost(place, damaged[place], black)
            yield self._picture(image, self._images[index].name)
        for place in waiting:
            if black is None:
                raise DataError(f"{self._name}: none of its {len(damaged)} images can be used; {damaged[place]}")
            yield self._lost(place, damaged[place], black)

    def close(self) -> None:
        """Nothing to close."""

    def _picture(self, image: np.ndarray, file: str, unreadable: str = "") -> Picture:
        index = self._intake.next_index()
        arrived_s = self._pace(float(index * self._time_base)) if self._pace else time.perf_counter()
        return Picture(image, index, index, self._time_base, arrived_s, file=file, unreadable=unreadable)

    def _lost(self, place: int, error: DataError, black: np.ndarray) -> Picture:
        reason = "size" if isinstance(error, OtherSizeError) else "unreadable"
        if not self._intake.dropped[reason]:
            log.warning("%s", error)
        self._intake.dropped[reason] += 1
        return self._picture(black, self._images[place].name, reason)

    def _say_gaps(self, path: Path) -> None:
        if not path.is_dir():
            return
        try:
            numbers = picture_numbers(path)
        except DataError:  # two images with the same number: told apart by their names
            return
        steps = np.diff(numbers[numbers >= 0])
        usual = int(np.median(steps)) if len(steps) else 1
        gaps = np.flatnonzero(steps > usual)
        if len(gaps):
            first = self._images[int(gaps[0]) + int((numbers < 0).sum())].name
            said = "%s: %d gap(s) in the numbers of its images, the first after %s; they are read as consecutive"
            log.warning(said, self._name, len(gaps), first)


class AnimationReader:
    """An animated WebP, PNG or AVIF: all its pictures, with their own times."""

    audio: Any = None
    finite = True

    def __init__(self, target: Target, intake: Intake, pace: Pace | None = None) -> None:
        self._intake, self._pace = intake, pace
        self._shown = read_animation(Path(target.address))
        total_ms = sum(shown_ms for _, shown_ms in self._shown)
        self.rate: Fraction | None = Fraction(1000 * len(self._shown), total_ms)
        self.duration_s: float | None = total_ms / 1000

    def pictures(self) -> Iterator[Picture]:
        start_ms = 0
        for image, shown_ms in self._shown:
            arrived_s = self._pace(start_ms / 1000) if self._pace else time.perf_counter()
            yield Picture(image, self._intake.next_index(), start_ms, _MILLISECOND, arrived_s)
            start_ms += shown_ms

    def close(self) -> None:
        self._shown = ()


def is_animated(target: Target) -> bool:
    """Whether the target is one animated image. Raises DataError if it cannot be read."""
    path = Path(target.address)
    return path.is_file() and is_animation(path)
