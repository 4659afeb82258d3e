"""face.blaze_face, face_mesh and blendshapes answer as MediaPipe's FaceDetector and FaceLandmarker do.

The largest differences seen, with mediapipe 1.2.3 and OpenVINO 2026.4.1:

    297 detections         whole-pixel boxes equal, points 0.00004 px of 128, scores 0.000001
    204 portraits          points 0.25 px of 256 (median of a face's largest: 0.05), blendshapes 0.022 (0.003)
    a blurred face, presence 0.8                        points 0.7 px, blendshapes 0.020
    blendshapes of MediaPipe's own points               0.00001

So the models and all that follows them agree; what differs are grey levels of the crop, by the rounding of OpenCV.
"""

import numpy as np
import pytest

from knowledge_spreader.face.blaze_face import BlazeFace
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.face.mesh_region import SIDE_PX, region_of_mesh
from tests.ks.face.face_pictures import frames, picture, regions, small
from tests.paths import SHARED

mediapipe = pytest.importorskip("mediapipe", reason="mediapipe, the truth of these tests, is not installed")
MODELS, MEDIA, LONDON = SHARED / "models", SHARED / "media", SHARED / "real_faces" / "london"
pytestmark = pytest.mark.skipif(
    not all(path.exists() for path in (MODELS / "face_landmarker.task", MEDIA, LONDON)),
    reason=f"MediaPipe's models or the pictures are not in {SHARED}",
)
STILLS = ("skimage_astronaut.png", "pyfeat_multi_face.jpg", "pyfeat_single_face.jpg", "coral_grace_hopper.bmp")
CLIPS = ("intel_asl_milk.mkv", "intel_head-pose-face-detection-female-and-male.gif", "pyfeat_no_face.mp4")


def image(array):
    return mediapipe.Image(image_format=mediapipe.ImageFormat.SRGB, data=np.ascontiguousarray(array))


def landmarker(*, faces, present=0.5, video=False):
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.core.base_options import BaseOptions

    return vision.FaceLandmarker.create_from_options(
        vision.FaceLandmarkerOptions(
            base_options=BaseOptions(model_asset_path=str(MODELS / "face_landmarker.task")),
            running_mode=vision.RunningMode.VIDEO if video else vision.RunningMode.IMAGE,
            num_faces=faces,
            min_face_presence_confidence=present,
            output_face_blendshapes=True,
        )
    )


@pytest.fixture(scope="module")
def truth():
    with landmarker(faces=10) as opened:
        yield opened


# ---- detections


def squares(pictures):
    """Each picture as a whole, and four parts of it, in which faces are cut off."""
    for whole in pictures:
        height, width = whole.shape[0] * 2 // 3, whole.shape[1] * 2 // 3
        for part in (whole, whole[:height], whole[-height:], whole[:, :width], whole[:, -width:]):
            yield small(part)[0]


def compare_detections(shown):
    """How many faces, and the largest differences of points (px) and scores. Boxes must be equal."""
    from mediapipe.tasks.python import vision
    from mediapipe.tasks.python.core.base_options import BaseOptions

    base = BaseOptions(model_asset_path=str(MODELS / "blaze_face_short_range.tflite"))
    options = vision.FaceDetectorOptions(base_options=base, min_detection_confidence=0.2)
    ours = BlazeFace(threads=1).detect(shown)
    points, scores, n = [0.0], [0.0], 0
    with vision.FaceDetector.create_from_options(options) as theirs:
        for faces, seen in zip(ours, shown, strict=True):
            found = theirs.detect(image(seen)).detections
            assert len(found) == len(faces)
            for face, other in zip(faces, found, strict=True):
                box = other.bounding_box
                corners = [(box.origin_x, box.origin_y), (box.origin_x + box.width, box.origin_y + box.height)]
                assert face.whole_corners().tolist() == np.array(corners).tolist()
                points.append(np.abs(face.points_px - [(p.x * 128, p.y * 128) for p in other.keypoints]).max())
                scores.append(abs(face.score - other.categories[0].score))
                n += 1
    return n, max(points), max(scores)


def test_detections_are_equal_on_stills_with_faces_cut_off():
    n, points, scores = compare_detections(np.stack(list(squares(picture(MEDIA / name) for name in STILLS))))
    assert n > 20
    assert points < 1e-3
    assert scores < 1e-5


@pytest.mark.slow
def test_detections_are_equal_on_videos_and_portraits():
    videos = [small(p)[0] for name in CLIPS for i, p in enumerate(frames(MEDIA / name)) if i % 5 == 0]
    n, points, scores = compare_detections(np.stack(videos + [small(picture(p))[0] for p in portraits(step=4)]))
    assert n > 100
    assert points < 1e-3
    assert scores < 1e-5


