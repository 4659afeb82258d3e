"""The bundled clip: a rendered person with sound, a few seconds, to try everything with."""

from importlib.resources import as_file, files
from pathlib import Path

from knowledge_spreader.errors import MissingError


def demo_clip() -> Path:
    """Path of the bundled video. Raises MissingError where the installation lacks it."""
    with as_file(files(__name__) / "clip.mp4") as path:
        if path.is_file():
            return path
    raise MissingError("the bundled clip is not in this installation; install anew, or name a video")
