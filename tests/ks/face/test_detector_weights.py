"""face.detector_weights: the face model is the packaged one, or the user's, or refused."""

import subprocess
import sys

import pytest

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.face.detector_weights import (
    MODEL_SHA256,
    WHEEL_MODEL_SHA256,
    file_sha256,
    find_face_model,
    model_identity,
)
from tests.ks.face.face_pictures import DEMO, frames

PACKAGED = find_face_model(None)


@pytest.mark.parametrize("nothing", [None, ""])
def test_the_default_comes_with_the_package_and_keeps_the_identity_of_old_crops(nothing):
    path = find_face_model(nothing)
    assert path.parent.name == "models"
    assert file_sha256(path) == model_identity(path) == MODEL_SHA256
    # the identity in the crop caches that were made while the file was downloaded
    assert MODEL_SHA256 == "b4578f35940bf5a1a655214a1cce5cab13eba73c1297cd78e1a04c2380b0152f"


def test_without_a_network_module_it_is_found_too():
    """Nothing here can download: the modules that could are not even imported."""
    code = (
        "import sys\n"
        "from knowledge_spreader.face.detector import FaceDetector\n"
        "from knowledge_spreader.face.detector_weights import find_face_model\n"
        "with FaceDetector(find_face_model(None)): print(sorted({'ssl', 'urllib.request', 'http.client', 'requests'} "
        "& set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_another_file_has_its_own_identity(tmp_path):
    other = tmp_path / "other.tflite"
    other.write_bytes(b"other")
    assert model_identity(other) == file_sha256(other) not in (MODEL_SHA256, WHEEL_MODEL_SHA256)


def test_a_copy_of_the_known_model_is_taken_without_a_word(tmp_path, caplog):
    copy = tmp_path / "copy.tflite"
    copy.write_bytes(PACKAGED.read_bytes())
    assert find_face_model(str(copy)) == copy
    assert model_identity(copy) == MODEL_SHA256
    assert caplog.text == ""


def test_a_model_that_is_not_there_is_named():
    with pytest.raises(MissingError, match=r"--face-model nowhere\.tflite: no such file; leave the option out"):
        find_face_model("nowhere.tflite")


def test_an_unknown_face_detector_is_taken_with_a_warning_and_finds_faces(tmp_path, caplog):
    other = tmp_path / "other.tflite"
    other.write_bytes(PACKAGED.read_bytes() + b"\0")
    assert find_face_model(str(other)) == other
    assert "not a known BlazeFace file" in caplog.text
    with FaceDetector(other) as detector:
        assert len(detector.find(next(frames(DEMO / "clip.mp4")))) == 1


@pytest.mark.parametrize("n_bytes", [0, 50, 100_000])
def test_a_truncated_file_is_refused_in_one_line(tmp_path, n_bytes):
    part = tmp_path / "part.tflite"
    part.write_bytes(PACKAGED.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match="not the face model that is wanted") as error:
        find_face_model(str(part))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["face_landmarks_detector.tflite", "face_blendshapes.tflite", "NOTICE.md"])
def test_a_foreign_file_is_refused_in_one_line(name):
    with pytest.raises(DataError, match="not the face model that is wanted") as error:
        find_face_model(str(PACKAGED.with_name(name)))
    assert "\n" not in str(error.value)
