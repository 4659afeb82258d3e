"""face.mesh_region: the square around a face, by hand, and there and back."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.mesh_region import Region, region_of_detection, region_of_mesh

AXIS = st.floats(-500, 500)
REGIONS = st.builds(Region, AXIS, AXIS, st.floats(10, 2000), st.floats(-math.pi, math.pi))


def test_a_detection_with_level_eyes_gives_an_upright_square_of_one_and_a_half_boxes():
    points = np.array([(40, 50), (60, 50), (50, 60), (50, 70), (30, 55), (70, 55)], float)
    region = region_of_detection(np.array([(30, 40), (70, 80)], float), points)
    assert region == Region(50, 60, 60, 0)


def test_eyes_that_sink_to_the_right_turn_the_square_clockwise():
    points = np.zeros((6, 2))
    points[:2] = (40, 40), (60, 60)
    region = region_of_detection(np.array([(30, 40), (70, 90)], float), points)
    assert region == Region(50, 65, 75, math.pi / 4)  # 75: the longer side, 50, counts


def test_the_next_square_spans_all_points():
    points = np.full((478, 3), 100.0)
    points[0], points[1] = (80, 90, 5), (140, 130, -5)
    points[33], points[263] = (100, 100, 0), (120, 100, 0)
    assert region_of_mesh(points) == Region(110, 110, 90, 0)


def test_corners_of_the_square_are_corners_of_the_mesh():
    region = Region(100, 50, 64, 0)
    points = np.array([(0, 0, 0), (256, 256, 4), (128, 128, -8)], np.float32)
    np.testing.assert_allclose(region.to_picture(points), [(68, 18, 0), (132, 82, 1), (100, 50, -2)])


def test_a_quarter_turn_puts_the_left_upper_corner_at_the_right():
    corner = Region(0, 0, 2, math.pi / 2).to_picture(np.zeros((1, 3), np.float32))
    np.testing.assert_allclose(corner, [(1, -1, 0)], atol=1e-6)  # (-1, -1) turned clockwise, y points down


@given(REGIONS)
def test_the_square_is_as_large_and_as_turned_as_it_says(region):
    left_top, right_top = region.to_picture(np.array([(0, 0, 0), (256, 0, 0)], np.float32))[:, :2].astype(float)
    along = right_top - left_top
    assert math.hypot(*along) == pytest.approx(region.side_px, rel=1e-3)
    turn = math.atan2(along[1], along[0]) - region.angle
    assert math.cos(turn) == pytest.approx(1, abs=1e-4)


def test_a_spot_is_cut_out_where_the_matrix_says():
    picture = np.zeros((200, 200, 3), np.uint8)
    picture[118:123, 78:83] = 255  # its middle is pixel 80, 120
    region = Region(100, 100, 128, 0.5)
    rows, columns = np.nonzero(region.cut(picture)[..., 0] > 127)
    found = region.to_picture(np.array([(columns.mean(), rows.mean(), 0)], np.float32))
    np.testing.assert_allclose(found[0, :2], (80, 120), atol=0.2)


def test_outside_the_picture_its_border_is_repeated():
    picture = np.full((10, 10, 3), 90, np.uint8)
    assert (Region(0, 0, 100, 1.0).cut(picture) == 90).all()


@pytest.mark.parametrize("numbers", [(0, 0, 0, 0), (0, 0, -1, 0), (math.nan, 0, 1, 0), (0, 0, math.inf, 0)])
def test_a_square_without_a_size_is_refused(numbers):
    with pytest.raises(DataError, match="finite and larger than 0"):
        Region(*numbers)
