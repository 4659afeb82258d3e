"""Ends a read of PyAV that blocks, from another thread.

ffmpeg asks ten times a second whether to give up. PyAV answers by a clock: it compares its time-out with
`time.monotonic()` and offers nothing to make it end earlier. Here its clock leaps ahead at each look in a thread that
shall stop, and so the read ends as if it had timed out, and each later one too. Should PyAV come to ask another clock,
the read ends with its time-out instead, a few seconds later; nothing else changes.
"""

import itertools
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import av.container.core

_LEAP_S = 1e6  # longer than any time-out
_stops: dict[int, threading.Event] = {}  # by thread; the callback carries nothing else to find its owner by


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Within, reads of this thread raise av.ExitError soon after `stop` is set."""
    thread = threading.get_ident()
    _stops[thread] = stop
    try:
        yield
    finally:
        del _stops[thread]


class _Clock:
    """What PyAV uses of the module `time`."""

    _leaps = itertools.count(1)

    @classmethod
    def monotonic(cls) -> float:
        stop = _stops.get(threading.get_ident())
        leaps = next(cls._leaps) if stop is not None and stop.is_set() else 0
        return time.monotonic() + leaps * _LEAP_S


setattr(av.container.core, "time", _Clock)  # noqa: B010  the name is not in its stubs
