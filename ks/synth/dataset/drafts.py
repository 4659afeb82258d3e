"""Files and folders that appear complete or not at all: written as drafts, renamed when all are finished."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line

DRAFT = ".draft-"


@contextmanager
def drafts(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Draft paths next to `paths`, to write files or folders to. They are renamed in this order when the block ends.

    If the block raises, the drafts are deleted and the old files stay. Only a killed process leaves drafts behind.
    Raises DataError when the disk cannot be written.
    """
    found = tuple(path.with_name(f"{DRAFT}{os.getpid()}-{path.name}") for path in paths)
    try:
        yield found
        for draft, path in zip(found, paths, strict=True):
            if draft.is_dir():
                shutil.rmtree(path, ignore_errors=True)
            os.replace(draft, path)
    except OSError as exc:
        raise DataError(
            f"{paths[-1].parent}: cannot be written ({one_line(exc)}); free some space or give another --out"
        ) from exc
    finally:
        for draft in found:
            remove(draft)


def remove(path: Path) -> None:
    """Removes a file or folder, if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
