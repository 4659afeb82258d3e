"""A person's brows lie where they are laid, on the skin; a short clip is a piece of a longer performance."""

import numpy as np

from ks.synth.brows import Brows, laid
from ks.synth.scripts import script
from ks.synth.shapes import Seat

X, Y = (a.ravel() for a in np.meshgrid(np.linspace(-1, 1, 41), np.linspace(6.5, 8, 31)))
SKIN = np.stack([X, Y, 1.5 - 0.3 * X**2 - 0.2 * (Y - 7) ** 2], 1).astype(np.float32)  # a forehead, bent both ways


def brow_seat() -> Seat:
    """Twelve vertices, six over each eye, a little off the skin."""
    at = np.flatnonzero((np.abs(np.abs(X) - 0.35) < 0.13) & (np.abs(Y - 7.25) < 0.03))
    weights = np.tile(np.array([1, 0, 0], np.float32), (len(at), 1))
    return Seat(np.stack([at, at, at], 1), weights, np.full((len(at), 3), (0, 0, 0.01), np.float32))


def moved(**how: float) -> np.ndarray:
    seat = brow_seat()
    return laid(seat, Brows(**how), SKIN, SKIN, 1.0).on(SKIN) - seat.on(SKIN)


def test_brows_of_their_own_place_stay_there() -> None:
    assert abs(moved()).max() < 1e-6


def test_raised_brows_follow_the_forehead_back() -> None:
    change = moved(up_dm=0.1)
    np.testing.assert_allclose(change[:, 1], 0.1, atol=1e-5)
    np.testing.assert_allclose(change[:, 2], -0.2 * (0.35**2 - 0.25**2), atol=0.006)


def test_one_brow_may_be_higher_and_they_may_part() -> None:
    right = brow_seat().on(SKIN)[:, 0] < 0
    uneven, parted = moved(uneven_dm=0.02), moved(apart_dm=0.03)
    np.testing.assert_allclose(uneven[~right, 1], 0.01, atol=1e-5)
    np.testing.assert_allclose(uneven[right, 1], -0.01, atol=1e-5)
    np.testing.assert_allclose(parted[:, 0], np.where(right, -0.03, 0.03), atol=1e-5)


def test_a_tilt_lifts_the_outer_ends_of_both() -> None:
    at, change = brow_seat().on(SKIN), moved(tilt_rad=0.2)
    outer = np.abs(at[:, 0]) > 0.4
    inner = np.abs(at[:, 0]) < 0.3
    assert (change[outer, 1] > 0).all()
    assert (change[inner, 1] < 0).all()


def test_a_short_clip_shows_a_face_that_has_begun() -> None:
    first = [script("posed", seed, 12, 25.0).au[0].max() > 0.2 for seed in range(60)]
    assert len(script("posed", 0, 12, 25.0)) == 12
    assert np.mean(first) > 0.5
