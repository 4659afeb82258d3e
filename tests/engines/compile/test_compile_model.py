"""ks-compile: from a checkpoint to a model, or one line and exit code 2."""

from contextlib import closing
from pathlib import Path

import cv2
import pytest

from knowledge_spreader.checkpoint import Checkpoint, save_checkpoint
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines import ModelFile, open_engine, open_model
from knowledge_spreader.engines.cli import main as compile_main
from knowledge_spreader.engines.compile.compile_model import CompileConfig, compile_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import SPEC, already_exported, some_faces


@pytest.fixture(scope="module")
def crops(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of aligned pictures."""
    folder = tmp_path_factory.mktemp("crops")
    for i, face in enumerate(some_faces(80, seed=3)):
        cv2.imwrite(str(folder / f"{i:03d}.png"), face)
    return folder


def run_folder(folder: Path, model: KSModel) -> Path:
    tensors = {f"model.{name}": x for name, x in model.state_dict().items()}
    config = TrainConfig(data="manifest", root="r", out="o", backbone="tiny", side_px=32)
    save_checkpoint(folder / "best.safetensors", Checkpoint(SPEC, config, tensors))
    return folder


def test_a_run_folder_becomes_a_model_that_runs(
    tiny: KSModel,
    tiny_file: ModelFile,
    tmp_path: Path,
    crops: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    already_exported(monkeypatch, tiny_file)
    folder = run_folder(tmp_path, tiny)
    assert compile_main([str(folder), "--device", "cpu", "--sample-crops", str(crops), "--aligned"]) == 0
    out = capsys.readouterr().out
    assert "Difference from fp32 (torch) on 80 real frames" in out
    assert "openvino" in out
    file = open_model(folder / "best.ks")
    assert file.precision == {"openvino": "fp32"}
    assert file.costs["openvino fp32"]["flips"] == 0
    assert file.costs["openvino fp32"]["max_difference"] < 1e-5
    assert sorted(p.name for p in folder.iterdir()) == ["best.ks", "best.safetensors"]
    with closing(open_engine(file)) as engine:
        assert engine.encode(some_faces(2)).o_a.shape == (2, 4)


def test_int8_is_added_to_a_model_and_measured_on_faces_it_was_not_calibrated_on(
    copied: ModelFile, crops: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    int8 = ["--precision", "int8", "--sample-crops", str(crops), "--aligned", "--allow-flips", "100%"]
    assert compile_main([str(copied.path), "--device", "openvino", *int8]) == 0
    assert "real frames" in capsys.readouterr().out
    assert compile_main([str(copied.path), "--device", "onnxruntime", *int8]) == 0
    file = open_model(copied.path)
    assert file.precision == {"openvino": "int8", "onnxruntime": "int8"}
    assert set(file.costs) == {"openvino int8", "onnxruntime int8"}
    assert 0 < file.costs["openvino int8"]["frames"] < 80
    assert file.weights_id == copied.weights_id
    with closing(open_engine(file)) as engine:
        assert engine.choice.precision == "int8"


def test_int8_that_turns_decisions_is_refused_and_leaves_the_file_as_it_was(copied: ModelFile, crops: Path) -> None:
    before = copied.path.read_bytes()
    config = CompileConfig(
        copied.path, device="openvino", precision="int8", sample_crops=(crops,), aligned=True, allow_flips=-0.01
    )  # less than none: any share is too much
    with pytest.raises(ModelError, match=r"int8 changes .* % of the decisions .* nothing was written"):
        compile_model(config)
    assert copied.path.read_bytes() == before
    assert list(copied.path.parent.iterdir()) == [copied.path]


def test_answers_beyond_the_tolerance_are_refused(copied: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge_spreader.engines.compile.compile_model.TOLERANCE", {"fp32": -1.0})
    with pytest.raises(ModelError, match="onnxruntime in fp32 differs from torch by"):
        compile_model(CompileConfig(copied.path, device="onnxruntime"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["{none}.ks"], "no model at"),
        (["{none}.safetensors"], "no checkpoint at"),
        (["{file}", "--precision", "int8", "--device", "openvino"], "give --sample-crops VIDEO"),
        (["{file}", "--precision", "fp16", "--device", "cpu"], "openvino computes in fp32, bf16, int8; got 'fp16'"),
        (["{file}", "--out", "model.onnx"], "--out must be a file whose name ends in .ks"),
        (["{file}", "--out", "{broken}.ks"], "exists and is not a .ks model of knowledge-spreader; give another name"),
        (["{file}", "--out", "{none}/a.ks"], "there is no folder"),
        (["{file}", "--json", "{file}"], "--json would write over"),
        (["{file}", "--json", "{broken}.ks"], "exists and is not a report in JSON of knowledge-spreader"),
        (["{file}", "--out", "{none}.ks", "--json", "{none}.ks"], "which is the new model; give another name"),
        (["{file}", "--sample-crops", "{none}.mp4"], "no such video"),
        (["{broken}.ks"], "is damaged or not a model"),
        (["{cut}.safetensors"], "is damaged or not a safetensors file"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_exit_code_2(
    copied: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    for name in ("broken.ks", "cut.safetensors"):
        (tmp_path / name).write_bytes(b"\x10\0\0\0\0\0\0\0{}" + bytes(99))
    places = {"file": copied.path, **{name: tmp_path / name for name in ("none", "broken", "cut")}}
    assert compile_main([argument.format(**places) for argument in arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_without_real_faces_the_table_says_so_and_counts_no_decisions(
    copied: ModelFile, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compile_main([str(copied.path), "--device", "onnxruntime"]) == 0
    assert "random images (no --sample-crops)" in capsys.readouterr().out
    assert open_model(copied.path).costs["onnxruntime fp32"]["real_faces"] is False
