"""The times of pictures whose container has none: raw H.264 or MJPEG, as files or as streams.

a live stream   a picture's time is that of its arrival
a recording     picture i has the time i / rate
"""

import logging
from fractions import Fraction

log = logging.getLogger(__name__)

_MICROSECOND = Fraction(1, 1_000_000)
_WAITED_S = 0.010  # a read that takes longer found the queue empty: the packet was sent just now
_RATE = Fraction(25)


class Clockless:
    """Of one opened container. arrives: it is a live stream. asked: the rate is that of --rate."""

    def __init__(self, name: str, rate: Fraction | None, *, arrives: bool, asked: bool) -> None:
        self._name, self._arrives, self._asked = name, arrives, asked
        self._step = 1 / (rate or _RATE)
        self._start_s: float | None = None
        self._last = -1
        self._packets = 0
        self._sender_s = 0.0
        self._waited: tuple[int, float] | None = None  # the first packet that was waited for: its number and time

    def sent(self, now_s: float, waited_s: float) -> float:
        """A packet was read. Returns the time, in seconds, at which it was sent: of a recording, when it is due."""
        self._packets += 1
        if not self._arrives:
            return float((self._packets - 1) * self._step)
        if waited_s > _WAITED_S:
            self._sender_s = now_s
            self._learn_step(now_s)
        else:
            self._sender_s = now_s if self._packets == 1 else min(self._sender_s + float(self._step), now_s)
        return self._sender_s

    def _learn_step(self, now_s: float) -> None:
        """The stream's own rate may be wrong or missing: packets that were waited for tell how fast it comes."""
        if self._waited is None:
            self._waited = self._packets, now_s
            return
        packets = self._packets - self._waited[0]
        self._step = Fraction((now_s - self._waited[1]) / packets)

    def shown(self, index: int, arrived_s: float) -> tuple[int, Fraction]:
        """(pts, time base) of picture `index` of the source."""
        if self._start_s is None:
            self._start_s = arrived_s
            if self._arrives:
                log.info("%s: the stream has no times; a frame's time is that of its arrival", self._name)
        elif self._last == 0 and not self._arrives and not self._asked:
            said = "%s: the video has no times; it is read at %.4g frames per second, --rate sets another rate"
            log.warning(said, self._name, 1 / self._step)
        if not self._arrives:
            self._last = index
            return index, self._step
        self._last = max(self._last + 1, round((arrived_s - self._start_s) * 1e6))
        return self._last, _MICROSECOND
