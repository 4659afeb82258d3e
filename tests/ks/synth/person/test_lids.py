"""synth.person.lids: at rest the upper lid lies as high over the pupil as people's, and irises are of people's size."""

import dataclasses
from functools import cache

import numpy as np
import pytest

from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.lids import lid_height_of, pupils, upper_lid
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.head import Head
from knowledge_spreader.synth.rendering.renderer import Renderer
from tests.ks.synth.asset_folder import assets, needs_assets, skip_without_driver

EUROPEAN = {"african": 0.0, "asian": 0.0, "caucasian": 1.0}
ASIAN = {"african": 0.0, "asian": 1.0, "caucasian": 0.0}
SIZE = (448, 448)


@cache
def head_of(seed):
    """Made once for all tests: it takes a fifth of a second."""
    return Head(assets(), cast(assets(), seed))


def lid_heights(head, pose=None):
    """Of the upper lids' edges over the middles of the pupils, left and right, in distances between the eyes."""
    layers, moved = {layer.name: layer for layer in head.layers}, head.moved(pose or Pose())[0]
    skin = head.keep[head.skin_places]
    eyes_dm = np.linalg.norm(np.subtract(*head.eyes()))
    found = []
    for side, middle in enumerate(pupils(layers["eyes"].rest)):
        edge = moved["skin"].position[np.flatnonzero(skin == upper_lid(assets(), side))[0], 1]
        found.append((edge - moved["eyes"].position[middle, 1].mean()) / eyes_dm)
    return np.array(found)


def bare(seed, **changes):
    return dataclasses.replace(cast(assets(), seed), glasses=None, **changes)


@needs_assets
@pytest.mark.parametrize("seed", [3, 11, 59, 67])
def test_lids_rest_near_the_height_that_a_person_has(seed):
    shapes_own = lid_heights(Head(assets(), bare(seed, lid_height=None)))
    for wanted in (0.05, 0.085):
        left = np.abs(lid_heights(Head(assets(), bare(seed, lid_height=wanted))) - wanted)
        assert (left < np.maximum(0.25 * np.abs(shapes_own - wanted), 0.012)).all()


@pytest.mark.slow
@needs_assets
def test_open_eyes_differ_from_person_to_person_as_much_as_in_life():
    heights_mm = 63 * np.array([lid_heights(head_of(seed)).mean() for seed in range(24)])
    assert 3.3 < heights_mm.mean() < 4.9
    assert 0.4 < heights_mm.std() < 1.4
    shapes_mm = 63 * np.array([lid_heights(Head(assets(), bare(seed, lid_height=None))).mean() for seed in range(24)])
    assert heights_mm.std() < shapes_mm.std()


def test_lids_rest_lower_in_old_age_and_with_an_epicanthic_fold():
    def mean(races, years):
        return np.mean([lid_height_of(np.random.default_rng(seed), races, years) for seed in range(50)])

    assert mean(EUROPEAN, 75) < mean(EUROPEAN, 30) - 0.004
    assert mean(ASIAN, 30) < mean(EUROPEAN, 30) - 0.004


@needs_assets
def test_a_raised_lid_shows_the_white_over_the_iris():
    """And a resting one does not: the iris is 11 to 13 mm wide, its upper edge about 6 mm over the pupil's middle."""
    edge = 6.1 / 63
    resting = np.array([lid_heights(head_of(seed)).mean() for seed in range(12)])
    raised = np.array([lid_heights(head_of(seed), pose_of({5: 0.9})).mean() for seed in range(12)])
    assert (resting < edge).mean() > 0.9
    assert (raised > edge).mean() > 0.7


@needs_assets
def test_a_smaller_iris_leaves_more_white():
    skip_without_driver()
    drawn = []
    with Renderer(assets(), *SIZE, samples=1, shadow_px=256) as renderer:
        for size in (1.0, 0.8):
            renderer.set_person(bare(5002, iris_size=size))
            renderer.set_scene(studio(SIZE))
            drawn.append(renderer.draw(pose_of({5: 1.0})).astype(int))
    less, more = drawn
    lighter = (more - less).min(2) > 25  # white where iris was
    assert lighter.sum() > 40
    assert lighter.sum() > 3 * ((less - more).min(2) > 25).sum()
