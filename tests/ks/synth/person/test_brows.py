"""A person's brows lie where they are laid, on the skin; a short clip is a piece of a longer performance."""

import dataclasses

import numpy as np
import pytest

from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.motion.scripts import script
from knowledge_spreader.synth.person.brows import Brows, brow_colour_of, laid
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.person.shapes import Seat
from knowledge_spreader.synth.rendering.renderer import Renderer
from tests.ks.synth.asset_folder import assets, needs_assets, skip_without_driver

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


@pytest.fixture(scope="module")
def renderer():
    skip_without_driver()
    with Renderer(assets(), 320, 320, samples=1, shadow_px=256) as made:
        yield made


@pytest.mark.slow
@needs_assets
@pytest.mark.parametrize("half", [0, 1])
def test_brows_of_every_style_are_seen_at_rest_raised_and_lowered(renderer, half):
    """Some are painted in black alone; some lie under skin that bulges through them. Two people wear half of them each,
    and are drawn once without any."""
    styles = sorted(name for name in assets().wear if name.startswith("eyebrows/"))
    assert len(styles) > 9
    who = dataclasses.replace(cast(assets(), (5003, 5011)[half]), glasses=None, brow_colour=(0.01, 0.008, 0.006))

    def drawn(style, density):
        wears = dict(who.wears) | {"brows": style}
        renderer.set_person(dataclasses.replace(who, wears=wears, brow_density=density))
        renderer.set_scene(studio((320, 320)))
        return [renderer.draw(pose).astype(int) for pose in (Pose(), pose_of({1: 0.8}), pose_of({4: 0.9}))]

    bare = drawn(styles[half], 0.0)
    for style in styles[half::2]:
        seen = [int(((no - yes).mean(2) > 25).sum()) for no, yes in zip(bare, drawn(style, 1.2), strict=True)]
        assert min(seen) > 15, (style, seen)  # pixels; the distance between the eyes is about 70


def test_most_brows_are_much_darker_than_the_skin():
    tone, blond = (0.6, 0.3, 0.21), (0.42, 0.29, 0.15)
    share = np.array([sum(brow_colour_of(np.random.default_rng(seed), blond, tone)) for seed in range(200)]) / sum(tone)
    assert 0.7 < (share < 0.42).mean() < 0.9
    dark = [brow_colour_of(np.random.default_rng(seed), (0.01, 0.009, 0.008), tone) for seed in range(20)]
    assert max(max(colour) for colour in dark) < 0.012  # dark hair keeps its own