# ---- points and blendshapes


def portraits(step):
    return sorted(LONDON.glob("*.jpg"))[::step]


def compare_meshes(shown, found, squares_, answer, blendshapes):
    """Largest differences of points (x, y; px of 256) and of blendshapes, per face that MediaPipe found."""
    height, width = shown.shape[:2]
    values, differences = blendshapes.values(answer.points_px), []
    for marks, shapes in zip(found.face_landmarks, found.face_blendshapes, strict=True):
        assert tuple(shape.category_name for shape in shapes) == NAMES
        points = np.array([(mark.x * width, mark.y * height) for mark in marks])
        ours = int(np.argmin([np.abs(other[:, :2] - points).mean() for other in answer.points_px]))
        scale = SIDE_PX / squares_[ours].side_px
        differences.append(
            (
                np.abs(answer.points_px[ours, :, :2] - points).max() * scale,
                np.abs(values[ours] - [shape.score for shape in shapes]).max(),
            )
        )
    return differences


def compare_stills(paths, truth, detector, mesh, blendshapes):
    differences = []
    for path in paths:
        shown = picture(path)
        squares_ = regions(shown, detector)
        answer, found = mesh.find(shown, squares_), truth.detect(image(shown))
        assert len(found.face_landmarks) == (answer.presence > 0.5).sum()
        differences += compare_meshes(shown, found, squares_, answer, blendshapes)
    return np.array(differences)


def test_points_and_blendshapes_are_equal_on_stills(truth, detector, mesh, blendshapes):
    found = compare_stills([MEDIA / name for name in STILLS], truth, detector, mesh, blendshapes)
    assert len(found) == 5
    assert found[:, 0].max() < 1  # px of 256; without the blurred face: 0.15
    assert found[:, 1].max() < 0.03  # without the blurred face: 0.013


@pytest.mark.slow
def test_points_and_blendshapes_are_equal_on_portraits(truth, detector, mesh, blendshapes):
    found = compare_stills(portraits(step=8), truth, detector, mesh, blendshapes)
    assert len(found) == len(portraits(step=8))
    assert found[:, 0].max() < 0.5
    assert found[:, 1].max() < 0.03
    assert np.median(found[:, 0]) < 0.1
    assert np.median(found[:, 1]) < 0.005


@pytest.mark.parametrize("degrees", [40, -90, 180])
def test_points_are_equal_on_turned_heads(truth, detector, mesh, blendshapes, degrees):
    import cv2

    upright = picture(MEDIA / "skimage_astronaut.png")
    turned = cv2.warpAffine(upright, cv2.getRotationMatrix2D((224, 120), degrees, 1), (512, 512))
    squares_ = regions(turned, detector)
    found = truth.detect(image(turned))
    assert len(found.face_landmarks) == len(squares_)
    for points, values in compare_meshes(turned, found, squares_, mesh.find(turned, squares_), blendshapes):
        assert points < 1
        assert values < 0.03


def test_presence_is_between_the_thresholds_at_which_mediapipe_changes_its_mind(detector, mesh):
    shown = picture(MEDIA / "pyfeat_multi_face.jpg")
    presence = np.sort(mesh.find(shown, regions(shown, detector)).presence)
    unsure = float(presence[1])
    assert presence[0] < 0.1 < unsure < 0.9 < presence[2]
    for present, expected in ((unsure - 0.03, 2), (unsure + 0.03, 1)):
        with landmarker(faces=10, present=present) as theirs:
            assert len(theirs.detect(image(shown)).face_landmarks) == expected


@pytest.mark.slow
def test_two_faces_are_followed_as_in_mediapipes_video_mode(detector, mesh, blendshapes):
    """With two faces: MediaPipe smooths the points over time if it looks for one face only."""
    differences, squares_ = [], []
    with landmarker(faces=2, video=True) as theirs:
        for i, shown in enumerate(frames(MEDIA / CLIPS[1])):
            if i == 50:
                break
            squares_ = squares_ or regions(shown, detector)
            answer, found = mesh.find(shown, squares_), theirs.detect_for_video(image(shown), i * 40)
            assert len(found.face_landmarks) == len(squares_) == 2
            differences += compare_meshes(shown, found, squares_, answer, blendshapes)
            squares_ = [region_of_mesh(points) for points in answer.points_px]
    assert len(differences) == 100
    assert np.max(differences, axis=0)[0] < 0.5
    assert np.max(differences, axis=0)[1] < 0.03
