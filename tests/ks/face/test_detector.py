"""face.detector: faces are found on real pictures."""

import subprocess
import sys

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import knowledge_spreader.face.detector
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector import DetectedFace, FaceDetector, box_width, hold, overlap
from tests.paths import SHARED


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
    with FaceDetector() as detector:
        yield detector


@pytest.fixture(scope="module")
def astronaut():
    return cv2.cvtColor(cv2.imread(str(media("skimage_astronaut.png"))), cv2.COLOR_BGR2RGB)


# ---- finding


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


@pytest.mark.parametrize("scale", [0.5, 2.0, 5.3])
def test_the_same_picture_at_another_resolution_has_the_same_face(detector, astronaut, scale):
    (face,) = detector.find(astronaut)
    (other,) = detector.find(cv2.resize(astronaut, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA))
    eye_distance = np.linalg.norm(face.points_px[1] - face.points_px[0])
    assert np.abs(other.points_px / scale - face.points_px).max() < 0.1 * eye_distance


def test_points_do_not_depend_on_how_the_array_lies_in_memory(detector, astronaut):
    (face,) = detector.find(astronaut)
    padded = np.zeros((512, 600, 3), np.uint8)
    padded[:, :512] = astronaut
    (other,) = detector.find(padded[:, :512])
    np.testing.assert_array_equal(other.points_px, face.points_px)


@pytest.mark.parametrize("word", ["again", "milk", "no", "thanks", "yes"])
def test_a_person_across_the_room_is_found_in_every_frame(detector, word):
    """640 x 480 px, faces 85 px wide, hands before the face, and on one shirt a printed skull larger than a face."""
    for picture in frames(f"intel_asl_{word}.mkv", step=8):
        face = detector.find(picture)[0]
        assert face.box_xyxy_px[3] < 240
        assert 60 < box_width(face.box_xyxy_px) < 120


def test_heads_turned_by_fifty_degrees_are_found(detector):
    assert all(len(detector.find(p)) == 1 for p in frames("intel_head-pose-face-detection-female.gif", step=4))
    assert all(len(detector.find(p)) == 2 for p in frames("intel_head-pose-face-detection-female-and-male.gif", step=8))


def test_clouds_and_letters_are_no_faces(detector):
    assert [len(detector.find(p)) for p in frames("pyfeat_no_face.mp4", step=9)] == [0] * 11


def test_a_face_a_sixteenth_as_wide_as_the_picture_is_found_in_tiles(detector, astronaut):
    (face,) = detector.find(astronaut)
    side = round(box_width(face.box_xyxy_px) * 16)
    large = np.full((side * 9 // 16, side, 3), 90, np.uint8)
    large[200:712, 700:1212] = astronaut
    (found,) = detector.find(large)
    np.testing.assert_allclose(found.points_px - (700, 200), face.points_px, atol=4)


def test_several_faces_come_largest_first_and_each_once(detector):
    picture = cv2.cvtColor(cv2.imread(str(media("pyfeat_multi_face.jpg"))), cv2.COLOR_BGR2RGB)
    faces = detector.find(picture)
    widths = [box_width(face.box_xyxy_px) for face in faces]
    assert len(faces) >= 4
    assert widths == sorted(widths, reverse=True)
    assert max(overlap(a.box_xyxy_px, b.box_xyxy_px) for a in faces for b in faces if a is not b) < 0.2


def test_near_looks_only_there(detector, astronaut):
    (face,) = detector.find(astronaut)
    (held,) = detector.find(astronaut, face.box_xyxy_px)
    assert overlap(held.box_xyxy_px, face.box_xyxy_px) > 0.8
    assert detector.find(astronaut, (400.0, 400.0, 500.0, 500.0)) == []
    assert detector.find(astronaut, (-900.0, -900.0, -800.0, -800.0)) == []


def test_a_face_half_outside_the_picture_does_no_harm(detector, astronaut):
    for part in (astronaut[:, 230:], astronaut[130:], astronaut[:, :230], astronaut[:1], astronaut[:, :1]):
        for face in detector.find(part):
            assert np.isfinite(face.points_px).all()


@pytest.mark.parametrize("shape", [(10, 10), (10, 10, 4), (0, 10, 3)])
def test_a_picture_that_is_not_rgb_is_refused(detector, shape):
    with pytest.raises(DataError, match="uint8"):
        detector.find(np.zeros(shape, np.uint8))


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
    for x, y, side in knowledge_spreader.face.detector._tiles(*size):
        seen[max(y, 0) : y + side, max(x, 0) : x + side] = True
    assert seen.all()


@pytest.mark.parametrize(("size", "count"), [((640, 480), 0), ((1280, 720), 8), ((1920, 1080), 24), ((3840, 2160), 84)])
def test_fine_tiles_cover_large_pictures_with_squares_of_400_px(size, count):
    squares = knowledge_spreader.face.detector.fine_tiles(*size)
    assert len(squares) == count
    assert {side for _, _, side in squares} <= {400}
    seen = np.zeros(size[::-1], bool)
    for x, y, side in squares:
        seen[max(y, 0) : y + side, max(x, 0) : x + side] = True
    assert seen.all() == bool(count)


# ---- the runtimes


def test_nothing_is_said_and_mediapipe_is_not_imported():
    code = (
        "import sys, numpy as np\n"
        "from knowledge_spreader.face.detector import FaceDetector\n"
        "with FaceDetector() as d: print(d.find(np.zeros((99, 99, 3), np.uint8)), 'mediapipe' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("[] False\n", "")


def test_another_runtime_is_refused_with_those_that_there_are():
    with pytest.raises(DataError, match=r"--face-runtime must be one of openvino, mediapipe; got 'tflite'"):
        FaceDetector(runtime="tflite")


def test_a_detected_face_cannot_be_changed():
    face = DetectedFace((0, 0, 1, 1), np.zeros((6, 2), np.float32), 0.9)
    with pytest.raises(AttributeError):
        face.score = 1.0
