"""No command writes over what it reads, nor over a file that it did not make."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from knowledge_spreader.cli.average import main as average_main
from knowledge_spreader.cli.calibrate import main as calibrate_main
from knowledge_spreader.cli.evaluate import main as eval_main
from knowledge_spreader.cli.fit_person import main as fit_main
from knowledge_spreader.cli.outputs import CHECKPOINT, FIGURE, REPORT, is_ours
from knowledge_spreader.cli.train import main as train_main
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.export.cli import main as restore_main
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.evaluation.figure_style import new_figure, save
from knowledge_spreader.training.run_checks import RUN_FILES
from knowledge_spreader.training.trainer import train
from tests.planted import SIDE_PX, Planted

MAINS = {
    "eval": eval_main,
    "calibrate": calibrate_main,
    "fit-person": fit_main,
    "average": average_main,
    "restore": restore_main,
}


@pytest.fixture(scope="module")
def run(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> TrainConfig:
    """A finished run of one epoch."""
    folder = tmp_path_factory.mktemp("runs")
    config = TrainConfig(
        data="manifest", root=str(planted.manifest), out=str(folder / "run"), aligned=True, val_share=0.5,
        cache=str(folder / "crops"), side_px=SIDE_PX, backbone="tiny", init="random", epochs=1, batch=8, workers=0,
        amp="off", device="cpu",
    )  # fmt: skip
    train(config, progress=False)
    return config


@pytest.fixture
def places(run: TrainConfig, tmp_path: Path) -> dict[str, Path]:
    """best: a checkpoint that is read; table, model, clip: files of the user."""
    found = {name: tmp_path / name for name in ("best", "table", "model", "clip", "new")}
    shutil.copy(Path(run.out) / "best.safetensors", found["best"])
    found["table"].write_text("video,frame,AU1\n")
    found["model"].write_bytes(b'\x10\x00\x00\x00\x00\x00\x00\x00{"other": 1}    ')
    found["clip"].write_bytes(b"\x00\x00\x00\x20ftypisom")
    return {**found, "run": Path(run.out), "root": Path(run.root)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("eval {best} --json {best}", "--json would write over"),
        ("eval {best} --plot {best}", "--plot would write over"),
        ("eval {best} --json {root} --root {root}", "which is the data set; give another name"),
        ("eval {best} --json {table}", "exists and is not a report in JSON of knowledge-spreader"),
        ("eval {best} --plot {clip}", "exists and is not a plot of knowledge-spreader"),
        ("eval {best} --json {new}.png --plot {new}.png", "--json and --plot would both write"),
        ("eval {best} --plot {new}.xyz", "there is no format .xyz; end the name in .png, .pdf or .svg"),
        ("eval {best} {best}", "fold 1 was given 2 times"),
        ("calibrate {run} --out {run}/best.safetensors", "which is the checkpoint; give another name"),
        ("calibrate {run} --out {run}/last.safetensors", "a checkpoint of ks-train; give another name"),
        ("calibrate {run} --json {table}", "exists and is not a report"),
        ("calibrate {run} --out {new}.safetensors --json {new}.safetensors", "--out and --json would both write"),
        ("fit-person {best} --out {best}", "--out would write over"),
        ("fit-person {best} --out {model}", "exists and is not a checkpoint of knowledge-spreader"),
        ("fit-person {best} --out {run}/last.safetensors", "a checkpoint of ks-train; give another name"),
        ("fit-person {best} --out {new} --json {best}", "which is the checkpoint"),
        ("restore --faces {clip} --out {clip}", "which is an input; give another name"),
        ("restore --faces {clip} --out {table}", "exists and is not a checkpoint"),
        ("average {best} {run} --out {best}", "--out would write over"),
        ("average {best} {run} --out {run}/best.safetensors", "which is an input"),
        ("average {best} {run} --out {clip}", "exists and is not a checkpoint of knowledge-spreader"),
    ],
)
def test_an_output_that_would_destroy_something_is_refused_before_any_work(
    places: dict[str, Path], words: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in places.values() if path.is_file()}
    command, *arguments = [word.format(**places) for word in words.split()]
    assert MAINS[command](arguments) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert {path: path.read_bytes() for path in before} == before
    assert not list(places["new"].parent.glob("new*"))


def test_earlier_outputs_of_the_same_kind_are_replaced(
    places: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report, plot = (tmp_path / name for name in ("c.safetensors", "c.json", "e.png"))
    for _ in range(2):
        assert calibrate_main([str(places["run"]), "--out", str(out), "--json", str(report), "--device", "cpu"]) == 0
        assert eval_main([str(out), "--json", str(tmp_path / "e.json"), "--plot", str(plot), "--device", "cpu"]) == 0
        assert average_main([str(places["best"]), str(out), "--out", str(tmp_path / "a.safetensors")]) == 0
    assert {is_ours(path, REPORT) for path in (report, tmp_path / "e.json")} == {True}
    assert not is_ours(report, CHECKPOINT)
    assert not is_ours(out, REPORT)
    capsys.readouterr()
    assert eval_main([str(places["best"]), "--json", str(out), "--device", "cpu"]) == 2
    assert "is not a report in JSON" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", ["png", "pdf", "svg", "eps"])
def test_a_plot_is_known_by_its_mark_and_those_of_others_are_not(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a.{suffix}"
    save(new_figure(2, 2), path)
    assert is_ours(path, FIGURE)
    new_figure(2, 2).savefig(path)
    assert not is_ours(path, FIGURE)


def test_a_json_of_others_is_not_ours(tmp_path: Path) -> None:
    for content in ({"a": 1}, [1], {"checkpoint": "x"}):
        (tmp_path / "x.json").write_text(json.dumps(content))
        assert not is_ours(tmp_path / "x.json", REPORT)
    (tmp_path / "x.json").write_text("")
    assert is_ours(tmp_path / "x.json", REPORT)  # reserved by the user, or emptied by a full disk


@pytest.mark.parametrize("name", RUN_FILES)
def test_a_run_begins_in_no_folder_with_a_file_of_somebody_else(run: TrainConfig, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_text("mine")
    with pytest.raises(KSError, match=name if name != "last.safetensors" else "already contains a run"):
        train(replace(run, out=str(tmp_path)), progress=False)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [(name, "mine")]


def test_a_run_does_not_write_over_its_manifest_label_list_or_start(run: TrainConfig, tmp_path: Path) -> None:
    own = tmp_path / "own"
    own.mkdir()
    shutil.copy(Path(run.out) / "config.json", own)  # the folder of a run that was killed at once
    shutil.copy(Path(run.out) / "labels.csv", own)
    shutil.copy(Path(run.out) / "best.safetensors", own)
    before = {path.name: path.read_bytes() for path in own.iterdir()}
    for change, option in (
        ({"root": str(own / "labels.csv")}, "--root"),
        ({"label_list": str(own / "labels.csv")}, "--label-list"),
        ({"init": str(own / "best.safetensors")}, "--init"),
    ):
        with pytest.raises(DataError, match=f"would write over .*, its {option}; choose another folder"):
            train(replace(run, out=str(own), **change), progress=False)  # type: ignore[arg-type]
    assert {path.name: path.read_bytes() for path in own.iterdir()} == before


def test_a_run_that_was_killed_before_its_first_checkpoint_begins_again(run: TrainConfig, tmp_path: Path) -> None:
    out = tmp_path / "run"
    shutil.copytree(run.out, out)
    (out / "last.safetensors").unlink()
    assert train(replace(run, out=str(out)), progress=False).best_epoch == 1


def test_the_json_of_ks_train_is_none_of_its_inputs(run: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--data", "manifest", "--root", run.root, "--out", run.out, "--json", run.root]
    before = Path(run.root).read_bytes()
    assert train_main(words) == 2
    assert "which is the data set" in capsys.readouterr().err
    assert Path(run.root).read_bytes() == before
