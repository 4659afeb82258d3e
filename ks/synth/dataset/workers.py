"""Renders the clips of a set in one or several processes, each with its own graphics context.

The first error, Ctrl-C or the parent's death ends all of them. Finished clips stay.
"""

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait as wait_for_handles
from multiprocessing.queues import Queue
from pathlib import Path

from knowledge_spreader.errors import KSError
from knowledge_spreader.opencv import cv2
from knowledge_spreader.synth.dataset.clip_files import Studio
from knowledge_spreader.synth.dataset.plan import Plan, Take

Jobs = Sequence[Sequence[Take]]  # one job is all clips of a person, whose head is loaded once
_TELL_EVERY = 10  # frames


def film_all(assets: Path, plan: Plan, out: Path, jobs: Jobs, workers: int, told: Callable[[int], None]) -> None:
    """Renders all clips. told(n) reports n more frames. Raises a worker's first error, or KSError if one is killed."""
    if min(workers, len(jobs)) > 1:
        _in_processes(assets, plan, out, jobs, min(workers, len(jobs)), told)
        return
    with Studio(assets, plan, out) as studio:
        for takes in jobs:
            for take in takes:
                studio.film(take, lambda: told(1))


def _in_processes(assets: Path, plan: Plan, out: Path, jobs: Jobs, workers: int, told: Callable[[int], None]) -> None:
    context = multiprocessing.get_context("spawn")  # a fork would copy a graphics driver's threads
    todo: Queue[Sequence[Take] | None] = context.Queue()
    news: Queue[int | str] = context.Queue()
    for job in [*jobs, *[None] * workers]:
        todo.put(job)
    crew = [
        context.Process(target=_work, args=(assets, plan, out, todo, news), daemon=True, name=f"synth-{k}")
        for k in range(workers)
    ]
    try:
        for process in crew:
            process.start()
        while any(process.is_alive() for process in crew):
            _tell(news, told, 0.2)
            killed = [process.exitcode for process in crew if process.exitcode]
            if killed:
                _tell(news, told, 0.2)
                raise KSError(f"a worker was killed ({killed[0]}), perhaps for memory; use fewer --workers")
        _tell(news, told, 0.2)
    finally:
        for process in crew:
            process.terminate()
            process.join()
        for line in (todo, news):
            line.close()
            line.cancel_join_thread()


def _tell(news: "Queue[int | str]", told: Callable[[int], None], wait_s: float) -> None:
    """Passes on the workers' progress. Raises KSError with the reason if a worker stopped."""
    try:
        said = news.get(timeout=wait_s)
        while True:
            if isinstance(said, str):
                raise KSError(said)
            told(said)
            said = news.get_nowait()
    except queue.Empty:
        return


def _work(assets: Path, plan: Plan, out: Path, todo: "Queue[Sequence[Take] | None]", news: "Queue[int | str]") -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches every process; the parent ends the workers
    parent = multiprocessing.parent_process()
    assert parent
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()
    cv2.setNumThreads(1)  # the workers share the cores
    drawn = 0

    def drew() -> None:
        nonlocal drawn
        drawn += 1
        if drawn % _TELL_EVERY == 0:
            news.put(_TELL_EVERY)

    try:
        with Studio(assets, plan, out) as studio:
            while (takes := todo.get()) is not None:
                for take in takes:
                    studio.film(take, drew)
    except KSError as exc:
        news.put(str(exc))
    news.put(drawn % _TELL_EVERY)


def _end_with(parent: int) -> None:
    """Ends this worker with its parent: a killed parent cannot end its workers."""
    wait_for_handles([parent])
    os._exit(1)
