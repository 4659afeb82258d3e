"""A result file that contains only whole lines at any time, even if the run is killed.

The file is opened at the first result, so a run that fails at its start does not empty an existing file. Writes are not
buffered, so a killed process loses nothing that was written. A write that fails half way, on a full disk, is undone.
"""

import errno
import io
import os
import select
import sys
from contextlib import suppress
from pathlib import Path

from knowledge_spreader.errors import DataError, KSError, one_line


class ReaderGoneError(KSError):
    """The reader of this output closed it, as `| head` does. This is not a failure."""


class ResultFile:
    """Writes text. Raises DataError if writing fails, ReaderGoneError if the reader closed the output.

    path: "-" is standard output. The constructor raises DataError if the file could not be written.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._file: io.FileIO | None = None
        self._whole_bytes = 0  # up to the end of the last complete write
        self._closed = False
        self._is_stdout = str(path) == "-"
        if self._is_stdout:
            self._file = _open_stdout()
        else:
            check_writable(self.path)

    def write(self, text: str) -> None:
        """Writes all of the text or nothing."""
        assert not self._closed, "a write after the end would start the file again"
        data = text.encode("utf-8")
        try:
            if self._file is None:
                self._file = io.FileIO(self.path, "w")
            _write_all(self._file, data)
        except BrokenPipeError as exc:
            raise ReaderGoneError(f"{self._label}: the reader closed it") from exc
        except OSError as exc:
            self._take_back()
            raise DataError(
                f"{self._label}: writing failed ({one_line(exc)}); everything before this is complete"
            ) from exc
        self._whole_bytes += len(data)

    @property
    def started(self) -> bool:
        """Whether anything was written."""
        return self._whole_bytes > 0

    def close(self) -> None:
        """May be called at any time, and twice."""
        file, self._file, self._closed = self._file, None, True
        if file is not None:
            try:
                file.close()
            except OSError as exc:
                raise DataError(f"{self._label}: closing failed ({one_line(exc)})") from exc

    @property
    def _label(self) -> str:
        return "standard output" if self._is_stdout else str(self.path)

    def _take_back(self) -> None:
        if self._file is not None and not self._is_stdout:
            with suppress(OSError):  # a pipe or a device cannot be truncated
                self._file.truncate(self._whole_bytes)


def check_writable(path: Path) -> None:
    """Raises DataError, one line, if the file could not be written. Changes nothing on disk."""
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; give the name of a file to write")
        if not path.parent.is_dir():
            raise DataError(f"{path}: there is no folder {path.parent}; make it first")
        if path.exists() and not path.is_file():
            return  # a pipe or a device: opening it has side effects
        target = Path(os.path.realpath(path))  # follows links, also to files that do not exist yet
        if target.exists():
            with target.open("ab"):
                pass
        else:
            with target.open("xb"):
                pass
            target.unlink()
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); give another path") from exc


def drop_torn_line(path: Path) -> None:
    """Removes an incomplete last line, left by a killed run."""
    with path.open("rb+") as file:
        at = file.seek(0, 2)
        while at > 0:
            start = max(0, at - 65536)
            file.seek(start)
            found = file.read(at - start).rfind(b"\n")
            if found >= 0:
                file.truncate(start + found + 1)
                return
            at = start
        file.truncate(0)


def same_file(path: Path, other: Path) -> bool:
    """Whether both are the same file: follows links, and works if one does not exist yet."""
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist yet
        return os.path.realpath(path) == os.path.realpath(other)


def _open_stdout() -> io.FileIO:
    """An unbuffered copy of sys.stdout: a closed reader is then noticed here, not when Python exits."""
    try:
        sys.stdout.flush()
        return io.FileIO(os.dup(sys.stdout.fileno()), "w")
    except (OSError, ValueError, AttributeError) as exc:  # a notebook, or no console
        raise DataError("there is no standard output to write to; give a file instead of -") from exc


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = file.write(view)
        if written is None:  # a terminal that another program made non-blocking
            select.select([], [file], [])
        elif written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            view = view[written:]
