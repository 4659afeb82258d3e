"""Progress bars on stderr while TensorRT builds a plan: one for each running phase."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.trt.build import Progress as Report


@contextmanager
def build_bar(show: bool) -> Iterator[Report]:
    """The callback for open_engine(progress=...); without `show` it draws nothing."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    running: dict[str, TaskID] = {}
    lock = threading.Lock()  # TensorRT reports from several threads

    def report(phase: str, done: int, total: int) -> None:
        with lock:
            if done < total:
                if phase not in running:
                    running[phase] = bar.add_task(phase, total=total)
                bar.update(running[phase], completed=done, total=total)
            elif phase in running:
                bar.remove_task(running.pop(phase))

    with Progress(*columns, console=stderr_console(), disable=not show, transient=True) as bar:
        yield report
