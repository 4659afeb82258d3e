"""synth.dataset.dataset: a set is whole, reproducible, read for training, and survives whatever stops the work."""

import csv
import dataclasses
import json
import os
import subprocess
import sys

import av
import numpy as np
import pytest

from knowledge_spreader.datasets import manifest
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.synth.au_recipes import AUS, SIDED
from knowledge_spreader.synth.cli import main
from knowledge_spreader.synth.dataset.dataset import make_set
from knowledge_spreader.synth.dataset.drafts import DRAFT
from knowledge_spreader.synth.dataset.plan import Plan, assets_digest
from knowledge_spreader.synth.rendering.renderer import Renderer
from tests.ks.synth.asset_folder import FOLDER, assets, needs_assets, refused_on_a_full_disk, skip_without_driver

pytestmark = needs_assets


def plan(**changes):
    return dataclasses.replace(Plan(1, 3, 1, 4, 64, "25", "mp4", 1, 128, assets_digest(assets())), **changes)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    skip_without_driver()
    out = tmp_path_factory.mktemp("set")
    make_set(FOLDER, plan(), out, workers=1)
    return out


def contents(out):
    return {str(p.relative_to(out)): p.read_bytes() for p in sorted(out.rglob("*")) if p.is_file()}


def test_the_trainers_loader_reads_the_set(made):
    data = manifest.load(made / "manifest.csv")
    assert data.aus == AUS
    assert data.fps == 25
    assert [len(part) for part in data.parts] == [1, 1, 1]
    assert [video.labels.shape for video in data.videos] == [(4, len(AUS))] * 3
    assert not data.notes


def test_truth_has_intensities_and_occurrence_of_every_frame(made):
    video, truth = made / "videos/p0000_0.mp4", made / "truth/p0000_0.csv"
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
    with truth.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 4
    for row in rows:
        for au in AUS:
            assert 0 <= float(row[f"AU{au:02d}"]) <= 1
            assert row[f"AU{au:02d}_c"] in ("", "0", "1")
        for au in SIDED:
            sides = float(row[f"AU{au:02d}L"]), float(row[f"AU{au:02d}R"])
            assert max(sides) == float(row[f"AU{au:02d}"])
    assert "AU25L" not in rows[0]


def test_set_json_tells_what_the_set_was_made_with(made):
    about = json.loads((made / "set.json").read_text())
    assert about["plan"]["assets"] == assets_digest(assets())
    assert set(about) == {"plan", "thresholds", "band", "kinds", "driver", "versions"}
    assert about["driver"]


@pytest.mark.slow
def test_several_processes_make_the_same_set(made, tmp_path):
    counts = []
    result = make_set(FOLDER, plan(), tmp_path / "two", 2, lambda done, total: counts.append((done, total)))
    assert contents(tmp_path / "two") == contents(made)
    assert counts[0] == (0, 12)
    assert counts[-1] == (12, 12)
    assert (result.clips, result.frames, result.drawn) == (3, 12, 12)


@pytest.mark.slow
def test_after_ctrl_c_finished_clips_stay_and_the_next_run_goes_on(made, tmp_path):
    def stop(done, total):
        if done == 6:  # in the second clip
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make_set(FOLDER, plan(), tmp_path, 1, stop)
    assert sorted(p.name for p in (tmp_path / "videos").iterdir()) == ["p0000_0.mp4"]
    assert not (tmp_path / "manifest.csv").exists()
    before = (tmp_path / "videos/p0000_0.mp4").stat().st_mtime_ns
    assert make_set(FOLDER, plan(), tmp_path, 1).drawn == 8
    assert (tmp_path / "videos/p0000_0.mp4").stat().st_mtime_ns == before
    assert contents(tmp_path) == contents(made)


@pytest.mark.slow
def test_after_a_kill_finished_clips_stay_and_the_next_run_goes_on(made, tmp_path):
    program = (
        "import sys\nfrom pathlib import Path\nfrom knowledge_spreader.synth.dataset.dataset import make_set\n"
        "from knowledge_spreader.synth.dataset.plan import Plan\n"
        f"plan = Plan(**{dataclasses.asdict(plan())!r})\n"
        f"make_set(Path({str(FOLDER)!r}), plan, Path({str(tmp_path)!r}), 1,"
        " lambda done, total: print(done, flush=1))\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, cwd=os.getcwd()
    ) as running:
        assert running.stdout
        for line in running.stdout:
            if int(line) == 6:
                running.kill()
                break
    assert "p0000_0.mp4" in [p.name for p in (tmp_path / "videos").iterdir()]
    make_set(FOLDER, plan(), tmp_path, 1)
    assert contents(tmp_path) == contents(made)


