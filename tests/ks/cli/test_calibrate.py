"""ks-calibrate on a real run: a checkpoint that answers as the table says, or one line and exit code 2."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from knowledge_spreader.checkpoint import load_checkpoint, load_model
from knowledge_spreader.cli.calibrate import main
from knowledge_spreader.cli.evaluate import main as eval_main
from knowledge_spreader.clips.training_data import load_material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.evaluation.predict import answer, predict_test
from knowledge_spreader.training.trainer import train
from tests.planted import SIDE_PX, Planted, write_planted


@dataclass(frozen=True)
class Run:
    """A finished run, and one without anybody held out."""

    best: Path
    without: Path
    config: TrainConfig


@pytest.fixture(scope="module")
def finished(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("runs")
    config = TrainConfig(
        data="manifest", root=str(planted.manifest), out=str(folder / "run"), aligned=True, labels=0.5, fold=1,
        cache=str(folder / "crops"), val_share=0.5, side_px=SIDE_PX, backbone="tiny", init="random",
        epochs=3, batch=8, workers=0, amp="off", device="cpu",
    )  # fmt: skip
    nobody = replace(config, out=str(folder / "nobody"), val_share=0.0, epochs=1)
    return Run(train(config, progress=False).best_path, train(nobody, progress=False).best_path, config)


@pytest.fixture(scope="module")
def other_people(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return write_planted(tmp_path_factory.mktemp("others"), subjects=3, videos_each=1, frames=30, seed=7)


def test_the_new_checkpoint_answers_what_was_fitted_and_carries_it(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "calibrated.safetensors"
    assert main([str(finished.best), "--out", str(out), "--device", "cpu"]) == 0
    shown = capsys.readouterr().out
    assert "Calibration on 2 people, 40 frames" in shown  # of four in training, half of their 40 frames each
    assert str(out) in shown
    old, new = load_checkpoint(finished.best), load_checkpoint(out)
    noted = new.metrics["calibration"]
    assert (noted["subjects"], noted["people"], noted["frames"], noted["cross_fitted"]) == ("selection", 2, 40, True)
    rows = [noted["per_au"][f"AU{au}"] for au in new.spec.aus]
    assert new.spec.thresholds == tuple(row["threshold"] for row in rows) != old.spec.thresholds
    assert {k: v for k, v in new.metrics.items() if k != "calibration"} == old.metrics
    assert (new.labels, new.config) == (old.labels, old.config)

    material = load_material(finished.config, progress=False)
    which = material.known(material.split.test)
    before, after = (
        answer(load_model(path)[0], material, which, torch.device("cpu"), live_only=True).output[0]
        for path in (finished.best, out)
    )
    scale, bias = np.array([1 / row["temperature"] for row in rows]), np.array([row["bias"] for row in rows])
    np.testing.assert_allclose(after, scale * before + bias, atol=1e-5)
    assert np.abs(after - before).max() > 1e-3
    assert eval_main([str(out), "--device", "cpu"]) == 0
    assert predict_test(out, "cpu").thresholds == new.spec.thresholds


def test_it_is_fitted_to_the_people_of_another_manifest(
    finished: Run, other_people: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "c.safetensors"
    other = ["--subjects", "all", "--root", str(other_people.manifest), "--cache", str(tmp_path / "crops")]
    assert main([str(finished.best), "--out", str(out), *other, "--no-bias", "--device", "cpu"]) == 0
    assert "Calibration on 3 people, 90 frames" in capsys.readouterr().out
    noted = load_checkpoint(out).metrics["calibration"]
    assert {row["bias"] for row in noted["per_au"].values()} == {0.0}


def test_thresholds_fall_where_an_au_is_said_to_be_common(finished: Run, tmp_path: Path) -> None:
    out = [tmp_path / f"{name}.safetensors" for name in ("rare", "common")]
    aus = load_checkpoint(finished.best).spec.aus
    for path, rate in zip(out, ("0.01", "0.9"), strict=True):
        assert (
            main([str(finished.best), "--out", str(path), "--device", "cpu", "--base-rates", f"AU{aus[0]}={rate}"]) == 0
        )
    rare, common = map(load_checkpoint, out)
    assert rare.spec.thresholds is not None
    assert common.spec.thresholds is not None
    assert rare.spec.thresholds[0] > common.spec.thresholds[0]
    assert rare.spec.thresholds[1:] == common.spec.thresholds[1:]
    noted = common.metrics["calibration"]["per_au"]
    assert [noted[f"AU{au}"]["base_rate"] for au in aus] == [0.9, *[None] * (len(aus) - 1)]
    assert all(torch.equal(x, rare.tensors[name]) for name, x in common.tensors.items())  # probabilities stay


@pytest.mark.parametrize("rates", ["AU6", "=0.3", "AU6=often", "AU6=0.2,"])
def test_base_rates_that_cannot_be_read_are_refused(rates: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--base-rates", rates]) == 2
    assert f"wanted AU=share, as in AU6=0.25,AU12=0.3; got {rates!r}" in capsys.readouterr().err


def test_the_test_part_is_named_as_no_test_any_more(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [str(finished.best.parent), "--out", str(tmp_path / "c.safetensors"), "--subjects", "test"]
    assert main([*arguments, "--device", "cpu"]) == 0
    assert "no longer held out" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{best}", "--out", "{best}"], "--out would write over"),
        (["{best}", "--out", "{out}.ks"], "end in .safetensors"),
        (["{best}", "--out", "{out}/none/c.safetensors"], "there is no folder"),
        (["{best}", "--subjects", "all"], "name another data set with --root"),
        (["{best}", "--root", "{out}.csv"], "no such file"),
        (["{without}"], "train with --val-share"),
        (["{out}.safetensors"], "no checkpoint at"),
        (["{best}", "--base-rates", "AU1=1.5"], "a base rate must be between 0 and 1, a share of frames; got 1.5"),
        (["{best}", "--base-rates", "AU43=0.5"], "--base-rates names AU43; the model has AU"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    finished: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    places = {"best": finished.best, "without": finished.without, "out": tmp_path / "out"}
    before = sorted(finished.best.parent.iterdir())
    assert main([argument.format(**places) for argument in [*arguments, "--device", "cpu"]]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("error: ") == 1
    assert error.splitlines()[-1].startswith("error: ")  # the data set may have said something before
    assert sorted(finished.best.parent.iterdir()) == before
