"""Branch A averaged with an earlier point of its training."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from knowledge_spreader.checkpoint import load_checkpoint, load_model, save_checkpoint
from knowledge_spreader.cli.average import BRANCH_A, main
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.training.trainer import train


@pytest.fixture
def runs(quick_config: TrainConfig) -> tuple[Path, Path]:
    """A run of branch A alone, and one of KS that begins from it, whose branch B pools otherwise."""
    first = replace(quick_config, method="frames", out=quick_config.out + "-frames", epochs=1)
    earlier = train(first, progress=False).best_path
    ks = replace(quick_config, init=str(earlier), epochs=1, frame_pooling="attention")
    later = train(ks, progress=False).best_path
    return later, earlier


def test_branch_a_is_averaged_branch_b_stays_and_the_model_answers(runs: tuple[Path, Path], tmp_path: Path) -> None:
    later, earlier = (load_checkpoint(path).tensors for path in runs)
    out = tmp_path / "averaged.safetensors"
    assert main([str(runs[0].parent), str(runs[1]), "--share", "0.25", "--out", str(out)]) == 0
    made = load_checkpoint(out).tensors
    assert made.keys() == {name for name in later if name.startswith("model.")}
    moved = 0
    for name, x in made.items():
        if name.startswith(BRANCH_A) and x.is_floating_point():
            assert torch.allclose(x, 0.75 * later[name] + 0.25 * earlier[name], atol=1e-6), name
            moved += not torch.equal(x, later[name])
        else:
            assert torch.equal(x, later[name]), name
    assert moved > 10
    model, saved = load_model(out)
    side = saved.spec.side_px
    assert model.encode(torch.zeros(1, side, side, 3, dtype=torch.uint8)).o_a.isfinite().all()


def test_what_cannot_be_averaged_is_one_line(
    runs: tuple[Path, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "averaged.safetensors"
    saved = load_checkpoint(runs[1])
    other = tmp_path / "other.safetensors"
    save_checkpoint(other, replace(saved, spec=replace(saved.spec, spatial_pooling="attention")))
    for arguments, said in (
        ([str(runs[0]), str(other), "--out", str(out)], "spatial_pooling"),
        ([str(runs[0]), str(tmp_path / "none"), "--out", str(out)], "no checkpoint"),
        ([str(runs[0]), str(runs[1]), "--share", "1.5", "--out", str(out)], "--share must be 0 to 1"),
        ([str(runs[0]), str(runs[1]), "--out", str(tmp_path / "none" / "x")], "there is no folder"),
    ):
        assert main(arguments) == 2
        error = capsys.readouterr().err
        assert said in error
        assert error.count("\n") == 1
    assert not out.exists()
