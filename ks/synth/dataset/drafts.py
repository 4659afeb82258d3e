"""Files that are there whole or not at all: written beside their place and moved when all of them are finished."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line

DRAFT = ".draft-"


@contextmanager
def drafts(*paths: Path) -> Iterator[tuple[Path, ...]]:
    """Places beside `paths` to write files or folders to; moved in the order of `paths` when the block ends well.

    What stood there before stays until then, and whatever stops the block, no draft is left, but after a kill.
    Raises DataError when the disk refuses.
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
    """A file or a folder, if it is there and can be removed."""
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink()
