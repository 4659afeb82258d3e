"""Files that are whole or not there, and the system's own words where one cannot be written."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, one_line


@contextmanager
def whole_file(path: Path, *, keep: bool = False) -> Iterator[Path]:
    """A file beside `path` to write: it takes its place when the block ends well, and is gone when it does not.

    Whoever dies in between leaves the file that was there. A link stays a link. keep: the bytes reach the disk before
    the name does. OSErrors pass through: who calls knows what to say.
    """
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        yield unfinished
        if keep:
            with unfinished.open("rb+") as file:
                os.fsync(file.fileno())
        os.replace(unfinished, target)
    finally:
        unfinished.unlink(missing_ok=True)


def replace_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Puts a file in place that `write` makes, whole or not at all. Raises DataError on a full disk and the like."""
    try:
        with whole_file(path) as unfinished:
            write(unfinished)
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); check the folder and the space") from exc


def write_text(path: Path, text: str) -> None:
    """The file with this text in UTF-8, whole or as before. Raises DataError, one line, where it cannot be written."""
    replace_whole(path, lambda unfinished: unfinished.write_bytes(text.encode()))


def write_json(path: Path, value: Any) -> None:
    """Like write_text; the folder is made where there is none. nan is refused: it is no JSON."""
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as exc:
        raise DataError(f"{path} cannot be written ({one_line(exc)}); choose another place") from exc
    write_text(path, text)


def read_json(path: Path, command: str) -> dict[str, Any]:
    """The JSON object that a command wrote. Raises DataError, one line that names the command, where it is none."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as exc:
        raise DataError(f"{path} cannot be read ({one_line(exc)}); check the path") from exc
    except ValueError as exc:
        raise DataError(f"{path} is no JSON; give the file that {command} wrote with --json") from exc
    if not isinstance(found, dict):
        raise DataError(
            f"{path} holds no report but {str(found)[:40]!r}; give the file that {command} wrote with --json"
        )
    return found


def check_place(option: str, path: Path) -> None:
    """Before the long part: raises DataError where `path` is a folder, or lies in one that is not there."""
    if path.is_dir():
        raise DataError(f"{option} {path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise DataError(f"{option} {path}: there is no folder {path.parent}; make it first")
