"""FolderLock: one studio at a time per project. The lock ends with its process, however that ends."""

import os
import sys
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line

_NAME = ".lock"


class FolderLock:
    """Raises DataError if another process holds it."""

    def __init__(self, folder: Path) -> None:
        path = folder / _NAME
        try:
            self._file = path.open("a+b")
        except OSError as exc:
            raise DataError(f"{folder}: cannot be written ({one_line(exc)}); check its permissions") from exc
        if not _locked(self._file.fileno()):
            self._file.seek(0)
            where = self._file.read(200).decode("utf-8", "replace").strip("\0 \n")
            self._file.close()
            raise DataError(
                f"{folder}: another studio has it open{f' at {where}' if where else ''}; use its page, or close it"
            )
        self.tell("")

    def tell(self, address: str) -> None:
        """Where the studio is, without its token."""
        try:
            self._file.seek(0)
            self._file.truncate()
            self._file.write(address.encode())
            self._file.flush()
        except OSError:  # a full disk: the lock holds all the same
            pass

    def close(self) -> None:
        self._file.close()


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows locks bytes, and a locked byte cannot be read

    def _locked(fd: int) -> bool:
        try:
            os.lseek(fd, _FAR, os.SEEK_SET)
            msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _locked(fd: int) -> bool:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        return True
