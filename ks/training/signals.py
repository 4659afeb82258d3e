"""Signals: a run ends after a whole step, its state saved; processes that read clips outlive them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def hear_no_signal(_: int) -> None:
    """For a process that reads clips: a signal to the whole group must not end it before the run has used its work.

    It ends with its loader, or when its parent is gone.
    """
    for heard in (signal.SIGINT, signal.SIGTERM):
        signal.signal(heard, signal.SIG_IGN)


@contextmanager
def stop_requested(world: int) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, unless they are ignored: a run ends after a whole step, its state saved.

    With several processes, which would stop at different steps, signals keep their meaning.
    """
    stop = threading.Event()
    if world > 1 or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN]
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in heard}
    try:
        yield stop
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
