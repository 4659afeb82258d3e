"""Ends a blocking read of PyAV from another thread.

ffmpeg asks ten times a second whether to give up. PyAV answers by comparing `time.monotonic()` with its time-out; there
is no other way to end a read early. We replace the clock that PyAV reads: in a thread that must stop, or whose time is
used up, it jumps ahead, so this read and all later ones time out at once. If a later PyAV uses another clock, a read
ends with its normal time-out, a few seconds later; nothing else changes.
"""

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import av.container.core

_LEAP_S = 1e6  # longer than any time-out
_ends: dict[int, tuple[Callable[[], bool], ...]] = {}  # by thread: ffmpeg's callback carries no other identity


@contextmanager
def interruptible(stop: threading.Event) -> Iterator[None]:
    """Inside this block, reads of this thread raise av.ExitError soon after `stop` is set."""
    with _ending(stop.is_set):
        yield


@contextmanager
def limited(seconds: float) -> Iterator[None]:
    """Inside this block, all reads together take at most `seconds`; PyAV's own time-out applies to each step."""
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
    """Replaces the module `time` in PyAV, which only calls monotonic()."""

    _leaps = itertools.count(1)

    @classmethod
    def monotonic(cls) -> float:
        over = any(end() for end in _ends.get(threading.get_ident(), ()))
        leaps = next(cls._leaps) if over else 0
        return time.monotonic() + leaps * _LEAP_S


setattr(av.container.core, "time", _Clock)  # noqa: B010  the name is missing in PyAV's stubs
