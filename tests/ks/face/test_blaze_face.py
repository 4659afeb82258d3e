"""face.blaze_face: a rendered person is found; anchors, averaging and rounding by hand."""

import csv

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blaze_face import ANCHORS_PX, BlazeFace, Detection, _merged, _overlaps
from tests.ks.face.face_pictures import DEMO, frames, small


@pytest.fixture(scope="module")
def detector():
    return BlazeFace(threads=1)


def test_the_anchors_are_two_per_cell_of_16_x_16_and_six_per_cell_of_8_x_8():
    assert ANCHORS_PX.shape == (16 * 16 * 2 + 8 * 8 * 6, 2)
    assert ANCHORS_PX[:3].tolist() == [[4, 4], [4, 4], [12, 4]]  # cells of 8 px, x runs first
    assert ANCHORS_PX[32].tolist() == [4, 12]
    assert ANCHORS_PX[512:519].tolist() == [[8, 8]] * 6 + [[24, 8]]  # cells of 16 px
    assert ANCHORS_PX[-1].tolist() == [120, 120]


def test_the_rendered_person_of_the_demo_is_found_in_its_first_picture(detector):
    shown, _ = small(next(frames(DEMO / "clip.mp4")))
    (face,) = detector.detect(shown[None])[0]
    right_eye, left_eye, nose, mouth, right_ear, left_ear = face.points_px
    assert face.score > 0.9
    assert right_ear[0] < right_eye[0] < nose[0] < left_eye[0] < left_ear[0]
    assert max(right_eye[1], left_eye[1]) < nose[1] < mouth[1]
    assert (face.corners_px[0] < face.points_px[:4].min(0)).all()
    assert (face.corners_px[1] > face.points_px[:4].max(0)).all()


def test_many_pictures_are_answered_as_one_by_one(detector):
    shown, _ = small(next(frames(DEMO / "clip.mp4")))
    batch = np.stack([np.zeros_like(shown), shown, shown[:, ::-1]])
    answers = detector.detect(batch)
    assert [len(faces) for faces in answers] == [0, 1, 1]
    for faces, picture in zip(answers, batch, strict=True):
        for face, alone in zip(faces, detector.detect(picture[None])[0], strict=True):
            np.testing.assert_array_equal(face.points_px, alone.points_px)
    assert detector.detect(batch[:0]) == []


def test_a_mirrored_face_has_mirrored_points(detector):
    shown, _ = small(next(frames(DEMO / "clip.mp4")))
    (face,), (mirrored,) = detector.detect(np.stack([shown, shown[:, ::-1]]))
    swapped = mirrored.points_px[[1, 0, 2, 3, 5, 4]]
    np.testing.assert_allclose((128 - swapped[:, 0], swapped[:, 1]), face.points_px.T, atol=2)


@pytest.mark.slow
def test_the_rendered_person_is_found_in_every_picture_whatever_the_face_does(detector):
    shown = np.stack([small(picture)[0] for picture in frames(DEMO / "clip.mp4")])
    with (DEMO / "clip.csv").open() as file:
        assert len(list(csv.DictReader(file))) == len(shown)
    assert [len([f for f in faces if f.score > 0.75]) for faces in detector.detect(shown)] == [1] * len(shown)


def test_a_higher_lowest_score_finds_less(detector):
    shown, _ = small(next(frames(DEMO / "clip.mp4")))
    score = detector.detect(shown[None])[0][0].score
    assert BlazeFace(min_score=score - 0.01, threads=1).detect(shown[None])[0]
    assert not BlazeFace(min_score=score + 0.01, threads=1).detect(shown[None])[0]
    with pytest.raises(DataError, match=r"between 0 and 1; got 1\.5"):
        BlazeFace(min_score=1.5)


@pytest.mark.parametrize("array", [np.zeros((128, 128, 3), np.uint8), np.zeros((1, 128, 128, 3))])
def test_another_array_is_refused(detector, array):
    with pytest.raises(DataError, match=r"takes uint8 \(B, 128, 128, 3\); got"):
        detector.detect(array)


# ---- averaging, by hand


def answer(left, top, side):
    """(8, 2): a square box, and six points in its left upper corner."""
    return [(left, top), (left + side, top + side)] + [(left, top)] * 6


def test_answers_that_overlap_are_averaged_with_their_scores_as_weights():
    found = np.array([answer(0, 0, 10), answer(100, 0, 10), answer(2, 0, 10)], float)
    faces = _merged(found, np.array([0.6, 0.5, 0.9]))
    # 0 and 2 overlap by 80 / 120 = 0.67; x = (0.6 * 0 + 0.9 * 2) / 1.5 = 1.2
    np.testing.assert_allclose(faces[0].corners_px, [(1.2, 0), (11.2, 10)])
    np.testing.assert_allclose(faces[0].points_px, [(1.2, 0)] * 6)
    np.testing.assert_allclose(faces[1].corners_px, [(100, 0), (110, 10)])
    assert [face.score for face in faces] == [0.9, 0.5]


def test_overlap_is_intersection_over_union():
    boxes = np.array([[(0, 0), (2, 2)], [(1, 0), (3, 2)], [(5, 5), (6, 6)]], float)
    np.testing.assert_allclose(_overlaps(boxes, boxes[0]), [1, 2 / 6, 0])


def test_nothing_is_averaged_to_nothing():
    assert _merged(np.empty((0, 8, 2)), np.empty(0)) == []


def test_whole_corners_lose_the_fractions_of_place_and_size():
    corners = np.array([(44.39, -0.72), (68.23, 23.11)])
    assert Detection(corners, np.zeros((6, 2)), 0.9).whole_corners().tolist() == [[44, 0], [44 + 23, 23]]
