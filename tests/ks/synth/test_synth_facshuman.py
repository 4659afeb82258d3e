"""ks.synth.facshuman: with the switch on some people show some AUs another way; off, nothing of it is there."""

import dataclasses
import json

import numpy as np
import pytest

from ks.errors import DataError, KSError
from ks.synth.casting import cast
from ks.synth.cli import main
from ks.synth.dataset import make_set
from ks.synth.facshuman import FOLDER as FACSHUMAN
from ks.synth.facshuman import VARIANTS, chosen, load
from ks.synth.head import Head
from ks.synth.occurrence import THRESHOLDS_FACSHUMAN
from ks.synth.plan import CODE, Plan, assets_digest
from ks.synth.pose import Pose, pose_of
from ks.synth.recipes import AUS
from tests.ks.synth.asset_folder import (
    FOLDER,
    assets,
    facshuman_assets,
    linked_copy,
    needs_assets,
    needs_facshuman,
    skip_without_driver,
)

PLAN = Plan(1, 2, 1, 2, 64, "25", "mp4", 1, 128, "digest")
INNER_BROWS_DM = ((0.03, 0.10), (7.36, 7.6))  # rest x to either side, rest y


def moved_skin(unit, variants):
    """(V, 3) moves at full strength, (V, 3) where the vertices rest, of one person."""
    person = dataclasses.replace(cast(facshuman_assets(), 11), glasses=None, resting={}, variants=variants)
    head = Head(facshuman_assets(), person)
    skin = [head.moved(pose)[0]["skin"].position for pose in (pose_of({unit: 1.0}), Pose())]
    return skin[0] - skin[1], head.layers[0].rest


def test_switched_off_the_plan_is_the_text_that_it_was_before_there_was_a_switch():
    before = (
        '{"assets": "digest", "clips": 1, "code": %d, "fps": "25", "frames": 2, "frames_as": "mp4", "people": 2, '
        '"samples": 1, "seed": 1, "shadow_px": 128, "size_px": 64}'
    )
    assert PLAN.text() == before % CODE
    assert json.loads(dataclasses.replace(PLAN, facshuman=True).text())["facshuman"] is True


@needs_assets
def test_switched_off_no_file_of_it_is_read(tmp_path):
    folder = linked_copy(tmp_path)
    junk = folder / FACSHUMAN / "01 Upper Face AUs/1.target"
    junk.parent.mkdir(parents=True)
    junk.write_text("no shape")
    loaded = load(folder, facshuman=False)
    assert loaded.digest == assets().digest
    assert set(loaded.targets) == set(assets().targets)
    assert not cast(loaded, 7).variants


@needs_facshuman
def test_the_digest_is_another_and_changes_with_any_of_its_files(tmp_path):
    assert assets_digest(facshuman_assets()) != assets_digest(assets())
    folder = linked_copy(tmp_path, "facshuman")
    assert load(folder, facshuman=True).digest == facshuman_assets().digest
    shape = folder / FACSHUMAN / "03 Lip Parting and Jaw Opening/25.target"
    text = shape.read_text()
    shape.unlink()
    shape.write_text(text + "\n3 0 .001 0\n")
    assert load(folder, facshuman=True).digest != facshuman_assets().digest


@needs_facshuman
def test_people_stay_who_they_are_and_the_same_seed_chooses_the_same_aus():
    for seed in range(20):
        with_it = cast(facshuman_assets(), seed)
        assert dataclasses.replace(with_it, variants=frozenset()) == cast(assets(), seed)
        assert with_it == cast(facshuman_assets(), seed)


@needs_facshuman
def test_a_set_has_both_ways_of_every_au_and_none_goes_with_another():
    ways = np.array([[au in chosen(facshuman_assets(), seed) for au in AUS] for seed in range(400)])
    assert 0.15 < ways.mean(0).min() < ways.mean(0).max() < 0.75
    together = np.corrcoef(ways.T) - np.eye(len(AUS))
    assert np.abs(together).max() < 0.25  # 400 throws: 0.05 is usual


