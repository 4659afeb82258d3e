"""Who works in a folder of results, and with which settings: locks and batch.json.

FOLDER/.lock-3-of-16    held by the run of that shard, on any machine that sees the folder; it ends with its process
FOLDER/.lock-turn       held for moments, by who writes what all shards write: the index, the list of failures
"""

import errno
import logging
import os
import re
import shutil
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Self

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import read_json, write_json
from knowledge_spreader.realtime.batch.faces_file import drafts_of
from knowledge_spreader.realtime.batch.keys import LAYOUT

log = logging.getLogger(__name__)

SETTINGS = "batch.json"
_SHARD = re.compile(r"([1-9]\d*)/([1-9]\d*)")
_PATIENCE_S = 1.0  # `ks-batch status` holds a lock for a moment, to see whether it is free
_LOCK = re.compile(r"\.lock-([1-9]\d*)-of-([1-9]\d*)")


@dataclass(frozen=True, slots=True)
class Shard:
    """Part `number` of `of`, from 1. Raises DataError on another number."""

    number: int = 1
    of: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.number <= self.of:
            raise DataError(f"--shard must be I/N with I from 1 to N, like 3/16; got {self.number}/{self.of}")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Of "3/16"."""
        match = _SHARD.fullmatch(text.strip())
        if not match:
            raise DataError(f"--shard must be I/N with I from 1 to N, like 3/16; got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}-of-{self.of}"


class Held:
    """A context manager: the folder is there and held for a shard, and what killed runs left unfinished is removed.

    Shards of the same N may be held at the same time. Raises DataError if this one is, or one of another N.
    """

    def __init__(self, folder: Path, shard: Shard) -> None:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = (folder / f".lock-{shard}").open("a+b")
        except OSError as exc:
            raise DataError(f"--out {folder}: cannot be written ({one_line(exc)}); name another folder") from exc
        try:
            if not _locked(self._file, _PATIENCE_S):
                raise DataError(
                    f"{folder}: another ks-batch works in it{_holder(self._file)}; wait for its end, or give each a "
                    "part of the work: --shard 1/2 and --shard 2/2"
                )
            if others := [(number, of) for number, of in running(folder) if of != shard.of]:
                raise DataError(
                    f"{folder}: another ks-batch works in it as shard {others[0][0]}/{others[0][1]}; wait for its end, "
                    "or give all runs the same N"
                )
            _sign(self._file)
            _remove_drafts(folder, shard)
        except DataError:
            self._file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self._file.close()


def running(folder: Path) -> list[tuple[int, int]]:
    """(I, N) of the shards that are held, by this process too."""
    found = []
    for path in sorted(folder.glob(".lock-*-of-*")):
        if match := _LOCK.fullmatch(path.name):
            with path.open("a+b") as file:
                if not _locked(file):
                    found.append((int(match[1]), int(match[2])))
    return found


@contextmanager
def turn(folder: Path) -> Iterator[None]:
    """Waits until no other process is in such a block for this folder. Raises OSError if that cannot be written."""
    with (folder / ".lock-turn").open("a+b") as file:
        _locked(file, float("inf"))
        yield


def check_settings(folder: Path, weights: str, settings: dict[str, Any]) -> None:
    """Writes batch.json, or compares with what is there. Raises DataError if that is another model or setting."""
    wanted = {"layout": LAYOUT, "weights": weights, "settings": settings}
    path = folder / SETTINGS
    with turn(folder):
        if not path.exists():
            write_json(path, {**wanted, "version": version("knowledge-spreader")})
            return
        found = read_json(path, "ks-batch")
    if found.get("layout") != LAYOUT:
        raise DataError(f"{folder} holds results of another version of knowledge-spreader; name another --out")
    if found.get("weights") != weights:
        raise DataError(
            f"{folder} holds results of the model {found.get('weights')}, and this run's is {weights}; give that "
            "model, or another --out"
        )
    before = found.get("settings", {})
    for name in sorted({*before, *settings}):
        if before.get(name) != settings.get(name):
            raise DataError(
                f"{folder} holds results with {name} = {before.get(name)}, and this run's is {settings.get(name)}; "
                "give the same options, or another --out"
            )


def _remove_drafts(folder: Path, shard: Shard) -> None:
    """Of this shard, and of those of another N: nobody works on them while this one is held."""
    own = drafts_of(folder, str(shard))
    for drafts in own.parent.glob("*-of-*"):
        if drafts == own or not drafts.name.endswith(f"-of-{shard.of}"):
            shutil.rmtree(drafts, ignore_errors=True)


def _sign(file: IO[bytes]) -> None:
    """Writes where the process runs, for those who find the folder held."""
    try:
        file.seek(0)
        file.truncate()
        file.write(f"{socket.gethostname()}, process {os.getpid()}".encode())
        file.flush()
    except OSError:  # a full disk: the lock holds all the same
        pass


def _holder(file: IO[bytes]) -> str:
    file.seek(0)
    said = file.read(200).decode("utf-8", "replace").strip("\0 \n")
    return f" ({said})" if said else ""


def _locked(file: IO[bytes], patience_s: float = 0.0) -> bool:
    """Whether it could be locked, within that time. On a file system without locks: yes, with a warning."""
    until_s = time.monotonic() + patience_s
    while True:
        try:
            _lock(file.fileno())
        except OSError as exc:
            if exc.errno not in (errno.EACCES, errno.EAGAIN, errno.EDEADLK):
                log.warning("%s: no locks on this file system; see that one ks-batch at a time works here", file.name)
                return True
            if time.monotonic() >= until_s:
                return False
            time.sleep(0.05)
        else:
            return True


if sys.platform == "win32":
    import msvcrt

    _FAR = 1 << 30  # Windows locks bytes, and a locked byte cannot be read

    def _lock(fd: int) -> None:
        os.lseek(fd, _FAR, os.SEEK_SET)
        msvcrt.locking(fd, msvcrt.LK_NBLCK, 1)
else:
    import fcntl

    def _lock(fd: int) -> None:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
