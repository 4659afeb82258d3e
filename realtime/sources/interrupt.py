"""Ends a read of PyAV that blocks, from another thread.

ffmpeg asks ten times a second whether to give up. PyAV answers by a clock: it compares its time-out with
`time.monotonic()` and offers nothing to make it end earlier. Here its clock leaps ahead at each look in a thread that
shall stop or has used up its time, and so the read ends as if it had timed out, and each later one too. Should PyAV
come to ask another clock, the read ends with its time-out instead, a few seconds later; nothing else changes.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av.container.core

_LEAP_S = 1e6  # longer than any time-out
_ends: dict[int, tuple[Callable[[], bool], ...]] = {}  # by thread; ffmpeg's callback carries nothing else to go by


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Within, reads of this thread raise av.ExitError soon after `stop` is set."""
    with _ending(stop.is_set):
        yield


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Within, all reads of this thread together take no longer: PyAV's time-outs are for each step alone."""
    end_s = time.monotonic() + seconds
    with _ending(lambda: time.monotonic() > end_s):
        yield


@contextmanager
def _ending(over: Callable[[], bool]) -> Iterator[None]:
    thread = threading.get_ident()
    before = _ends.get(thread, ())
    _ends[thread] = (*before, over)
    try:
        yield
    finally:
        if before:
            _ends[thread] = before
        else:
            del _ends[thread]


class _Clock:
    """What PyAV uses of the module `time`."""

    _leaps = itertools.count(1)

    @classmethod
    def monotonic(cls) -> float:
        over = any(end() for end in _ends.get(threading.get_ident(), ()))
        leaps = next(cls._leaps) if over else 0
        return time.monotonic() + leaps * _LEAP_S


setattr(av.container.core, "time", _Clock)  # noqa: B010  the name is not in its stubs
