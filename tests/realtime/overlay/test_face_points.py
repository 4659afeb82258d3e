"""face_points.py: points, axes and gaze lie where the face's mesh says, and only where somebody asked for them."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.realtime.overlay.draw import Overlay, draw
from knowledge_spreader.realtime.overlay.face_points import draw_face
from tests.realtime.sinks.results import answer, meshed, result

GREY = np.full((480, 640, 3), 90, np.uint8)


def drawn(landmarks, face=None):
    """Which pixels differ from the grey ground."""
    each = result(0, face or meshed(answer(0)), image=GREY)
    image = GREY.copy()
    draw_face(image, each.faces[0], each.frame, landmarks)
    return (image != GREY).any(2)


@pytest.mark.parametrize("landmarks", ["68", "478"])
def test_a_drawn_point_is_where_the_mesh_has_it(landmarks):
    face = meshed(answer(0))
    axes, both = drawn("none"), drawn(landmarks)
    assert both.sum() > axes.sum()
    for index in (33, 263, 10 if landmarks == "478" else 133):  # points of both kinds, right in results.py
        x, y = np.rint(face.face.landmarks.points_px[index, :2]).astype(int)
        assert both[y - 1 : y + 2, x - 1 : x + 2].any()


def test_the_nose_axis_points_to_the_persons_left_and_up_as_the_head_is_turned():
    """results.py turns it by 20 degrees to the left, the picture's right, and by 10 up; the blue ball is its end."""
    each = result(0, meshed(answer(0)), image=GREY)
    image = GREY.copy()
    draw_face(image, each.faces[0], each.frame, "none")
    blue = np.argwhere((image == (120, 170, 255)).all(2)).mean(0)[::-1]
    bridge = each.faces[0].face.landmarks.points_px[6, :2]
    assert blue[0] > bridge[0] + 5
    assert blue[1] < bridge[1]


def test_a_face_without_a_mesh_has_nothing_and_nothing_is_drawn_unasked():
    assert not drawn("68", answer(0)).any()
    each = result(0, meshed(answer(0)), image=GREY)
    bare = result(0, answer(0), image=GREY)
    np.testing.assert_array_equal(draw(each), draw(bare))
    assert (draw(each, points="68") != draw(each)).any()


def test_a_face_beyond_the_picture_does_no_harm():
    face = meshed(answer(0))
    face.face.landmarks.points_px[:, :2] += (5000, -9000)
    assert not drawn("478", face).any()


def test_a_photograph_has_its_points_as_a_frame_of_a_film_has():
    each = result(0, meshed(answer(0)), image=GREY)
    still = replace(each, frame=replace(each.frame, stream=replace(each.frame.stream, stills=1)))
    np.testing.assert_array_equal(Overlay(points="68").draw(still), draw(still, points="68"))
    assert (Overlay(points="68").draw(still) != Overlay().draw(still)).any()
