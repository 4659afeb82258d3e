"""synth.dataset.plan and synth.motion.scripts: what a set holds is known beforehand, and no AU gives another away."""

import dataclasses
from collections import Counter

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.synth.au_recipes import AUS, BESIDE
from knowledge_spreader.synth.dataset.plan import PARTS, Plan, assets_digest, benchmark_plan, takes
from knowledge_spreader.synth.motion.mocap import captures
from knowledge_spreader.synth.motion.scripts import KINDS, script
from tests.ks.synth.asset_folder import FOLDER, assets, needs_assets

PLAN = Plan(3, 150, 2, 100, 192, "25", "mp4", 1, 512, "digest")


@pytest.fixture(scope="module")
def truth():
    """(clips, frames, 18, 2) of all clips of PLAN but the replays."""
    every = [take for mine in takes(PLAN) for take in mine if take.kind != "replay"]
    return np.stack([script(take.kind, take.seed, PLAN.frames, 25.0).au for take in every])


def test_the_same_plan_holds_the_same_clips_and_another_seed_others():
    assert takes(PLAN) == takes(Plan(3, 150, 2, 100, 192, "25", "mp4", 1, 512, "digest"))
    other = takes(dataclasses.replace(PLAN, seed=4))
    people, others = ({take.person for mine in every for take in mine} for every in (takes(PLAN), other))
    assert len(people) == len(others) == PLAN.people
    assert not people & others


def test_a_person_is_in_one_part_and_the_parts_are_as_large():
    parts = [{take.part for take in mine} for mine in takes(PLAN)]
    assert all(len(part) == 1 for part in parts)
    assert set(Counter(part.pop() for part in parts).values()) == {PLAN.people // PARTS}


def test_each_kind_has_its_share_of_the_clips():
    found = Counter(take.kind for mine in takes(PLAN) for take in mine)
    for kind, share in KINDS.items():
        assert abs(found[kind] - share / sum(KINDS.values()) * 300) <= 1


def test_a_set_may_be_of_one_kind_and_tells_so():
    one = dataclasses.replace(PLAN, only="smile")
    assert {take.kind for mine in takes(one) for take in mine} == {"smile"}
    assert one.facts()["only"] == "smile"
    assert "only" not in PLAN.facts()  # sets from before there was the switch go on


def test_the_benchmark_set_is_as_large_as_promised():
    plan = benchmark_plan("digest")
    every = [take for mine in takes(plan) for take in mine]
    assert len({take.person for take in every}) >= 150
    assert len(every) >= 300
    assert len(every) * plan.frames >= 60_000
    assert {take.part for take in every} == {1, 2, 3}


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"people": 0}, "--people"),
        ({"size_px": 63}, "even"),
        ({"frames": 1}, "--frames"),
        ({"fps": "0"}, "--fps"),
        ({"only": "dance"}, "--only must be one of posed"),
    ],
)
def test_a_plan_that_cannot_be_is_refused(change, said):
    with pytest.raises(DataError, match=said):
        dataclasses.replace(PLAN, **change)


def test_brows_say_nothing_about_lids_and_cheeks_go_with_smiles_but_not_always(truth):
    seen = (truth.max(3) > 0.25).reshape(-1, len(AUS))
    i = {unit: AUS.index(unit) for unit in AUS}
    for a, b in ((1, 5), (2, 5), (1, 43), (2, 43), (4, 7)):
        assert abs(np.corrcoef(seen[:, i[a]], seen[:, i[b]])[0, 1]) < 0.12, (a, b)
    assert 0.4 < np.corrcoef(seen[:, i[6]], seen[:, i[12]])[0, 1] < 0.8
    for a, b in ((6, 12), (12, 6), (1, 5), (5, 1), (1, 2), (2, 1), (26, 25), (25, 26)):
        assert (seen[:, i[a]] & ~seen[:, i[b]]).mean() > 0.01, f"{a} is never seen without {b}"


def test_every_unit_is_seen_faintly_strongly_and_not_at_all(truth):
    frames = truth.max(3).reshape(-1, len(AUS))
    for unit, strength in zip(AUS, frames.T, strict=True):
        assert ((strength > 0.12) & (strength < 0.5)).mean() > 0.025, unit
        assert (strength > 0.6).mean() > 0.005, unit
    assert (np.delete(frames, AUS.index(43), 1).max(1) < 0.1).mean() > 0.2  # neutral, or a blink


def test_clips_of_sides_come_only_if_asked_for_and_show_half_of_their_aus_on_one_side():
    told = (2, 6, 7, 10, 12, 14, 15)
    assert "sides" not in {take.kind for mine in takes(PLAN) for take in mine}
    mine = [take for mine in takes(dataclasses.replace(PLAN, only="sides")) for take in mine]
    clips = [script(take.kind, take.seed, 24, 6.0).au for take in mine]
    peaks = np.concatenate(clips)[:, [AUS.index(au) for au in told]]
    clear = peaks.max(2) > 0.35
    one_sided = (peaks.min(2) < 0.3 * peaks.max(2))[clear].mean()
    assert clear.any(1).mean() > 0.5
    assert 0.35 < one_sided < 0.65, one_sided


def test_brows_rise_on_one_side_too(truth):
    left, right = truth[..., AUS.index(2), 0], truth[..., AUS.index(2), 1]
    moving = np.maximum(left, right) > 0.3
    assert 0.1 < (np.minimum(left, right) < 0.3 * np.maximum(left, right))[moving].mean() < 0.5


def test_smiles_raise_cheeks_and_bare_teeth_over_a_shut_jaw():
    clips = [script("smile", seed, 100, 25.0) for seed in range(60)]
    au = np.concatenate([clip.au.max(2) for clip in clips])
    smiles, cheeks, parted, dropped = (au[:, AUS.index(unit)] > 0.4 for unit in (12, 6, 25, 26))
    assert 0.4 < smiles.mean() < 0.8
    assert 0.7 < cheeks[smiles].mean() < 0.95
    assert 0.4 < parted[smiles].mean() < 0.8
    lower_lip = np.concatenate([clip.beside[:, list(BESIDE).index("16 lower lip depressor")] for clip in clips])
    grin = smiles & parted & (lower_lip > 0.3)
    assert grin.mean() > 0.05
    assert dropped[grin].mean() < 0.1
    assert dropped[smiles & parted].mean() > 0.1  # people laugh, too
    others = [AUS.index(unit) for unit in (4, 5, 9, 15, 17, 20, 23, 24)]
    assert au[:, others].max() == 0


def test_a_still_clip_shows_nothing_but_blinks():
    does = script("still", 11, 200, 25.0)
    assert np.delete(does.au, AUS.index(43), 1).max() == 0
    assert does.gaze.std() > 0
    assert does.beside.shape == (200, len(BESIDE))


@needs_assets
def test_a_replay_moves_as_a_capture_does_and_without_captures_the_clip_is_of_another_kind():
    recordings = captures(FOLDER / "mocap")
    assert script("replay", 5, 100, 25.0, recordings).au.max() > 0.1
    assert np.array_equal(script("replay", 5, 100, 25.0).au, script("apart", 5, 100, 25.0).au)


@needs_assets
def test_the_digest_changes_with_any_picture(tmp_path):
    name, skin = next(iter(assets().skins.items()))
    other = tmp_path / skin.name
    other.write_bytes(skin.read_bytes() + b"x")
    changed = dataclasses.replace(assets(), skins={**assets().skins, name: other})
    assert assets_digest(assets()) == assets_digest(assets())
    assert assets_digest(changed) != assets_digest(assets())
