"""The stills policy: each image of a folder is a photograph, a recording of its own, of any size.

Frame i is the i-th image of list_images(folder), with its file's name. A photograph has no time: pts is 0.
"""

import logging
import time
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import list_images
from knowledge_spreader.image_file import ImageReader
from knowledge_spreader.realtime.sources.reader import Intake
from knowledge_spreader.realtime.sources.recorded import damage
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.types import Frame, Stream

log = logging.getLogger(__name__)

_BLACK = np.zeros((240, 320, 3), np.uint8)  # stands for an image that cannot be read
_NO_TIME = Fraction(1)


class Photographs:
    """The photographs of one source: an image file or a folder of them. Nothing is read ahead.

    An image that cannot be read is a black frame with its reason; `loss` then says how many there were.
    """

    def __init__(self, target: Target, number: int = 0) -> None:
        path = Path(target.address)
        self._images = list_images(path) if path.is_dir() else (path,)
        self._intake = Intake()
        self.stream = Stream(target.name, number, path=target.path, stills=len(self._images))
        self.loss = ""

    @property
    def received(self) -> int:
        return self._intake.received

    @property
    def dropped(self) -> Counter[str]:
        return Counter(self._intake.dropped)

    def __enter__(self) -> "Photographs":
        return self

    def __exit__(self, *exc: object) -> None:
        """Nothing to close."""

    def frames(self) -> Iterator[Frame]:
        """The photographs in order. Call it once."""
        for path in self._images:
            index, reason = self._intake.next_index(), ""
            try:
                image = ImageReader().read(path)  # a new one: the bits of a photograph are its own
            except DataError as exc:
                image, reason = _BLACK, "unreadable"
                if not self._intake.dropped[reason]:
                    log.warning("%s", exc)
                self._intake.dropped[reason] += 1
            yield Frame(
                image, self.stream, index, 0, _NO_TIME, time.perf_counter(), picture=path.name, unreadable=reason
            )
        self.loss = "; ".join(damage(self.stream.name, self._intake))
        if self.loss:
            log.warning("%s", self.loss)
