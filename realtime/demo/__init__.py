"""The bundled demo clip: a rendered person with audio, a few seconds."""

from importlib.resources import as_file, files
from pathlib import Path

from knowledge_spreader.errors import MissingError


def demo_clip() -> Path:
    """Path of the bundled video. Raises MissingError if it is not installed."""
    with as_file(files(__name__) / "clip.mp4") as path:
        if path.is_file():
            return path.resolve()  # in a checkout the file itself, not the link that was installed
    raise MissingError("the bundled clip is not installed; reinstall knowledge-spreader, or give a video")
