"""The face mesh holds a face, steadies its crop, and lets go of what is no face."""

import numpy as np
import pytest

from knowledge_spreader.arrays import F64
from knowledge_spreader.face.alignment import transform
from knowledge_spreader.face.blendshapes import NAMES, Blendshapes
from knowledge_spreader.realtime.faces.finder import UNCONFIRMED_S, FaceFinder
from tests.realtime.faces.moving_faces import MODEL, clip, every, frame, needs_media, paste, picture, shot

pytestmark = needs_media
STEP_S = 1 / 30


@pytest.fixture(scope="module")
def one_finder():
    with FaceFinder(MODEL, 224, mesh=True) as made:
        yield made


@pytest.fixture
def finder(one_finder):
    one_finder.forget(0)
    return one_finder


def shifts_px(points: list[F64]) -> F64:
    """How far the corners of each crop's middle lie from those of the mean crop, in pixels of 224."""
    corners = np.array([(0.2, 0.2), (0.8, 0.2), (0.2, 0.8), (0.8, 0.8)]) * 224
    mean = transform(np.mean(points, axis=0), 224)
    at = (corners - mean[:, 2]) @ np.linalg.inv(mean[:, :2]).T
    moved = [at @ (one := transform(p, 224))[:, :2].T + one[:, 2] - corners for p in points]
    return np.linalg.norm(moved, axis=-1)


@pytest.mark.parametrize("who", ["astronaut", pytest.param("hopper", marks=pytest.mark.slow)])
@pytest.mark.parametrize("width", [50, 64, 85])
def test_the_crop_of_a_still_face_moves_by_less_than_0_3_px(finder: FaceFinder, who: str, width: int) -> None:
    points = []
    for time_s in every(STEP_S, 0, 2):
        (found,) = finder.find(shot([(who, 320, 180, width)], time_s))
        assert found.face.landmarks is not None
        if time_s > 0.7:
            points.append(found.face.points_px)
    assert shifts_px(points).max() <= 0.3


def test_landmarks_lie_on_the_face_and_show_its_smile(finder: FaceFinder) -> None:
    (found,) = finder.find(frame(picture("skimage_astronaut.png"), 0.0))
    landmarks = found.face.landmarks
    assert landmarks is not None
    assert landmarks.points_px.shape == (478, 3)
    assert landmarks.presence > 0.9
    left, top, right, bottom = found.face.box_xyxy_px
    middle = landmarks.points_px[:, :2].mean(0)
    assert left < middle[0] < right
    assert top < middle[1] < bottom
    (values,) = Blendshapes().values(landmarks.points_px[None])
    assert values[NAMES.index("mouthSmileLeft")] > 0.5  # she smiles


def test_two_people_in_a_clip_have_their_own_landmarks_in_every_frame(finder: FaceFinder) -> None:
    for time_s, image in clip("intel_head-pose-face-detection-female-and-male.gif"):
        found = finder.find(frame(image, time_s))
        assert [one.face.face_id for one in found] == [0, 1]
        for one in found:
            assert one.face.landmarks is not None
            left, _, right, _ = one.face.box_xyxy_px
            assert left < one.face.landmarks.points_px[:, 0].mean() < right


def test_a_face_that_is_covered_is_let_go(finder: FaceFinder) -> None:
    """A flat patch of skin covers the face; whatever the mesh sees in it, the detector sees nothing."""
    for time_s in every(STEP_S, 0, 1):
        assert len(finder.find(shot([("astronaut", 320, 180, 100)], time_s))) == 1
    end_s = 1 + UNCONFIRMED_S + 0.6
    for time_s in every(STEP_S, 1, end_s):
        covered = shot([], time_s).image.copy()
        covered[100:260, 250:390] = (180, 140, 120)
        found = finder.find(frame(covered, time_s))
    assert found == []


def test_a_face_that_turns_out_of_the_plane_is_followed(finder: FaceFinder) -> None:
    """Rolled by the picture, 3 degrees a frame: the square turns with it, and the id stays."""
    import cv2

    image = np.zeros((512, 512, 3), np.uint8)
    paste(image, "astronaut", 256, 256, 120)
    for i in range(15):
        turn = cv2.getRotationMatrix2D((256, 256), 3.0 * i, 1)
        (found,) = finder.find(frame(np.asarray(cv2.warpAffine(image, turn, (512, 512)), np.uint8), i * STEP_S))
        assert found.face.face_id == 0
        assert found.face.landmarks is not None