@needs_facshuman
@pytest.mark.parametrize("unit", [1, 4])
def test_brows_really_move_another_way(unit):
    ours, _ = moved_skin(unit, frozenset())
    theirs, _ = moved_skin(unit, frozenset({unit}))
    apart = np.linalg.norm(ours - theirs, axis=1).max()
    assert apart > 0.25 * np.linalg.norm(ours, axis=1).max()
    assert np.array_equal(ours, moved_skin(unit, frozenset({2, 6, 12, 25}))[0])  # those of others change nothing


@needs_facshuman
def test_brows_that_lower_facshumans_way_also_draw_together():
    def narrower_dm(variants):
        moves, rest = moved_skin(4, variants)
        (near, far), (low, high) = INNER_BROWS_DM
        brow = (np.abs(rest[:, 0]) > near) & (np.abs(rest[:, 0]) < far) & (rest[:, 1] > low) & (rest[:, 1] < high)
        return float((-np.sign(rest[brow, 0]) * moves[brow, 0]).mean())

    assert narrower_dm(frozenset({4})) > 1.5 * max(narrower_dm(frozenset()), 0.01)


@needs_assets
@pytest.mark.parametrize("part", ["clip", "dataset", "sheets", "thresholds"])
def test_a_missing_folder_is_one_line_that_says_where_to_get_it(tmp_path, capsys, monkeypatch, part):
    monkeypatch.chdir(tmp_path)
    folder = linked_copy(tmp_path)
    out = [] if part == "thresholds" else ["--out", str(tmp_path / "out")]
    assert main([part, "--assets", str(folder), "--facshuman", *out]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert str(folder / FACSHUMAN) in said
    assert "montybot/FACSHuman" in said
    assert [path.name for path in tmp_path.iterdir()] == ["assets"]


@needs_facshuman
@pytest.mark.parametrize("left", ["", "3 0 .1", "19158 0 .1 0"])
def test_half_a_copy_of_it_is_one_line_that_names_the_file(tmp_path, left):
    folder = linked_copy(tmp_path, "facshuman")
    shape = folder / FACSHUMAN / "02 Lower Face AUs/9_a.target"
    shape.unlink()
    if left:
        shape.write_text(left)
    with pytest.raises(KSError, match=r"9_a\.target") as refused:
        load(folder, facshuman=True)
    assert "\n" not in str(refused.value)


def test_the_benchmark_and_the_demo_have_no_such_switch(tmp_path, capsys):
    for part in ("benchmark", "demo"):
        with pytest.raises(SystemExit) as refused:
            main([part, "--assets", str(tmp_path), "--out", str(tmp_path), "--facshuman"])
        assert refused.value.code == 2
        assert "--facshuman" in capsys.readouterr().err


@needs_facshuman
def test_set_json_records_the_switch_and_a_set_goes_on_only_with_it(tmp_path):
    skip_without_driver()
    plan = dataclasses.replace(PLAN, assets=assets_digest(facshuman_assets()), facshuman=True)
    make_set(FOLDER, plan, tmp_path, 1)
    about = json.loads((tmp_path / "set.json").read_text())
    assert about["plan"]["facshuman"] is True
    assert about["plan"]["assets"] == assets_digest(facshuman_assets())
    assert about["thresholds_facshuman"] == {str(au): x for au, x in THRESHOLDS_FACSHUMAN.items()}
    assert make_set(FOLDER, plan, tmp_path, 1).drawn == 0
    with pytest.raises(DataError, match="facshuman True, not False") as refused:
        make_set(FOLDER, dataclasses.replace(PLAN, assets=assets_digest(assets())), tmp_path, 1)
    assert "\n" not in str(refused.value)


@needs_assets
def test_a_set_from_before_there_was_a_switch_goes_on(tmp_path):
    skip_without_driver()
    plan = dataclasses.replace(PLAN, assets=assets_digest(assets()))
    make_set(FOLDER, plan, tmp_path, 1)
    about = json.loads((tmp_path / "set.json").read_text())
    assert "facshuman" not in about["plan"]
    assert "thresholds_facshuman" not in about
    assert make_set(FOLDER, plan, tmp_path, 1).drawn == 0
    with pytest.raises(DataError, match="facshuman False, not True"):
        make_set(FOLDER, dataclasses.replace(plan, facshuman=True), tmp_path, 1)


def test_every_au_has_a_variant():
    assert set(VARIANTS) == set(AUS)
