"""synth.dataset.occurrence: an AU is present where it can be seen, and unknown where nobody could say."""

import dataclasses

import numpy as np
import pytest

from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset import visibility_thresholds
from knowledge_spreader.synth.dataset.clip import clip_of, shots
from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.dataset.occurrence import (
    BAND,
    FRINGES,
    THRESHOLDS,
    UNKNOWN,
    Obstacle,
    far_side,
    occurrence,
    region,
    sight_of,
)
from knowledge_spreader.synth.dataset.visibility_thresholds import STEPS, Seen
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.sensor import Sensor
from tests.ks.synth.asset_folder import assets, needs_assets, skip_without_driver

I = {unit: i for i, unit in enumerate(AUS)}  # noqa: E741
NOBODY = Person(shape={}, races={}, wears={}, skin="", iris="")
SIZE = (96, 96)


def marks(aus, hair="", side=None):
    """What is marked for these AUs on both sides, or on one (0 left, 1 right)."""
    au = pose_of(aus).au.copy()
    if side is not None:
        au[:, 1 - side] = 0
    wears = {"hair": hair} if hair else {}
    return occurrence(au, au.max(1), sight_of(dataclasses.replace(NOBODY, wears=wears)))


@pytest.mark.parametrize("unit", AUS)
def test_a_unit_is_present_above_its_threshold_absent_below_and_unknown_between(unit):
    threshold = THRESHOLDS[unit]
    assert marks({unit: threshold * (1 + BAND) + 0.01})[I[unit]] == 1
    assert marks({unit: threshold})[I[unit]] == UNKNOWN
    assert marks({unit: threshold * (1 - BAND) - 0.01})[I[unit]] == 0
    assert (np.delete(marks({unit: 1.0}), I[unit]) == 0).all()


def test_the_stronger_side_counts():
    assert marks({2: 0.8}, side=0)[I[2]] == marks({2: 0.8}, side=1)[I[2]] == 1


def test_behind_a_fringe_a_side_cannot_be_judged():
    hair = "hair/bob02"
    assert FRINGES[hair][1]
    assert marks({2: 0.8}, hair, side=1)[I[2]] == UNKNOWN
    assert marks({2: 0.8}, hair, side=0)[I[2]] == 1
    assert marks({2: 0.0}, hair)[I[2]] == 0
    assert marks({12: 0.8}, hair, side=1)[I[12]] == 1  # the mouth is free


@pytest.mark.parametrize(("turned_rad", "hidden"), [(0.3, None), (0.5, 0), (-0.5, 1)])
def test_of_a_turned_head_the_far_side_cannot_be_judged_alone(turned_rad, hidden):
    assert far_side(turned_rad) == hidden
    for side in (0, 1):
        au = pose_of({12: 0.9}).au.copy()
        au[:, 1 - side] = 0
        found = occurrence(au, au.max(1), sight_of(NOBODY), far=far_side(turned_rad))
        assert found[I[12]] == (UNKNOWN if side == hidden else 1)
        assert (np.delete(found, I[12]) == 0).all()
    both = pose_of({12: 0.9}).au
    assert occurrence(both, both.max(1), sight_of(NOBODY), far=hidden)[I[12]] == 1


def test_what_another_movement_takes_out_of_sight_is_unknown():
    assert marks({7: 0.8, 43: 1.0})[I[7]] == UNKNOWN
    assert marks({24: 0.6, 26: 0.9})[I[24]] == UNKNOWN
    assert marks({7: 0.0, 43: 1.0})[I[7]] == 0


def test_lips_that_a_smile_or_a_jaw_parts_count_as_parted():
    truth = np.zeros(len(AUS), np.float32)
    truth[I[25]] = 0.9
    assert occurrence(Pose().au, truth, sight_of(NOBODY))[I[25]] == 1


def test_a_threshold_is_where_the_middle_person_shows_enough():
    """Three people whose AU 1 moves .04 eye distances at .4, .5 and .6, and whose other AUs do not show."""
    move, change = np.zeros((2, 3, len(AUS), len(STEPS)), np.float32)
    move[:, I[1]] = 0.04 * np.array(STEPS) / np.array([[0.4], [0.5], [0.6]])
    found = Seen(move, change).thresholds()
    assert found[1] == pytest.approx(0.5, abs=1e-3)
    assert found[12] == STEPS[-1]


@needs_assets
def test_what_is_behind_an_obstacle_is_unknown():
    skip_without_driver()
    scene = studio(SIZE)
    with Renderer(assets(), *SIZE, samples=1, shadow_px=128) as renderer:
        head = renderer.set_person(cast(assets(), 13))
        assert Obstacle(head, scene, None, SIZE).covers(Pose()) is None
        mouth = Sensor(1, in_the_way=(0.35, 0.55, 0.65, 0.85))
        covered = Obstacle(head, scene, mouth, SIZE).covers(Pose())
        assert covered is not None
        assert covered[[I[12], I[24], I[25]]].all()
        assert not covered[[I[1], I[2], I[4], I[5], I[43]]].any()
        assert occurrence(pose_of({12: 1.0}).au, Pose().au.max(1), sight_of(NOBODY), covered)[I[12]] == UNKNOWN


@needs_assets
def test_regions_lie_where_the_movements_are():
    skip_without_driver()
    with Renderer(assets(), *SIZE, samples=1, shadow_px=128) as renderer:
        head = renderer.set_person(cast(assets(), 13))
        skin = head.moved(Pose())[0]["skin"].position
        eyes = head.eyes()[0][1]
        for unit in AUS:
            middle = skin[region(head, I[unit])].mean(0)[1]
            assert (middle > eyes - 0.4 * head.scale) == (unit in (1, 2, 4, 5, 6, 7, 43)), unit


@needs_assets
def test_a_clip_says_of_each_frame_what_is_present():
    skip_without_driver()
    with Renderer(assets(), *SIZE, samples=1, shadow_px=128) as renderer:
        for shot in shots(renderer, clip_of(assets(), 6, 3, 25, SIZE)):
            assert shot.present.shape == (len(AUS),)
            assert set(shot.present.tolist()) <= {UNKNOWN, 0, 1}
            strong = shot.intensities > 0.65
            assert (shot.present[strong] != 0).all()


@pytest.mark.long
@needs_assets
def test_the_thresholds_in_use_are_those_that_are_measured(monkeypatch):
    """At two of the ten intensities: all thresholds lie between them, and what is lower counts as .30 anyway."""
    skip_without_driver()
    monkeypatch.setattr(visibility_thresholds, "STEPS", (0.3, 0.6))
    for unit, found in visibility_thresholds.measure(assets(), (100, 101, 105)).thresholds().items():
        assert found == pytest.approx(THRESHOLDS[unit], abs=0.06), unit
