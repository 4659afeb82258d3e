"""Pictures: the newest JPEG picture of a stream, decoded when it is taken."""

import threading
from collections import Counter
from fractions import Fraction

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.serve.intake.picture import JPEG, decode
from knowledge_spreader.realtime.types import Frame, Stream

REPEATED, BUSY, UNDECODABLE = "repeated", "busy", "undecodable"  # causes of drops, of which the first two are Capture's


class Pictures:
    """put() is called by one thread, take() by another. `news` is that of the slot."""

    ended = False

    def __init__(self, stream: Stream, news: threading.Condition, *, most_px: int, bad_in_a_row: int) -> None:
        self.stream, self.received = stream, 0
        self._news, self._most_px, self._bad_in_a_row = news, most_px, bad_in_a_row
        self._newest: tuple[bytes, float, int, float] | None = None  # with its time_s, index and captured_s
        self._last_s: float | None = None
        self._lost, self._undecodable = Counter({REPEATED: 0, BUSY: 0}), 0
        self._bad = 0  # in a row

    @property
    def waiting(self) -> bool:
        return self._newest is not None

    @property
    def dropped(self) -> Counter[str]:
        return self._lost + Counter({UNDECODABLE: self._undecodable})

    async def put(self, data: bytes, time_s: float, captured_s: float) -> None:
        """A picture that came. One whose time does not increase is dropped. Raises DataError after many."""
        index, self.received = self.received, self.received + 1
        if self._last_s is not None and time_s <= self._last_s:
            self._lost[REPEATED] += 1
            self._bad += 1
            if self._bad >= self._bad_in_a_row:
                raise DataError(f"the times of {self._bad} pictures in a row do not increase; send seconds that do")
            return
        self._last_s = time_s
        with self._news:
            self._lost[BUSY] += self._newest is not None
            self._newest = data, time_s, index, captured_s
            self._news.notify_all()

    def take(self) -> Frame | None:
        """The newest, decoded; None if it cannot be. Raises DataError after many that cannot."""
        with self._news:
            newest, self._newest = self._newest, None
        if newest is None:
            return None
        data, time_s, index, captured_s = newest
        try:
            if not data.startswith(JPEG):
                raise DataError("this is not a JPEG picture; send 8 bytes of time, then one whole JPEG file")
            image = decode(data, self._most_px)
        except DataError as exc:
            self._undecodable += 1
            self._bad += 1
            if self._bad >= self._bad_in_a_row:
                raise DataError(f"{self._bad} pictures in a row cannot be used; the last one: {exc}") from exc
            return None
        self._bad = 0
        pts, unit = time_s.as_integer_ratio()  # exact
        return Frame(image, self.stream, index, pts, Fraction(1, unit), captured_s)
