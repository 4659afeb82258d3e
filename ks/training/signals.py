"""Signals: on SIGINT or SIGTERM a run finishes its step and saves its state; loader processes ignore them."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


def hear_no_signal(_: int) -> None:
    """Ignores signals in a loader process, so that a signal to the process group does not end it before the run.

    The process ends with its loader, or with its parent.
    """
    for heard in (signal.SIGINT, signal.SIGTERM):
        signal.signal(heard, signal.SIG_IGN)


@contextmanager
def stop_requested(world: int) -> Iterator[threading.Event]:
    """Yields an event that SIGINT and SIGTERM set, unless they are ignored. The run then stops after its step.

    With several processes, which would stop at different steps, signals are not handled.
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
