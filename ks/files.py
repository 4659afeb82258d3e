"""Atomic writing of files, JSON files, checks of output paths, and one-line errors when a file cannot be written."""

import json
import os
import stat
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, one_line


@contextmanager
def whole_file(path: Path, *, keep: bool = False) -> Iterator[Path]:
    """Yields a temporary file beside `path`, which replaces `path` if the block succeeds and is removed if not.

    If the process dies, the previous file stays. A symbolic link stays a link. keep: sync the content to disk before
    the rename. The file gets the permissions that the umask gives, whoever writes it. OSErrors are not wrapped.
    """
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        unfinished.touch()  # some writers, such as safetensors, would make it readable by its owner alone
        mode = stat.S_IMODE(unfinished.stat().st_mode)
        unfinished.unlink()
        yield unfinished
        if stat.S_IMODE(unfinished.stat().st_mode) != mode:
            unfinished.chmod(mode)
        if keep:
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def replace_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Replaces a file atomically by what `write` writes. Raises DataError if it cannot be written, e.g. disk full."""
    try:
        with whole_file(path) as unfinished:
            write(unfinished)
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); check the folder and the free space") from exc


def write_text(path: Path, text: str) -> None:
    """Replaces a file atomically by this text in UTF-8. Raises DataError if it cannot be written."""
    replace_whole(path, lambda unfinished: unfinished.write_bytes(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Like write_text; creates the folder if needed. Raises ValueError on nan, which JSON does not have."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); choose another path") from exc
    write_text(path, text)


def read_json(path: Path, command: str) -> dict[str, Any]:
    """The JSON object that a command wrote. Raises DataError, which names the command, if the file is not one."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"{path} cannot be read ({one_line(exc)}); check the path") from exc
    except ValueError as exc:
        raise DataError(f"{path} is not JSON; give the file that {command} wrote with --json") from exc
    if not isinstance(found, dict):
        raise DataError(
            f"{path} contains no report but {str(found)[:40]!r}; give the file that {command} wrote with --json"
        )
    return found


def check_place(option: str, path: Path, *, new_folder: bool = False) -> None:
    """Checks an output file before any work. Raises DataError if it could not be written; changes nothing on disk.

    new_folder: the command creates the folder if there is none.
    """
    try:
        if path.is_dir():
            raise DataError(f"{option} {path} is a folder; name a file in it")
        if not new_folder and not path.parent.is_dir():
            raise DataError(f"{option} {path}: there is no folder {path.parent}; create it first")
        target = Path(os.path.realpath(path))  # follows links, also to files that do not exist yet
        if target.exists() and not target.is_file():
            raise DataError(f"{option} {path} is no file but a device or a pipe; name a file")
        if target.exists():
            with target.open("ab"):  # a file that may not be written is not replaced either
                pass
    except OSError as exc:
        raise DataError(f"{option} {path} cannot be written ({one_line(exc)}); choose another path") from exc
    check_folder(option, path, target.parent)


def check_folder(option: str, path: Path, folder: Path | None = None) -> None:
    """Checks that a file can be made in a folder, which may not exist yet. Raises DataError; changes nothing on disk.

    path: as the user gave it. folder: if not path itself.
    """
    place = Path(os.path.abspath(folder or path))
    try:
        while not (place.exists() or place.is_symlink()):
            place = place.parent
        if not place.is_dir():
            raise DataError(f"{option} {path}: {place} is a file, not a folder; choose another path")
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as exc:
        raise DataError(f"{option} {path} cannot be written ({one_line(exc)}); choose another path") from exc


def same_file(path: Path, other: Path) -> bool:
    """Whether both are the same file: follows links, and works if one does not exist yet."""
    try:
        return path.samefile(other)
    except OSError:  # one of them does not exist yet
        return os.path.realpath(path) == os.path.realpath(other)
