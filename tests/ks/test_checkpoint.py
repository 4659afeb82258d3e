"""Checkpoints: what goes in comes out, and what cannot be used is refused in one line."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from knowledge_spreader.checkpoint import Checkpoint, load_checkpoint, load_model, load_weights, save_checkpoint
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import KSError, ModelError
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

CONFIG = TrainConfig(data="disfa", root="somewhere", out="run", aus=(1, 4), labels=0.02)


@pytest.fixture
def saved(tmp_path: Path, tiny_spec: ModelSpec, tiny_model: KSModel) -> Path:
    tensors = {f"model.{k}": x for k, x in tiny_model.state_dict().items()}
    path = tmp_path / "best.safetensors"
    save_checkpoint(path, Checkpoint(tiny_spec, CONFIG, tensors, {"epoch": 7}, "video,frame\na,1\n"))
    return path


def test_a_checkpoint_carries_weights_spec_settings_metrics_and_labels(
    saved: Path, tiny_spec: ModelSpec, tiny_model: KSModel
) -> None:
    model, checkpoint = load_model(saved)
    assert (checkpoint.spec, checkpoint.config, checkpoint.metrics, checkpoint.labels) == (
        tiny_spec, CONFIG, {"epoch": 7}, "video,frame\na,1\n",
    )  # fmt: skip
    own, loaded = tiny_model.state_dict(), model.state_dict()
    assert all(torch.equal(own[k], loaded[k]) for k in own)
    assert not model.training


def test_nothing_else_is_left_in_the_folder(saved: Path) -> None:
    assert [p.name for p in saved.parent.iterdir()] == ["best.safetensors"]


def test_a_failed_write_leaves_the_checkpoint_before(
    saved: Path, tiny_spec: ModelSpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = saved.read_bytes()

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr("knowledge_spreader.files.os.fsync", full)
    with pytest.raises(ModelError, match="No space"):
        save_checkpoint(saved, Checkpoint(tiny_spec, CONFIG, {"model.x": torch.zeros(3)}))
    assert saved.read_bytes() == before
    assert [p.name for p in saved.parent.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize("size", [0, 5, 100, 20_000])
def test_a_truncated_checkpoint_is_refused(saved: Path, size: int) -> None:
    saved.write_bytes(saved.read_bytes()[:size])
    with pytest.raises(ModelError, match="damaged"):
        load_checkpoint(saved)


def test_a_foreign_safetensors_file_is_refused(tmp_path: Path) -> None:
    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ModelError, match="not a checkpoint of ks-train"):
        load_checkpoint(tmp_path / "other.safetensors")


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no checkpoint at"):
        load_checkpoint(tmp_path / "best.safetensors")


def test_weights_of_another_spec_are_refused(saved: Path, tiny_spec: ModelSpec) -> None:
    other = make_model(replace(tiny_spec, n_frames=7))
    with pytest.raises(ModelError, match=r"another model: .* tensors differ, e.g. "):
        load_weights(other, load_checkpoint(saved).part("model."), saved)


def test_settings_of_another_version_are_refused() -> None:
    with pytest.raises(KSError, match="another version with the settings colour"):
        TrainConfig.from_json(CONFIG.to_json()[:-1] + ', "colour": 1}')
