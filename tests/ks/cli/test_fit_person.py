"""From a checkpoint to one that sees people by their own rest, and its score with and without."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.calibration.person_baseline import PersonView, apply_person
from knowledge_spreader.checkpoint import load_checkpoint, save_checkpoint
from knowledge_spreader.cli.calibrate import main as calibrate_main
from knowledge_spreader.cli.evaluate import main as eval_main
from knowledge_spreader.cli.fit_person import main
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.evaluation.predict import predict_test, probability
from knowledge_spreader.training.trainer import train
from tests.planted import write_planted


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A few steps on nine people, five of whom select."""
    folder = tmp_path_factory.mktemp("person")
    planted = write_planted(folder / "planted", subjects=9, videos_each=1, frames=30)
    config = TrainConfig(
        data="manifest", root=str(planted.manifest), out=str(folder / "run"), cache=str(folder / "crops"), aligned=True,
        labels=0.5, val_share=0.8, fold=1, side_px=32, backbone="tiny", init="random", epochs=1, batch=4,
        unlabelled_from=0, workers=0, amp="off", device="cpu",
    )  # fmt: skip
    return train(config, progress=False).best_path


def test_a_fitted_checkpoint_carries_a_view_and_the_same_weights(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run.parent), "--out", str(tmp_path / "seen.safetensors"), "--device", "cpu", "--no-progress"]) == 0
    assert "5 people" in capsys.readouterr().out
    before, after = load_checkpoint(run), load_checkpoint(tmp_path / "seen.safetensors")
    view = PersonView.of(after.spec)
    assert view is not None
    assert len(view.weight) == 4
    assert np.isfinite(view.mean).all()
    assert all((after.tensors[name] == x).all() for name, x in before.tensors.items())
    assert not before.spec.differences(after.spec)


def test_a_test_part_is_scored_as_live_each_video_from_its_start(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = load_checkpoint(run)
    view = PersonView(0.2, 1.0, 120.0, np.array([1.0, 0.0, 0.5, 1.0]), np.array([-2.0, 0, 1, 0]))
    path = tmp_path / "seen.safetensors"
    save_checkpoint(path, replace(saved, spec=view.into(saved.spec)))
    with_it, without = (predict_test(path, "cpu", person=person) for person in (True, False))
    assert (with_it.person, without.person) == (True, False)
    logits = np.log(without.probability[-1] / (1 - without.probability[-1]))
    for video in (slice(0, 30), slice(30, 60), slice(60, 90)):  # three people of one video each
        wanted = probability(apply_person(view, logits[video], np.arange(30) / 25).astype(np.float32))
        np.testing.assert_allclose(with_it.probability[-1, video], wanted, atol=1e-4)
    assert abs(with_it.probability - without.probability).max() > 0.1
    assert (with_it.o_b == without.o_b).all()
    for switch in ("--person", "--no-person"):
        assert eval_main([str(path), switch, "--json", str(tmp_path / "r.json"), "--device", "cpu"]) == 0
        assert json.loads((tmp_path / "r.json").read_text())["person"] == (switch == "--person")
    assert capsys.readouterr().out.count("with person baseline") == 1


def test_nobody_to_learn_from_is_one_line_on_stderr(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = load_checkpoint(run)
    path = tmp_path / "everybody.safetensors"
    save_checkpoint(path, replace(saved, config=replace(saved.config, val_share=0.0)))
    assert main([str(path), "--out", str(tmp_path / "seen.safetensors"), "--device", "cpu"]) == 2
    assert "to learn from; use --subjects all" in capsys.readouterr().err
    assert main([str(path), "--out", str(tmp_path / "no" / "seen.safetensors")]) == 2
    assert "create it first" in capsys.readouterr().err


def test_calibration_after_it_keeps_the_view_on_the_new_scale(run: Path, tmp_path: Path) -> None:
    saved = load_checkpoint(run)
    view = PersonView(0.2, 1.0, 120.0, np.array([1.0, 0.0, 0.5, 1.0]), np.array([-2.0, 0, 1, 0]))
    seen, calibrated = tmp_path / "seen.safetensors", tmp_path / "calibrated.safetensors"
    save_checkpoint(seen, replace(saved, spec=view.into(saved.spec)))
    assert calibrate_main([str(seen), "--out", str(calibrated), "--device", "cpu", "--no-progress"]) == 0
    noted = load_checkpoint(calibrated).metrics["calibration"]["per_au"]
    rows = [noted[f"AU{au}"] for au in saved.spec.aus]
    scale, bias = np.array([1 / row["temperature"] for row in rows]), np.array([row["bias"] for row in rows])
    before, after = (predict_test(path, "cpu").probability[-1].astype(float) for path in (seen, calibrated))
    logits = np.log(before / (1 - before))
    np.testing.assert_allclose(after, 1 / (1 + np.exp(-(scale * logits + bias))), atol=0.01)  # the rest has bins
    assert abs(after - before).max() > 1e-3


def test_everybody_of_another_data_set_is_fitted_and_scored(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = str(write_planted(tmp_path / "others", subjects=6, videos_each=1, frames=20, seed=5).manifest)
    elsewhere = ["--subjects", "all", "--root", others, "--cache", str(tmp_path / "crops"), "--device", "cpu"]
    seen = tmp_path / "seen.safetensors"
    assert main([str(run), "--out", str(seen), *elsewhere, "--no-progress"]) == 0
    assert "6 people" in capsys.readouterr().out
    assert eval_main([str(seen), *elsewhere, "--json", str(tmp_path / "e.json"), "--no-progress"]) == 0
    report = json.loads((tmp_path / "e.json").read_text())
    assert report["per_fold"][0]["frames"] == 6 * 20
    capsys.readouterr()
    assert eval_main([str(seen), "--subjects", "all", "--device", "cpu", "--no-progress"]) == 2
    assert "name another data set with --root" in capsys.readouterr().err


@pytest.mark.slow  # half a minute of frames to learn from, twice
def test_weights_for_strangers_are_higher_than_for_people_like_these(run: Path, tmp_path: Path) -> None:
    others = str(write_planted(tmp_path / "others", subjects=10, videos_each=1, frames=160, seed=5).manifest)
    elsewhere = ["--subjects", "all", "--root", others, "--cache", str(tmp_path / "crops"), "--device", "cpu"]
    weights = []
    for stranger in ("0", "3"):
        out = tmp_path / f"{stranger}.safetensors"
        assert main([str(run), "--out", str(out), "--stranger", stranger, *elsewhere, "--no-progress"]) == 0
        weights.append(sum(load_checkpoint(out).spec.person_weight))
    assert weights[1] > weights[0]
