"""The bundled model, used when no model is given."""

from importlib.resources import as_file, files
from pathlib import Path

from knowledge_spreader.errors import MissingError


def bundled_model() -> Path:
    """Path of the bundled `.ks` file. Raises MissingError if it is not installed."""
    with as_file(files("knowledge_spreader") / "weights" / "bundled.ks") as path:
        if path.is_file():
            return path.resolve()  # in a checkout the file itself, not the link that was installed
    raise MissingError("the bundled model is not installed; reinstall knowledge-spreader, or give --model FILE.ks")
