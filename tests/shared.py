"""What is made once for all pytest workers of a run: files in the folder above the workers' own."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest


def shared_folder(factory: pytest.TempPathFactory) -> Path:
    """One folder for the whole run, whether there are workers or not."""
    base = factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


def once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], object]) -> Path:
    """The file of this name, which the first worker that asks makes. Two at once make the same twice, unharmed."""
    path = shared_folder(factory) / name
    if not path.exists():
        mine = path.with_name(f"{os.getpid()}-{name}")
        make(mine)
        mine.replace(path)
    return path
