"""A folder that only its user can read and write: what lies in it may be run as a program."""

import fcntl
import logging
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex

from knowledge_spreader.errors import ModelError, one_line

log = logging.getLogger(__name__)

_OTHERS = 0o077  # any right of the group or of everybody
_OTHERS_WRITE = 0o022
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: a planted pipe must not hang us


class PrivacyError(ModelError):
    """Somebody else can, or could, have written a file or folder."""


class PrivateFolder:
    """Files by name, each written whole or not at all, readable by nobody else.

    Raises PrivacyError when the folder is a link or belongs to somebody else. Rights that are too wide are taken back;
    if others could write, all that lies in the folder is removed first, because they may have put it there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            info = path.lstat()
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
                owner = "a link" if stat.S_ISLNK(info.st_mode) else f"of user number {info.st_uid}"
                raise PrivacyError(
                    f"{path} is {owner}, and plans run code: a folder of your own is wanted; remove it, or set "
                    "XDG_CACHE_HOME"
                )
            if info.st_mode & _OTHERS:
                path.chmod(0o700)
            if info.st_mode & _OTHERS_WRITE:
                log.warning("%s could be written by others; what lay in it is removed", path)
                for file in path.iterdir():
                    file.unlink()
        except OSError as exc:
            raise ModelError(
                f"{path}: no private folder can be made there ({one_line(exc)}); set XDG_CACHE_HOME"
            ) from exc

    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError; PrivacyError when it is not a plain file that its user alone can touch."""
        path = self.path / name
        try:
            handle = os.open(path, _READ)
        except FileNotFoundError:
            raise
        except OSError as exc:  # a link, or no right to read
            raise PrivacyError(f"{path} cannot be opened as a plain file of its user ({one_line(exc)})") from exc
        try:
            info = os.fstat(handle)  # of the open file: what is checked is what is read
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                raise PrivacyError(f"{path} is not a plain file of its user")
            if info.st_mode & _OTHERS:
                raise PrivacyError(f"{path} has the rights {stat.S_IMODE(info.st_mode):o}, 600 is wanted")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def write(self, name: str, data: bytes) -> None:
        """Replaces the file at once: a reader sees the old one or the new one. Raises OSError."""
        unfinished = self.path / f".{name}.{os.getpid()}-{token_hex(4)}"
        try:
            handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(unfinished, self.path / name)
        finally:
            unfinished.unlink(missing_ok=True)

    @contextmanager
    def lock(self, name: str, waiting: Callable[[], None]) -> Iterator[None]:
        """Held by one process at a time; calls `waiting` once if it is another one. Ends with its holder."""
        handle = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: two builders do the work twice, files stay whole
                log.debug("%s: no locks on this file system", self.path)
            yield
        finally:
            with suppress(OSError):
                os.close(handle)  # the file stays: whoever waits for it holds it open
