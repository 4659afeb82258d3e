"""face.tflite_model: the three models are whole, and a file that is none of them is refused in one line."""

import hashlib
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.face.blaze_face import BlazeFace
from knowledge_spreader.face.blendshapes import Blendshapes
from knowledge_spreader.face.tflite_model import SHA256, TfliteModel, check_sha256
from tests.paths import ROOT

MODELS = ROOT / "ks" / "face" / "models"


def test_the_models_are_the_ones_that_their_notice_names():
    notice = (MODELS / "NOTICE.md").read_text(encoding="utf-8")
    assert {path.name for path in MODELS.glob("*.tflite")} == set(SHA256)
    for name, wanted in SHA256.items():
        assert hashlib.sha256((MODELS / name).read_bytes()).hexdigest() == wanted
        assert re.search(rf"`{name}`.*`{wanted}`", notice), name


@pytest.mark.parametrize("n_bytes", [0, 6, 50, 100_000])
def test_a_file_that_was_cut_is_refused_in_one_line(tmp_path, capfd, n_bytes):
    part = tmp_path / "part.tflite"
    part.write_bytes((MODELS / "blaze_face_short_range.tflite").read_bytes()[:n_bytes])
    with pytest.raises(DataError, match="this is not the face model") as error:
        BlazeFace(part)
    assert "\n" not in str(error.value)
    assert str(part) in str(error.value)
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize("name", ["face_landmarks_detector.tflite", "face_blendshapes.tflite"])
def test_another_model_is_refused_in_one_line(name):
    with pytest.raises(DataError, match="this is not the face model") as error:
        BlazeFace(MODELS / name)
    assert "\n" not in str(error.value)


def test_a_text_is_refused_and_openvino_says_nothing_about_it(tmp_path, capfd):
    text = tmp_path / "text.tflite"
    text.write_text("hello " * 100)
    with pytest.raises(DataError, match="TFL3"):
        BlazeFace(text)
    assert capfd.readouterr().err == ""


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(MissingError, match=r"nowhere\.tflite: cannot read the face model"):
        BlazeFace(tmp_path / "nowhere.tflite")


def test_a_model_with_other_outputs_is_refused():
    with pytest.raises(DataError, match=r"896.* instead of .*897"):
        TfliteModel(
            MODELS / "blaze_face_short_range.tflite",
            (128, 128, 3),
            {"classificators": 897},
        )


def test_a_damaged_installation_is_told_from_a_whole_one(tmp_path):
    copy = tmp_path / "blaze_face_short_range.tflite"
    shutil.copy(MODELS / copy.name, copy)
    check_sha256(copy, SHA256[copy.name])
    data = bytearray(copy.read_bytes())
    data[150_000] ^= 1
    copy.write_bytes(data)
    with pytest.raises(DataError, match="install knowledge-spreader again"):
        check_sha256(copy, SHA256[copy.name])


def test_another_kind_or_shape_of_array_is_refused():
    model = TfliteModel(MODELS / "blaze_face_short_range.tflite", (128, 128, 3), {"classificators": 896}, threads=1)
    with pytest.raises(DataError, match=r"takes float32 \(B, 128, 128, 3\); got uint8 \(1, 128, 128, 3\)"):
        model(np.zeros((1, 128, 128, 3), np.uint8))
    with pytest.raises(DataError, match=r"got float32 \(128, 128, 3\)"):
        model(np.zeros((128, 128, 3), np.float32))
    assert [a.shape for a in model(np.zeros((0, 128, 128, 3), np.float32))] == [(0, 896)]


@pytest.mark.slow
def test_the_number_of_threads_is_kept():
    """With one thread, no more than one core is busy."""
    code = (
        "import os, time, numpy as np\n"
        "from knowledge_spreader.face.blaze_face import BlazeFace\n"
        "face, picture = BlazeFace(threads=1), np.zeros((1, 128, 128, 3), np.uint8)\n"
        "wall, busy = time.perf_counter(), sum(os.times()[:2])\n"
        "for _ in range(400): face.detect(picture)\n"
        "print((sum(os.times()[:2]) - busy) / (time.perf_counter() - wall))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 1.2


def test_answers_are_the_same_each_time():
    points = np.random.default_rng(0).random((2, 478, 3), np.float32) * 200
    model = Blendshapes(threads=1)
    first = model.values(points)
    np.testing.assert_array_equal(model.values(points[::-1])[::-1], first)
