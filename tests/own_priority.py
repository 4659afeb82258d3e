"""Encoders that change the priority of whoever calls them."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def own_priority() -> Iterator[None]:
    """The calling thread has its own scheduling again at the end, whatever a library gave it in between.

    SVT-AV1 gives the thread that calls it the highest real-time priority where it may, as root. Each process and each
    thread begun later would inherit it: everything else on the machine would be left 5 % of the processor.
    """
    if not hasattr(os, "sched_setscheduler"):  # not Linux: it changes nothing there
        yield
        return
    policy, level = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, policy, level)


def check_own_priority() -> None:
    """Fails where this thread was left a real-time priority, after taking it away."""
    if hasattr(os, "sched_getscheduler") and os.sched_getscheduler(0) in (os.SCHED_FIFO, os.SCHED_RR):
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))
        pytest.fail("a library gave this thread a real-time priority: use own_priority() around what calls it")
