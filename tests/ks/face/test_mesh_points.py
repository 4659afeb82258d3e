"""The crop's six key points from the face mesh."""

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.mesh_points import key_points


def mesh(seed: int = 0) -> np.ndarray:
    """Points at random, with eyes 60 px apart at (100, 100)."""
    points = np.random.default_rng(seed).normal((100, 130), 40, (478, 2))
    points[[33, 133]], points[[362, 263]] = (70, 100), (130, 100)
    return points


def test_they_turn_grow_and_move_with_the_mesh() -> None:
    points = mesh()
    angle, scale, shift = 0.7, 1.8, np.array([30.0, -12.0])
    turn = scale * np.array([(np.cos(angle), -np.sin(angle)), (np.sin(angle), np.cos(angle))])
    np.testing.assert_allclose(key_points(points @ turn.T + shift), key_points(points) @ turn.T + shift, atol=1e-9)


def test_depth_is_not_used() -> None:
    points = mesh()
    np.testing.assert_array_equal(key_points(np.column_stack([points, points[:, 0]])), key_points(points))


@pytest.mark.parametrize("points", [np.zeros((477, 2)), np.zeros((478, 2)), np.full((478, 2), np.nan)])
def test_what_is_no_face_is_refused(points: np.ndarray) -> None:
    with pytest.raises(DataError, match="a face mesh must have"):
        key_points(points)
