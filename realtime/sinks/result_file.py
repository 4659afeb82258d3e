"""A file of results: touched only when the first result comes, whole lines at any moment, whatever ends the run.

What an earlier run wrote stays until there is something to put in its place: a run that fails at its start has emptied
nothing. Each write is handed to the system at once, so a killed process loses nothing that was written; a write that
fails half way, on a full disk, is taken back.
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
    """Whoever read this output went away, as `| head` does: nothing more to write, and no failure."""


class ResultFile:
    """Takes text, or raises DataError when the disk does not, ReaderGoneError when nobody reads on.

    path: "-" is standard output. The constructor raises DataError where the file could not be written.
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
        """Writes all of it or takes back what was written of it."""
        assert not self._closed, "a write after the end would begin the file anew"
        data = text.encode("utf-8")
        try:
            if self._file is None:
                self._file = io.FileIO(self.path, "w")
            _write_all(self._file, data)
        except BrokenPipeError as exc:
            raise ReaderGoneError(f"{self._label}: nobody reads it any more") from exc
        except OSError as exc:
            self._take_back()
            raise DataError(
                f"{self._label}: writing failed ({one_line(exc)}); what was written before is whole"
            ) from exc
        self._whole_bytes += len(data)

    @property
    def started(self) -> bool:
        """Something was written."""
        return self._whole_bytes > 0

    def close(self) -> None:
        """Safe at any time and twice."""
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
            with suppress(OSError):  # a pipe or a device keeps what it got
                self._file.truncate(self._whole_bytes)


def check_writable(path: Path) -> None:
    """Raises DataError, one line, where the file could not be written. Leaves everything as it was."""
    try:
        if path.is_dir():
            raise DataError(f"{path} is a folder; give the name of a file to write")
        if not path.parent.is_dir():
            raise DataError(f"{path}: there is no folder {path.parent}; make it first")
        if path.exists() and not path.is_file():
            return  # a pipe or a device: opening it would already do something
        target = Path(os.path.realpath(path))  # through links, also to files that are not there yet
        if target.exists():
            with target.open("ab"):
                pass
        else:
            with target.open("xb"):
                pass
            target.unlink()
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); give another place") from exc


def drop_torn_line(path: Path) -> None:
    """Cuts what follows the last line break: a write that a kill stopped half way."""
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
    """Also through links, and where one is not there yet."""
    try:
        return path.samefile(other)
    except OSError:  # one of them is not there yet
        return os.path.realpath(path) == os.path.realpath(other)


def _open_stdout() -> io.FileIO:
    """Beside sys.stdout's buffer, so that a reader who leaves is noticed here and not when Python ends."""
    try:
        sys.stdout.flush()
        return io.FileIO(os.dup(sys.stdout.fileno()), "w")
    except (OSError, ValueError, AttributeError) as exc:  # a notebook, or no console
        raise DataError("there is no standard output to write to; give a file instead of -") from exc


def _write_all(file: io.FileIO, data: bytes) -> None:
    view = memoryview(data)
    while view:
        written = file.write(view)
        if written is None:  # a terminal that another program set not to block
            select.select([], [file], [])
        elif written == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        else:
            view = view[written:]
