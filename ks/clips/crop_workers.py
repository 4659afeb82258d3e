"""Crops many videos in one or several processes. All stop on the first error, on Ctrl-C, or if the parent dies."""

import logging
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from itertools import count
from multiprocessing.connection import wait as wait_for_handles

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from knowledge_spreader.clips.crop_cache import Entry
from knowledge_spreader.clips.crop_cache_writer import remove_leftovers, rows_in_drafts
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import KSError
from knowledge_spreader.opencv import cv2

log = logging.getLogger(__name__)

CropVideo = Callable[[Entry, Callable[[], None]], None]  # writes an entry and calls the function after each frame


def crop_all(crop_video: CropVideo, todo: Sequence[Entry], workers: int, progress: bool) -> None:
    """Writes the entries. Raises the first error of crop_video, or KSError if a process was killed."""
    frames, started = sum(len(entry.video.frames) for entry in todo), time.perf_counter()
    with _progress_bar(frames, progress) as show:
        if workers > 1 and len(todo) > 1:
            with _ctrl_c_noted() as ctrl_c:
                _in_processes(crop_video, todo, min(workers, len(todo)), show, ctrl_c)
        else:
            ticks = count(1)
            for entry in todo:
                crop_video(entry, lambda: show(next(ticks)))
    took_s = time.perf_counter() - started
    log.info("cropped %d frames of %d videos in %.1f s, %.0f frames/s", frames, len(todo), took_s, frames / took_s)


def _in_processes(
    crop_video: CropVideo, todo: Sequence[Entry], workers: int, show: Callable[[int], None], ctrl_c: threading.Event
) -> None:
    others = set(multiprocessing.active_children())
    context = multiprocessing.get_context("spawn")  # fork would copy locks held by other threads
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    running: dict[Future[None], Entry] = {}
    done = 0
    try:
        with _without_ctrl_c():  # submit may start a process
            for entry in sorted(todo, key=lambda entry: -entry.bytes):
                running[pool.submit(crop_video, entry, _no_tick)] = entry
        while running and not ctrl_c.is_set():
            for finished in wait(running, timeout=0.2, return_when=FIRST_COMPLETED).done:
                finished.result()
                done += len(running.pop(finished).video.frames)
            show(done + rows_in_drafts(running.values()))
    except BrokenProcessPool as exc:
        raise KSError(
            f"a cropping process was killed, perhaps out of memory; use fewer than {workers} --workers"
        ) from exc
    finally:
        if running:
            for worker in set(multiprocessing.active_children()) - others:
                worker.terminate()
        pool.shutdown(cancel_futures=True)
        remove_leftovers(todo[0].path.parent)


@contextmanager
def _ctrl_c_noted() -> Iterator[threading.Event]:
    """Ctrl-C sets an event, and raises KeyboardInterrupt at the end of the block; a second Ctrl-C raises it at once.

    An exception elsewhere could leave a lock of the pool held, and the shutdown of the pool would hang.
    """
    noted = threading.Event()
    main_thread = threading.current_thread() is threading.main_thread()
    if not main_thread or signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # background jobs ignore Ctrl-C
        yield noted
        return

    def note(*_: object) -> None:
        signal.signal(signal.SIGINT, before)
        noted.set()

    before = signal.signal(signal.SIGINT, note)
    try:
        yield noted
    finally:
        signal.signal(signal.SIGINT, before)
        if noted.is_set():
            signal.raise_signal(signal.SIGINT)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Blocks SIGINT: processes started here never get it, this process gets it afterwards."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    cv2.setNumThreads(1)  # the workers already use all cores
    parent = multiprocessing.parent_process()
    assert parent
    threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(parent: int) -> None:
    """Ends this process with its parent, which cannot do so if it is killed."""
    wait_for_handles([parent])
    os._exit(1)


def _no_tick() -> None:
    """Does nothing: the parent measures progress by the size of the drafts."""


@contextmanager
def _progress_bar(frames: int, progress: bool) -> Iterator[Callable[[int], None]]:
    """Yields a function that shows the number of finished frames, on stderr if it is a terminal."""
    console, started = stderr_console(), time.perf_counter()
    columns = (
        TextColumn("cropping faces"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not (progress and console.is_terminal)) as bar:
        task = bar.add_task("", total=frames, rate="")

        def show(done: int) -> None:
            bar.update(task, completed=done, rate=f"{done / (time.perf_counter() - started):.0f} frames/s")

        yield show
