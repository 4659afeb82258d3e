"""The key of a result: what was analysed, by which weights, with which settings. Equal keys, equal results."""

import hashlib
import json
from pathlib import Path
from typing import Any

from knowledge_spreader.frame_reader import IMAGE_SUFFIXES, list_images
from knowledge_spreader.realtime.options import Options

LAYOUT = 1  # raised when the same recording, weights and settings give other results, or another table
SHORT = 12  # digits of a key in a file's name
_BLOCK = 1 << 20
_ASKED = (  # of Options: what changes results. threads changes their last bits alone
    *("device", "precision", "face_runtime", "policy", "person", "neutral_s", "hysteresis", "min_face_px", "voices"),
    *("pose", "landmarks", "blendshapes", "max_faces", "rate"),
)


def settings_of(options: Options) -> dict[str, Any]:
    """The options that change results, in JSON types. A face model of one's own counts by its content.

    Raises OSError if that cannot be read.
    """
    own = options.own_face_model
    face_model = hashlib.sha256(Path(own).read_bytes()).hexdigest()[:16] if own else ""
    return {**{name: getattr(options, name) for name in _ASKED}, "face_model": face_model}


def key_of(content: str, weights: str, settings: dict[str, Any]) -> str:
    """The key as 64 hexadecimal digits. weights: of the model file, weights_id."""
    said = json.dumps([LAYOUT, content, weights, settings], sort_keys=True)
    return hashlib.sha256(said.encode()).hexdigest()


def content_id(path: Path) -> str:
    """A hash of all bytes of a video; of images, of their names too, which are in the results.

    Raises OSError or DataError if it cannot be read.
    """
    digest = hashlib.sha256()
    parts = parts_of(path)
    for part in parts:
        if path.is_dir() or part.suffix.lower() in IMAGE_SUFFIXES:
            name = part.name.encode("utf-8", "surrogateescape")
            digest.update(b"%d %s %d " % (len(name), name, part.stat().st_size))
        with part.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()


def size_and_time(path: Path) -> tuple[int, int]:
    """Bytes, and when it was last written, ns; of a folder of images, over all of them. Raises like content_id."""
    found = [part.stat() for part in parts_of(path)]
    return sum(about.st_size for about in found), max((about.st_mtime_ns for about in found), default=0)


def parts_of(path: Path) -> tuple[Path, ...]:
    """The files that a recording consists of. Raises DataError if there is no such folder."""
    return list_images(path) if path.is_dir() else (path,)
