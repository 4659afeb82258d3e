"""face.mediapipe_detector: MediaPipe as an optional runtime. The crops are the same; it says one line."""

import logging
import os
import subprocess
import sys
import threading

import numpy as np
import pytest

from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.face import mediapipe_detector
from knowledge_spreader.face.alignment import crop
from knowledge_spreader.face.detector import FaceDetector
from tests.ks.face.face_pictures import DEMO, frames, picture
from tests.paths import SHARED

MEDIA, LONDON = SHARED / "media", SHARED / "real_faces" / "london"


@pytest.fixture(scope="module")
def needs_mediapipe():
    pytest.importorskip("mediapipe", reason="mediapipe, the runtime of these tests, is not installed")


# ---- the same crops


def compare(pictures, *, quick):
    """How many faces, and the largest difference of points (px), of scores, and of grey levels of the crop.

    The boxes must be equal.
    """
    n, points, scores, levels = 0, 0.0, 0.0, 0
    with FaceDetector(quick=quick) as ours, FaceDetector(quick=quick, runtime="mediapipe") as theirs:
        for shown in pictures:
            for a, b in zip(ours.find(shown), theirs.find(shown), strict=True):
                assert a.box_xyxy_px == b.box_xyxy_px
                n, points = n + 1, max(points, float(np.abs(a.points_px - b.points_px).max()))
                scores = max(scores, abs(a.score - b.score))
                crops = [crop(shown, face.points_px, 224).astype(int) for face in (a, b)]
                levels = max(levels, int(np.abs(crops[0] - crops[1]).max()))
    return n, points, scores, levels


def check(found, at_least):
    n, points, scores, levels = found
    assert n >= at_least
    assert points < 1e-3  # px of the picture; the largest seen: 0.0001
    assert scores < 1e-5
    assert levels <= 1  # of 255; seen in 0.01 % of the pixels


def test_the_demo_gives_the_same_crops(needs_mediapipe):
    check(compare([p for i, p in enumerate(frames(DEMO / "clip.mp4")) if i % 20 == 0], quick=True), 5)


def test_real_pictures_give_the_same_crops(needs_mediapipe):
    names = ("skimage_astronaut.png", "pyfeat_multi_face.jpg", "pyfeat_single_face.jpg", "coral_grace_hopper.bmp")
    if not MEDIA.is_dir():
        pytest.skip(f"no {MEDIA}")
    check(compare([picture(MEDIA / name) for name in names], quick=False), 7)


@pytest.mark.slow
@pytest.mark.parametrize("quick", [False, True])
def test_videos_and_portraits_give_the_same_crops(needs_mediapipe, quick):
    if not (MEDIA.is_dir() and LONDON.is_dir()):
        pytest.skip(f"no {MEDIA} or {LONDON}")
    clips = ("intel_asl_milk.mkv", "intel_head-pose-face-detection-female-and-male.gif", "pyfeat_no_face.mp4")
    pictures = [p for name in clips for i, p in enumerate(frames(MEDIA / name)) if i % 10 == 0]
    check(compare(pictures + [picture(path) for path in sorted(LONDON.glob("*.jpg"))[::10]], quick=quick), 35)


# ---- one line, and no more


@pytest.mark.slow
def test_it_says_once_that_it_reports_home_and_no_more(needs_mediapipe):
    code = (
        "import sys, numpy as np\n"
        "from knowledge_spreader.face.detector import FaceDetector\n"
        "with FaceDetector(runtime='mediapipe') as d: d.find(np.zeros((99, 99, 3), np.uint8))\n"
        "print('mine', file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    late = ("Logging before InitGoogle", "memory is not aligned")  # rarely the runtime says this after the first look
    said = [line for line in done.stderr.splitlines() if not any(note in line for note in late)]
    assert said == [mediapipe_detector.REPORTS_HOME, "mine"]


@pytest.mark.parametrize("n_bytes", [0, 50, 100_000])
def test_a_file_cut_short_is_refused_in_one_line(needs_mediapipe, tmp_path, n_bytes):
    from knowledge_spreader.face.detector_weights import find_face_model

    part = tmp_path / "part.tflite"
    part.write_bytes(find_face_model(None).read_bytes()[:n_bytes])
    with pytest.raises(DataError, match="not a BlazeFace model") as error:
        FaceDetector(part, runtime="mediapipe")
    assert "\n" not in str(error.value)


def test_without_the_package_the_error_names_the_remedy():
    code = (
        "import sys\nsys.modules['mediapipe'] = None\n"
        "from knowledge_spreader.face.detector import FaceDetector\n"
        "from knowledge_spreader.errors import MissingError\n"
        "try:\n    FaceDetector(runtime='mediapipe')\nexcept MissingError as exc:\n    print(exc)"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.endswith("run: pip install 'knowledge-spreader[mediapipe]'\n")
    assert said.count("\n") == 1


def test_what_others_write_to_stderr_meanwhile_still_arrives(capfd, caplog):
    with (
        caplog.at_level(logging.DEBUG, "knowledge_spreader.face.mediapipe_detector"),
        mediapipe_detector._notes_to_log(),
    ):
        os.write(2, b"INFO: [environment.cc:36] Creating\nW0000 00:00 a.cc:1] Unaligned\nI am a person\n")
    assert capfd.readouterr().err == "I am a person\n"
    assert [r.levelname for r in caplog.records] == ["DEBUG", "DEBUG"]


def test_stderr_comes_back_after_an_error_and_from_many_threads(capfd):
    def turn_aside():
        for _ in range(20):
            with mediapipe_detector._notes_to_log():
                os.write(2, b"INFO: note\n")

    threads = [threading.Thread(target=turn_aside) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with pytest.raises(KeyError), mediapipe_detector._notes_to_log():
        raise KeyError
    os.write(2, b"back\n")
    assert capfd.readouterr().err == "back\n"


@pytest.mark.parametrize(
    ("trouble", "cure"),
    [
        ("libEGL.so.1: cannot open shared object file", "apt-get install libegl1 libgles2"),
        ("libGLESv2.so.2: cannot open shared object file", "apt-get install libegl1 libgles2"),
        ("No module named 'mediapipe'", "pip install 'knowledge-spreader[mediapipe]'"),
    ],
)
def test_a_missing_system_library_names_its_cure(trouble, cure):
    assert str(mediapipe_detector._no_library(OSError(trouble))).endswith(f"run: {cure}")


def test_a_library_that_does_not_load_raises_missing_error(needs_mediapipe, monkeypatch):
    mediapipe, vision, base_options = mediapipe_detector._import_mediapipe()

    class Broken:
        FaceDetectorOptions = vision.FaceDetectorOptions

        class FaceDetector:
            @staticmethod
            def create_from_options(options):
                raise OSError("libGLESv2.so.2: cannot open shared object file: No such file or directory")

    monkeypatch.setattr(mediapipe_detector, "_import_mediapipe", lambda: (mediapipe, Broken, base_options))
    with pytest.raises(MissingError, match="libegl1"):
        FaceDetector(runtime="mediapipe")
