"""The model that comes with the product: what runs when none is named."""

from importlib.resources import as_file, files
from pathlib import Path

from knowledge_spreader.errors import MissingError


def bundled_model() -> Path:
    """Path of the bundled `.ks` file. Raises MissingError where the installation lacks it."""
    with as_file(files("knowledge_spreader") / "weights" / "bundled.ks") as path:
        if path.is_file():
            return path
    raise MissingError("the bundled model is not in this installation; install anew, or name one with --model FILE.ks")
