"""synth.person.sampling and action: the same seed gives the same person and clip, another seed another one."""

import numpy as np
import pytest

from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.demo import SCRIPT, demo_performance, demo_sound
from knowledge_spreader.synth.motion.action import perform, play
from knowledge_spreader.synth.motion.mocap import captures, replay
from knowledge_spreader.synth.motion.pose import Folding, fold_shares, folds, pose_of, smile_dimple_of
from knowledge_spreader.synth.motion.timing import pulse
from knowledge_spreader.synth.person.sampling import age_scale, cast
from knowledge_spreader.synth.person.shapes import neutral
from knowledge_spreader.synth.rendering.sensor import sensor_of
from tests.ks.synth.asset_folder import FOLDER, assets, needs_assets


@needs_assets
def test_a_seed_is_a_person():
    assert cast(assets(), 7) == cast(assets(), 7)


@needs_assets
def test_seeds_are_different_people():
    faces = [neutral(assets(), cast(assets(), seed).shape)[:13_380] for seed in range(12)]
    front = (assets().base.vertices[:13_380, 2] > 0.9) & (assets().base.vertices[:13_380, 1] > 6.2)
    for i, a in enumerate(faces):
        for b in faces[:i]:
            moved = (a - a.mean(0))[front] - (b - b.mean(0))[front]
            assert np.sqrt((moved**2).sum(1).mean()) > 0.02  # dm: 2 mm all over the face


@needs_assets
def test_people_are_of_all_ages_sexes_and_skins():
    people = [cast(assets(), seed) for seed in range(200)]
    ages = np.array([person.age_years for person in people])
    assert 0.05 < (ages < 18).mean() < 0.25
    assert 0.15 < (ages > 50).mean() < 0.45
    tones = np.array([sum(person.tone) for person in people])
    assert tones.max() > 4 * tones.min()
    assert 0.15 < np.mean([bool(person.stubble) for person in people]) < 0.4
    assert 0.15 < np.mean([person.glasses is not None for person in people]) < 0.4
    fringe = [person.wears.get("hair") in ("hair/short03", "hair/bob02", "hair/braid01") for person in people]
    assert np.mean(fringe) < 0.15  # these hide an eye


def test_ages_follow_makehumans_scale():
    assert [age_scale(years) for years in (1, 10, 25, 90)] == [0, 0.1875, 0.5, 1]


def test_a_seed_is_a_performance():
    a, b = perform(5, 80, 25), perform(5, 80, 25)
    assert np.array_equal(a.au, b.au)
    assert np.array_equal(a.head, b.head)
    assert not np.array_equal(a.au, perform(6, 80, 25).au)


def test_units_that_exclude_each_other_are_never_both_strong():
    for seed in range(40):
        au = perform(seed, 100, 25).au
        for first, second in ((5, 43), (24, 25), (23, 26), (23, 24)):
            assert np.minimum(au[:, AUS.index(first)], au[:, AUS.index(second)]).max() < 1e-6


def test_every_unit_occurs_faint_and_strong_and_on_one_side():
    au = np.concatenate([perform(seed, 150, 25).au for seed in range(150)])
    strongest = au.max(2)
    for i, unit in enumerate(AUS):
        seen = strongest[:, i] > 0.1
        assert 0.01 < seen.mean() < 0.4, unit
        if unit not in (26, 43):
            assert (seen & (strongest[:, i] < 0.4)).any(), unit
        assert strongest[:, i].max() > 0.7, unit
    smile = au[:, AUS.index(12)]
    assert ((smile.max(1) > 0.4) & (smile.min(1) < 0.15)).any()


def test_no_unit_depends_on_another_all_the_time():
    """What always comes together teaches a network to look in the wrong place."""
    au = np.concatenate([perform(seed, 150, 25).au.max(2) for seed in range(150)]) > 0.2
    for i, first in enumerate(AUS):
        for j, second in enumerate(AUS):
            if i != j and {first, second} != {25, 26}:
                assert (au[:, i] & au[:, j]).sum() < 0.8 * au[:, i].sum(), (first, second)


def test_a_pulse_rises_holds_and_falls():
    time = np.array([0, 1, 1.25, 1.5, 2, 2.5, 3, 4])
    shape = pulse(time, 1.0, 0.5, 0.5, 1.0)
    # smooth(1/2) = 1/2 half way up and half way down
    assert np.allclose(shape, [0, 0, 0.5, 1, 1, 0.5, 0, 0])


def test_where_two_events_of_a_unit_meet_the_stronger_counts():
    performance = demo_performance()
    assert len(performance) == 195  # 7.8 s at 25 frames/s
    for (start, onset, _, _), peaks in SCRIPT:
        frame = round((start + onset) * 25) + 1
        for unit, peak in peaks.items():
            assert performance.au[frame, AUS.index(unit)].max() == pytest.approx(peak, abs=0.02)
    assert play([], np.arange(5.0)).max() == 0


def test_the_demos_sound_is_soft_and_ends_silent():
    sound = demo_sound()
    assert len(sound) == 7.8 * 44_100
    assert 0.1 < np.abs(sound).max() < 0.3
    assert abs(sound[0]) + abs(sound[-1]) < 1e-3


@needs_assets
def test_captures_of_real_faces_can_be_replayed():
    for capture in captures(FOLDER / "mocap"):
        assert capture.time_s[-1] > 5
        performance = replay(capture, 1, 100, 25)
        assert len(performance) == 100
        assert 0 <= performance.au.min() <= performance.au.max() <= 1
        assert (np.ptp(performance.au, axis=0).max(1) > 0.1).sum() >= 3  # at least three units move


def test_a_camera_repeats_itself():
    picture = np.full((40, 60, 3), 120, np.uint8)
    sensor = sensor_of(3)
    assert np.array_equal(sensor.see(picture, None, 4), sensor.see(picture, None, 4))
    assert not np.array_equal(sensor.see(picture, None, 4), sensor.see(picture, None, 5))  # noise is new in each frame
    assert sensor.see(picture, picture, 4).shape == picture.shape


def test_folds_differ_in_depth_from_person_to_person():
    raised, shares = pose_of({1: 1.0, 2: 1.0}), [fold_shares(np.random.default_rng(seed)) for seed in range(60)]
    depths = np.array([folds(raised, Folding(share=share))["fold_inner_brow"][0] for share in shares])
    assert depths.min() < 0.3
    assert depths.max() > 0.9
    assert all(share["fold_inner_brow"] == share["fold_outer_brow"] for share in shares)
    assert folds(raised, Folding())["fold_inner_brow"] == pytest.approx((1.25, 1.25))


def test_a_smile_alone_dimples_some_cheeks_deeply_and_most_hardly():
    smile = pose_of({12: 1.0})
    shares = np.array([smile_dimple_of(np.random.default_rng(seed)) for seed in range(1000)])
    assert 0.30 < (shares >= 0.5).mean() < 0.40  # 0.35, and three standard errors of it are 0.045
    assert (shares < 0.35).sum() + (shares >= 0.5).sum() == 1000
    for share in (0.0, 0.8):
        assert folds(smile, Folding(smile_dimple=share))["fold_dimple"] == pytest.approx((share, share))
