"""A folder that only its user can read and write, because its files may be run as programs."""

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

_OTHERS = 0o077  # any permission of the group or of others
_OTHERS_WRITE = 0o022
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # non-blocking: a pipe planted there must not block


class PrivacyError(ModelError):
    """Another user can write, or could have written, a file or folder."""


class PrivateFolder:
    """Reads and writes private files by name; each is written whole or not at all.

    Raises PrivacyError if the folder is a link or belongs to another user. Too wide permissions are removed; if others
    could write to the folder, its files are deleted, because others may have put them there.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            info = path.lstat()
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
                owner = "a link" if stat.S_ISLNK(info.st_mode) else f"of user number {info.st_uid}"
                raise PrivacyError(
                    f"{path} is {owner}, but plans run code and must be in your own folder; remove it, or set "
                    "XDG_CACHE_HOME"
                )
            if info.st_mode & _OTHERS:
                path.chmod(0o700)
            if info.st_mode & _OTHERS_WRITE:
                log.warning("%s could be written by others; its files were removed", path)
                for file in path.iterdir():
                    file.unlink()
        except OSError as exc:
            raise ModelError(
                f"{path}: cannot make a private folder there ({one_line(exc)}); set XDG_CACHE_HOME"
            ) from exc

    def read(self, name: str) -> bytes:
        """The file's content. Raises FileNotFoundError; PrivacyError unless it is a plain file private to its user."""
        path = self.path / name
        try:
            handle = os.open(path, _READ)
        except FileNotFoundError:
            raise
        except OSError as exc:  # a link, or no permission to read
            raise PrivacyError(f"{path} cannot be opened as a plain file of its user ({one_line(exc)})") from exc
        try:
            info = os.fstat(handle)  # of the open file, so that the checked file is the one that is read
            if not stat.S_ISREG(info.st_mode) or info.st_uid != os.geteuid():
                raise PrivacyError(f"{path} is not a plain file of its user")
            if info.st_mode & _OTHERS:
                raise PrivacyError(f"{path} has the permissions {stat.S_IMODE(info.st_mode):o}, wanted 600")
            with os.fdopen(handle, "rb", closefd=False) as file:
                return file.read()
        finally:
            os.close(handle)

    def write(self, name: str, data: bytes) -> None:
        """Replaces the file atomically: a reader gets the old or the new one. Raises OSError."""
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
        """A lock between processes; calls `waiting` once if another process holds it. Released if its holder dies."""
        handle = os.open(self.path / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                waiting()
                fcntl.flock(handle, fcntl.LOCK_EX)
            except OSError:  # a file system without locks: two processes may build twice, files stay whole
                log.debug("%s: no locks on this file system", self.path)
            yield
        finally:
            with suppress(OSError):
                os.close(handle)  # the file is kept: others may be waiting for it
