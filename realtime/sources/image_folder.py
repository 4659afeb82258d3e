"""Reads an image, or a folder of images as one recording."""

import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images, read_pictures
from knowledge_spreader.realtime.sources.reader import Intake, Pace, Picture
from knowledge_spreader.realtime.sources.source_spec import Target


class StillsReader:
    """Image i of a folder, in sorted order, has the time stamp i / image_rate seconds."""

    audio: Any = None
    finite = True

    def __init__(self, target: Target, intake: Intake, pace: Pace | None = None) -> None:
        path = Path(target.address)
        self._intake, self._pace, self._image_rate = intake, pace, target.image_rate
        self._folder = path if path.is_dir() else path.parent
        images = list_images(self._folder)
        self._wanted = (
            np.arange(len(images)) if path.is_dir() else np.array([i for i, p in enumerate(images) if p == path])
        )
        if not len(self._wanted):
            raise DataError(f"{target.name}: no images found there; check the path")
        self.rate: Fraction | None = target.image_rate
        self.duration_s: float | None = len(self._wanted) / float(target.image_rate)

    def pictures(self) -> Iterator[Picture]:
        time_base = 1 / self._image_rate
        for _, image in read_pictures(self._folder, self._wanted):
            index = self._intake.next_index()
            arrived_s = self._pace(float(index * time_base)) if self._pace else time.perf_counter()
            yield Picture(image, index, index, time_base, arrived_s)

    def close(self) -> None:
        """Nothing to close."""
