"""The BlazeFace model file: the one that comes with this package, or the user's."""

import hashlib
import logging
from pathlib import Path

from knowledge_spreader.errors import MissingError
from knowledge_spreader.face.detector import OPENVINO, FaceDetector
from knowledge_spreader.face.tflite_model import BLAZE_FACE, SHA256, packaged_path

log = logging.getLogger(__name__)

MODEL_SHA256 = SHA256[BLAZE_FACE]
# The same weights without metadata, from the MediaPipe wheels up to 0.10.21.
WHEEL_MODEL_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
_KNOWN = (MODEL_SHA256, WHEEL_MODEL_SHA256)  # measured: their outputs are bit-identical


def find_face_model(path: str | None, runtime: str = OPENVINO) -> Path:
    """The BlazeFace model: `path` if given, else the packaged one.

    Raises MissingError if it, or the runtime, is not there, DataError if it is not such a model or is damaged.
    """
    if path:
        return _own_model(Path(path), runtime)
    return packaged_path(BLAZE_FACE)


def model_identity(path: Path) -> str:
    """The SHA-256 of a model; the two files of the known model have the same identity."""
    sha256 = file_sha256(path)
    return MODEL_SHA256 if sha256 in _KNOWN else sha256


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_model(path: Path, runtime: str) -> Path:
    if not path.is_file():
        raise MissingError(f"--face-model {path}: no such file; leave the option out for the one of this package")
    if file_sha256(path) not in _KNOWN:
        with FaceDetector(path, runtime=runtime):  # raises DataError unless it finds faces with six key points
            log.warning(
                "--face-model %s is not a known BlazeFace file; crops may differ from those of other installations",
                path,
            )
    return path