def test_a_finished_set_is_not_drawn_again(made):
    before = contents(made)
    assert make_set(FOLDER, plan(), made, 1).drawn == 0
    assert contents(made) == before


def test_another_plan_in_the_same_folder_is_refused_in_one_line(made):
    with pytest.raises(DataError, match="seed 1, not 2") as refused:
        make_set(FOLDER, plan(seed=2), made, 1)
    assert "\n" not in str(refused.value)


def test_a_folder_that_holds_something_else_is_refused(tmp_path):
    skip_without_driver()
    (tmp_path / "videos").mkdir()
    with pytest.raises(DataError, match="ks-synth did not make it"):
        make_set(FOLDER, plan(), tmp_path, 1)
    (tmp_path / "set.json").write_text("{}")
    with pytest.raises(DataError, match="not made by ks-synth"):
        make_set(FOLDER, plan(), tmp_path, 1)


@pytest.mark.slow
def test_frames_may_be_pictures(tmp_path):
    skip_without_driver()
    make_set(FOLDER, plan(people=1, frames_as="jpg"), tmp_path, 1)
    names = sorted(p.name for p in (tmp_path / "videos/p0000_0").iterdir())
    assert names == ["000000.jpg", "000001.jpg", "000002.jpg", "000003.jpg"]
    assert manifest.load(tmp_path / "manifest.csv").videos[0].labels.shape == (4, len(AUS))


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_leaves_no_half_clip(tmp_path):
    skip_without_driver()
    arguments = ["--assets", str(FOLDER), "dataset", "--out", str(tmp_path / "set"), "--people", "1", "--frames", "16"]
    said = refused_on_a_full_disk([*arguments, "--size", "96", "--shadow", "64", "--workers", "1"])
    assert "written" in said
    assert not list((tmp_path / "set/videos").iterdir())


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path, capsys):
    skip_without_driver()
    (tmp_path / "file").touch()
    assert main(["dataset", "--assets", str(FOLDER), "--out", str(tmp_path / "file/set")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize("workers", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_half_copied_assets_are_one_line_and_finished_clips_stay(made, tmp_path, workers):
    half = tmp_path / "assets"
    for path in FOLDER.rglob("*"):
        if path.is_file():
            place = half / path.relative_to(FOLDER)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.symlink_to(path)
    for skin in assets().skins.values():
        place = half / skin.relative_to(FOLDER)
        place.unlink()
        place.write_bytes(skin.read_bytes()[:5000])
    out = tmp_path / "set"
    with pytest.raises(KSError, match="copy the asset folder again"):
        make_set(half, plan(), out, workers)
    assert not list((out / "videos").iterdir())
    assert not list((out / "truth").glob(f"{DRAFT}*"))


def test_missing_assets_and_none_given_are_one_line(tmp_path, capsys):
    assert main(["dataset", "--assets", str(tmp_path), "--out", str(tmp_path / "x")]) == 2
    assert capsys.readouterr().err.count("\n") == 1
    assert not (tmp_path / "x").exists()
    assert main(["dataset", "--out", str(tmp_path / "x")]) == 2
    assert "--assets FOLDER is missing" in capsys.readouterr().err


def one_picture_a_clip(monkeypatch):
    """The first picture of each clip stands for all of them."""
    whole, kept = Renderer.draw, []

    def draw(self, pose):
        if not kept or kept[0] is not self.scene:
            kept[:] = [self.scene, whole(self, pose)]
        return kept[1]

    monkeypatch.setattr(Renderer, "draw", draw)


@pytest.mark.long
def test_the_small_benchmark_set_has_three_folds_and_every_au(tmp_path, capsys, monkeypatch):
    """Every person, scene and movement of the set; its labels come from the movements, not from pixels."""
    skip_without_driver()
    one_picture_a_clip(monkeypatch)
    arguments = ["--small", "--assets", str(FOLDER), "--out", str(tmp_path), "--workers", "1"]
    assert main(["benchmark", *arguments]) == 0
    assert "1728 frames" in capsys.readouterr().out
    data = manifest.load(tmp_path / "manifest.csv")
    assert [len(part) for part in data.parts] == [3, 3, 3]
    for part in data.parts:
        labels = np.concatenate([video.labels for video in data.videos if video.subject in part])
        assert ((labels == 1).any(0)).all()
