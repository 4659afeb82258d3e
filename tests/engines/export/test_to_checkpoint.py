"""A `.ks` file becomes a checkpoint that answers as it did and trains on."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from knowledge_spreader.checkpoint import load_checkpoint, load_model
from knowledge_spreader.engines.backends.torch_engine import TorchEngine
from knowledge_spreader.engines.export.cli import main
from knowledge_spreader.engines.export.to_checkpoint import restored
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.synth.dataset.video_writer import write_video
from knowledge_spreader.training.warm_start import start_model
from tests.engines.conftest import SPEC, some_faces
from tests.shared import once


def answers(model: KSModel, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    with torch.inference_mode():
        o_a, feature = model.encode(torch.from_numpy(faces))
        output = model.predict(o_a, feature[:, None].expand(-1, SPEC.n_frames, -1)).output
    return o_a.numpy(), output.numpy()


def test_a_model_that_went_into_a_file_comes_back_with_the_same_answers(tiny: KSModel, tiny_file: ModelFile) -> None:
    back = restored(tiny_file, some_faces(32, seed=5))
    for ours, theirs in zip(answers(back, some_faces(8)), answers(tiny, some_faces(8)), strict=True):
        assert ours == pytest.approx(theirs, abs=1e-4)


def test_training_mode_starts_from_the_same_answers_on_the_pictures_that_were_given(tiny_file: ModelFile) -> None:
    """In training a norm takes the batch's own statistics: on those pictures they are what it was given."""
    faces = some_faces(64, seed=6)
    back = restored(tiny_file, faces)
    rest = back.encode(torch.from_numpy(faces)).o_a.detach()
    train = back.train().encode(torch.from_numpy(faces)).o_a.detach()
    assert torch.allclose(train, rest, atol=1e-3)


def test_kernels_have_the_length_of_fresh_ones(tiny_file: ModelFile) -> None:
    """torchvision begins a kernel with deviation sqrt(2 / (C_out k k)): here sqrt(2 / (32 * 9)), of 16 * 9 values."""
    conv = restored(tiny_file, some_faces(32)).base_b.get_submodule("layers.1.0")
    assert isinstance(conv, nn.Conv2d)
    wanted = (2 / (32 * 9) * 16 * 9) ** 0.5
    assert conv.weight.flatten(1).norm(dim=1).tolist() == pytest.approx([wanted] * 32, rel=1e-5)


def test_whatever_the_pictures_the_answers_are_the_files(tiny: KSModel, tiny_file: ModelFile) -> None:
    one, other = (restored(tiny_file, some_faces(32, seed=s)) for s in (1, 2))
    assert answers(one, some_faces(4))[1] == pytest.approx(answers(other, some_faces(4))[1], abs=1e-4)


@pytest.fixture(scope="module")
def residual(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A network of residual blocks, with a channel that never moves."""
    spec = replace(SPEC, aus=(1, 12), backbone="resnet18-quarter", thresholds=(0.5,) * 2)
    torch.manual_seed(3)
    model = make_model(spec).train()
    with torch.no_grad():
        for seed in range(4):
            model.encode(torch.from_numpy(some_faces(16, seed=seed)))
        norm = next(part for part in model.base_a.modules() if isinstance(part, nn.BatchNorm2d))
        norm.weight[0] = 0  # the folded kernel is nothing but zeros
    return open_model(once(tmp_path_factory, "residual.ks", lambda path: export(model.eval(), spec, path, half=True)))


def test_residual_blocks_come_back_too(residual: ModelFile) -> None:
    back = restored(residual, some_faces(48, seed=9))
    engine = TorchEngine(residual)
    assert back.encode(torch.from_numpy(some_faces(4))).o_a.detach().numpy() == pytest.approx(
        engine.encode(some_faces(4)).o_a, abs=1e-4
    )


def test_a_channel_that_never_moves_is_no_division_by_zero(residual: ModelFile) -> None:
    back = restored(residual, some_faces(32))
    assert all(torch.isfinite(x).all() for x in back.state_dict().values())
    assert np.isfinite(answers(back, some_faces(4))[1]).all()


def test_a_file_without_its_weights_is_refused(tiny_file: ModelFile) -> None:
    with pytest.raises(ModelError, match="does not contain"):
        restored(replace(tiny_file, torch_weights={}), some_faces(32))


@pytest.mark.slow
def test_the_command_makes_a_start_for_ks_train_of_the_bundled_model(
    tmp_path: Path, face_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    clip = Path("realtime/demo/clip.mp4")
    out = tmp_path / "start.safetensors"
    assert main(["--faces", str(clip), "--face-model", str(face_model), "--out", str(out)]) == 0
    assert "as a checkpoint" in capsys.readouterr().out
    model, checkpoint = load_model(out)
    start = start_model(checkpoint.spec, str(out))
    assert all(torch.equal(a, b) for a, b in zip(start.state_dict().values(), model.state_dict().values(), strict=True))
    assert (checkpoint.config.side_px, checkpoint.config.backbone) == (112, "resnet18-half")  # what ks-eval crops to
    assert load_checkpoint(out).metrics["restored_from"] == open_model("ks/weights/bundled.ks").weights_id


def test_too_few_faces_are_refused(tmp_path: Path, face_model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_video(tmp_path / "grey.mp4", iter([np.full((64, 64, 3), 90, np.uint8)] * 4), (64, 64), Fraction(25))
    out = tmp_path / "start.safetensors"
    assert main(["--faces", str(tmp_path / "grey.mp4"), "--face-model", str(face_model), "--out", str(out)]) == 2
    assert "no face" in capsys.readouterr().err
    assert not out.exists()
