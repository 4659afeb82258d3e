"""Names of exported files: of the recording and the coder, and never one that is there already."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.studio.exports.coded import Coded

_LONGEST, _BYTES = 60, 100  # letters of a part of a name, and bytes of it: a name has at most 255


def name_of(labels: Coded, beside: str = "") -> str:
    """anna-AB for anna.mp4 and the coder AB."""
    rec = labels.rec
    stem = beside or (rec.name if rec.path.is_dir() else Path(rec.name).stem)
    return "-".join(map(_part, (stem, labels.coder)))


def _part(text: str) -> str:
    plain = re.sub(r"[^\w.()+ -]+", "_", text)[:_LONGEST]
    return plain.encode()[:_BYTES].decode(errors="ignore").strip(" .") or "_"


def new_files(folder: Path, name: str, ends: Sequence[str]) -> list[Path]:
    """folder / name + end for each of ends, made empty; with -2, -3, ... in the name if one is there. Raises DataError.

    So two exports at one time do not take the same name.
    """
    number = 1
    while True:
        middle = name if number == 1 else f"{name}-{number}"
        made: list[Path] = []
        try:
            for end in ends:
                path = folder / f"{middle}{end}"
                path.touch(exist_ok=False)
                made.append(path)
        except FileExistsError:
            _remove(made)
            number += 1
        except OSError as exc:
            _remove(made)
            raise DataError(f"{folder}: cannot be written ({one_line(exc)}); check the folder and its space") from exc
        else:
            return made


def write_new(folder: Path, name: str, writers: dict[str, Callable[[Path], object]]) -> list[Path]:
    """Writes a file for each end of a name; all of them, or none. Raises DataError."""
    paths = new_files(folder, name, list(writers))
    try:
        for path, write in zip(paths, writers.values(), strict=True):
            replace_whole(path, write)
    except BaseException:
        _remove(paths)
        raise
    return paths


def _remove(paths: Sequence[Path]) -> None:
    for path in paths:
        path.unlink(missing_ok=True)
