"""The time of each decoded picture, also where its container gives none, or gives those of the coding order.

AVI has no presentation times: what is read from it are decoding times, and where B-frames are coded ahead of the
pictures before them, a picture's own packet has the wrong one. The k-th picture shown is then given the k-th smallest
decoding time, as FFmpeg's best effort is.
"""

import heapq
import itertools
from collections.abc import Sequence
from fractions import Fraction

LOOK_AHEAD = 4  # pictures that tell whether presentation times go back
_UNKNOWN = 10  # pictures without a time that a live stream may begin with
_MOST_HELD = 64  # decoding times; more means that the decoder dropped pictures


class FrameTimes:
    """Of one opened container; pts and dts are in units of its video stream's time base."""

    def __init__(self, rate: Fraction | None, *, by_decoding: bool = False) -> None:
        self._step_s = 1 / (rate or Fraction(25))
        self._by_decoding = by_decoding
        self._dts: list[int] = []  # a heap: of packets whose pictures were not shown yet
        self._known, self._since = 0, -1
        self._unknown = 0

    def sent(self, dts: int | None) -> None:
        """A packet goes to the decoder."""
        if dts is not None:
            heapq.heappush(self._dts, dts)
            if len(self._dts) > _MOST_HELD:
                heapq.heappop(self._dts)

    def lost(self, dts: int | None) -> None:
        """The packet gave no picture."""
        if dts in self._dts:
            self._dts.remove(dts)
            heapq.heapify(self._dts)

    def look(self, first_pts: Sequence[int | None]) -> None:
        """Before the first picture: presentation times that go back are no presentation times."""
        known = [pts for pts in first_pts if pts is not None]
        self._by_decoding |= any(later < earlier for earlier, later in itertools.pairwise(known))

    def may_wait(self) -> bool:
        """Streams often send a picture or two before they know the time; some never know it."""
        self._unknown += 1
        return self._since < 0 and self._unknown <= _UNKNOWN

    def shown(self, pts: int | None, time_base: Fraction) -> int:
        """The time of the next picture that the decoder hands out."""
        dts = heapq.heappop(self._dts) if self._dts else None
        if self._by_decoding and dts is not None:
            pts = dts
        if pts is not None:
            self._known, self._since = pts, 0
            return pts
        self._since += 1
        return self._known + round(self._since * self._step_s / time_base)
