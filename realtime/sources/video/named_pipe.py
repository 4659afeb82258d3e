"""Opens a named pipe, and gives up if nobody writes to it: open() itself would wait without end."""

import os
import select
from pathlib import Path

from knowledge_spreader.errors import DataError


def open_pipe(path: Path, name: str, timeout_s: float) -> int:
    """A file descriptor, to be closed by the caller, once the first byte is there. Raises DataError after timeout_s."""
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    waiting = select.poll()
    waiting.register(pipe, select.POLLIN)
    if not waiting.poll(timeout_s * 1000):
        os.close(pipe)
        raise DataError(
            f"{name}: nobody wrote to this pipe for {timeout_s:g} s; start the program that writes to it, or give a "
            "longer --timeout"
        )
    os.set_blocking(pipe, True)
    return pipe
