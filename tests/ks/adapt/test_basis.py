"""basis.py: directions of the faces that are there, all of the same length."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.adapt.basis import coordinates, find_basis
from knowledge_spreader.errors import DataError
from tests.ks.adapt.made_up import POINTS, WIDTH, all_tokens, made_up


def test_coordinates_have_mean_0_and_variance_1_and_are_not_correlated() -> None:
    faces, _ = made_up(2, 300)
    seen = coordinates(find_basis(faces), faces).tokens
    assert seen.shape == (600, WIDTH)
    assert seen.mean(axis=0) == pytest.approx(np.zeros(WIDTH), abs=1e-4)
    assert np.cov(seen.T) == pytest.approx(np.eye(WIDTH), abs=0.02)


def test_blocks_of_recordings_give_the_basis_of_all() -> None:
    faces, _ = made_up(3, 100)
    one = replace(faces, tokens=[all_tokens(faces)])
    assert np.abs(coordinates(find_basis(one), one).tokens) == pytest.approx(
        np.abs(coordinates(find_basis(faces), faces).tokens), abs=1e-2
    )


def test_no_more_directions_than_faces_tell() -> None:
    faces, _ = made_up(1, 22)
    assert find_basis(faces).n_tokens == 21
    assert find_basis(faces, directions=3).n_tokens == 3


def test_faces_without_landmarks_have_no_coordinates_of_points() -> None:
    faces, _ = made_up(1, 100, points=False)
    assert coordinates(find_basis(faces), faces).points.shape == (100, 0)
    some, _ = made_up(1, 100, points=0.5)
    seen = coordinates(find_basis(some), some).points
    assert seen.shape == (100, POINTS)
    assert (np.isfinite(seen[:, 0]) == some.has_points).all()


def test_faces_that_are_all_alike_give_finite_coordinates() -> None:
    faces, _ = made_up(1, 50)
    still = replace(faces, tokens=[np.ones((50, WIDTH), np.float32)], points=np.ones((50, POINTS), np.float32))
    seen = coordinates(find_basis(still), still)
    assert np.isfinite(seen.tokens).all()
    assert np.isfinite(seen.points).all()


def test_too_few_faces_are_refused() -> None:
    faces, _ = made_up(1, 19)
    with pytest.raises(DataError, match="19 frames with a face are too few"):
        find_basis(faces)
