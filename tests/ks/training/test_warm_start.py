"""Branch A by itself, as a start for both; AdamW and the cosine, stopped and resumed."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from knowledge_spreader.checkpoint import load_checkpoint
from knowledge_spreader.clips.loader import ClipReader
from knowledge_spreader.clips.schedule import make_schedule
from knowledge_spreader.clips.training_data import load_material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.compile.compile_model import CompileConfig, compile_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.augment import augment
from knowledge_spreader.method.backbone import make_backbone
from knowledge_spreader.method.network import make_model
from knowledge_spreader.training.optim import learning_rate
from knowledge_spreader.training.trainer import train
from knowledge_spreader.training.warm_start import start_model
from tests.ks.training.stop import train_until_stopped


@pytest.fixture
def frames_run(quick_config: TrainConfig) -> Path:
    config = replace(quick_config, method="frames", out=quick_config.out + "-frames", epochs=2)
    return train(config, progress=False).best_path


def test_both_branches_begin_with_the_backbone_that_frames_trained(frames_run: Path) -> None:
    saved = load_checkpoint(frames_run)
    model = start_model(saved.spec, str(frames_run))
    theirs = saved.part("model.")
    mine = model.state_dict()
    names = [name for name in theirs if name.startswith("base_a.")]
    assert names
    for name in names:
        assert torch.equal(mine[name], theirs[name])
        assert torch.equal(mine[name.replace("base_a.", "base_b.")], theirs[name])


STUDENTS = ("spatial_students.", "temporal_teacher.")
PARTS = ("spatial_teacher.", *STUDENTS)


@pytest.mark.parametrize(
    ("other", "anew"),
    [
        ({"aus": (2, 26)}, PARTS),
        ({"spatial_pooling": "attention"}, ("spatial_teacher.",)),
        ({"mark_key": True}, ("temporal_teacher.",)),
    ],
)
def test_of_a_checkpoint_with_other_aus_or_heads_the_parts_that_fit_are_used(
    frames_run: Path, other: dict[str, Any], anew: tuple[str, ...], caplog: pytest.LogCaptureFixture
) -> None:
    saved = load_checkpoint(frames_run)
    theirs = saved.part("model.")
    spec = replace(saved.spec, **other, thresholds=())
    torch.manual_seed(3)
    fresh = make_model(spec).state_dict()
    torch.manual_seed(3)
    mine = start_model(spec, str(frames_run)).state_dict()
    assert next(iter(other)) in caplog.text
    for name, tensor in mine.items():
        wanted = fresh[name] if name.startswith(anew) else theirs[name.replace("base_b.", "base_a.")]
        assert torch.equal(tensor, wanted), name


@pytest.mark.parametrize("frame_pooling", ["mean", "attention"])
def test_heads_keep_what_belongs_to_aus_that_both_have(quick_config: TrainConfig, frame_pooling: str) -> None:
    """A checkpoint of AUs 1, 4, 12, 25; a model of 25, 2, 1: its first and third AU are known, its second is not."""
    config = replace(quick_config, frame_pooling=frame_pooling, spatial_pooling="attention", epochs=1)
    path = train(config, progress=False).best_path
    saved = load_checkpoint(path)
    theirs = saved.part("model.")
    spec = replace(saved.spec, aus=(25, 2, 1), thresholds=())
    torch.manual_seed(3)
    fresh = make_model(spec).state_dict()
    torch.manual_seed(3)
    mine = start_model(spec, str(path)).state_dict()
    per_au = {
        "spatial_teacher.logit_weight": 0,
        "spatial_teacher.project.weight": 0,
        "temporal_teacher.classifier.bias": 0,
    }
    per_au |= {"spatial_teacher.pool.look": 0, "spatial_students.logits.2.weight": 0}
    if frame_pooling == "attention":
        per_au |= {"pool_b.project.bias": 0, "spatial_students.hidden.4.weight": 1}
    for name, dim in per_au.items():
        ours, new, known = (
            x[name].unflatten(dim, (u, -1)).unbind(dim) for x, u in ((mine, 3), (fresh, 3), (theirs, 4))
        )
        assert torch.equal(ours[0], known[3]), name
        assert torch.equal(ours[1], new[1]), name
        assert torch.equal(ours[2], known[0]), name
    for name in ("temporal_teacher.time_embedding", "spatial_students.hidden.0.bias", "base_b.layers.0.0.weight"):
        assert torch.equal(mine[name], theirs[name]), name


@pytest.mark.parametrize("spatial", ["mean", "attention"])
@pytest.mark.parametrize("trained_both", [False, True])
def test_a_branch_b_that_pools_otherwise_than_it_learned_begins_as_branch_a(
    quick_config: TrainConfig, spatial: str, trained_both: bool
) -> None:
    config = replace(quick_config, method="ks" if trained_both else "frames", spatial_pooling=spatial, epochs=1)
    saved = load_checkpoint(train(config, progress=False).best_path)
    theirs = saved.part("model.")
    path = str(Path(config.out) / "best.safetensors")
    torch.manual_seed(3)
    fresh = make_model(replace(saved.spec, frame_pooling="attention")).state_dict()
    torch.manual_seed(3)
    mine = start_model(replace(saved.spec, frame_pooling="attention"), path).state_dict()
    for name, tensor in mine.items():
        if name.startswith(STUDENTS):
            assert torch.equal(tensor, fresh[name]), name
        elif name == "pool_b.pool.look" and spatial == "mean":
            assert not tensor.any()  # attention that has not begun is the mean
        else:
            as_a = name.replace("base_b.", "base_a.").replace("pool_b.", "spatial_teacher.")
            assert torch.equal(tensor, theirs[as_a]), name


@pytest.mark.slow
def test_a_branch_b_that_learned_its_tokens_keeps_them(quick_config: TrainConfig) -> None:
    saved = load_checkpoint(train(replace(quick_config, frame_pooling="attention"), progress=False).best_path)
    mine = start_model(saved.spec, str(Path(quick_config.out) / "best.safetensors")).state_dict()
    assert all(torch.equal(mine[name], x) for name, x in saved.part("model.").items())


@pytest.mark.slow
def test_backbones_stand_still_in_frozen_epochs_and_move_after_them(quick_config: TrainConfig) -> None:
    torch.manual_seed(quick_config.seed)
    runs = []
    for frozen in (2, 1):
        config = replace(
            quick_config, epochs=2, val_share=0.0, frozen_epochs=frozen, out=f"{quick_config.out}-{frozen}"
        )
        saved = load_checkpoint(train(config, progress=False).best_path)
        runs.append(saved.part("model."))
    torch.manual_seed(quick_config.seed)
    first = start_model(saved.spec, "random").state_dict()
    for name, tensor in first.items():
        held, freed = (torch.equal(tensor, run[name]) for run in runs)
        if name.startswith("base_"):  # norms' statistics too
            assert held, name
            assert not freed, name
        elif name.endswith("weight") and "norm" not in name:
            assert not held, name


def test_weights_of_another_side_are_used_and_the_difference_is_told(
    frames_run: Path, caplog: pytest.LogCaptureFixture
) -> None:
    saved = load_checkpoint(frames_run)
    theirs = saved.part("model.")
    wider = replace(saved.spec, side_px=saved.spec.side_px + 16)
    mine = start_model(wider, str(frames_run)).state_dict()
    assert f"crops of {saved.spec.side_px} px, this run uses {wider.side_px} px" in caplog.text
    assert all(torch.equal(mine[name], x) for name, x in theirs.items() if not name.startswith("base_b."))


def test_frames_trains_branch_a_and_leaves_branch_b_alone(quick_config: TrainConfig, frames_run: Path) -> None:
    torch.manual_seed(quick_config.seed)
    saved = load_checkpoint(frames_run)
    first, after = start_model(saved.spec, "random").state_dict(), saved.part("model.")
    assert not torch.equal(first["spatial_teacher.logit_weight"], after["spatial_teacher.logit_weight"])
    assert torch.equal(first["temporal_teacher.classifier.weight"], after["temporal_teacher.classifier.weight"])


def test_a_checkpoint_of_frames_is_no_model_to_compile(frames_run: Path, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"branch A only.*--init"):
        compile_model(CompileConfig(frames_run, out=tmp_path / "a.ks"))


@pytest.mark.parametrize(("name", "times"), [("resnet18-half", 2), ("resnet18-quarter", 4)])
def test_a_narrow_backbone_has_every_width_so_much_smaller(name: str, times: int) -> None:
    narrow, width = make_backbone(name, "random")
    whole, whole_width = make_backbone("resnet18", "random")
    assert (width, whole_width) == (512 // times, 512)
    counts = [sum(p.numel() for p in network.parameters() if p.dim() == 4) for network in (narrow, whole)]
    assert counts[1] / counts[0] == pytest.approx(times**2, rel=0.01)
    assert narrow(torch.zeros(1, 112, 112, 3, dtype=torch.uint8)).shape == (1, width, 4, 4)


def test_the_cosine_rises_and_falls() -> None:
    config = TrainConfig("manifest", "x", "y", lr=0.1, lr_schedule="cosine", warmup_epochs=2, epochs=10)
    rates = [learning_rate(config, e) for e in np.linspace(0, 10, 41)]
    assert rates[0] == pytest.approx(0.002)
    assert rates[8] == pytest.approx(0.1)
    assert rates[24] == pytest.approx(0.05, rel=0.02)
    assert rates[-1] < 0.0003
    assert learning_rate(replace(config, lr_schedule="constant"), 7.3) == 0.1


@pytest.mark.parametrize("augmentation", ["paper", "strong"])
def test_a_share_of_the_clips_is_only_flipped_and_the_others_keep_their_noise(
    quick_config: TrainConfig, augmentation: str
) -> None:
    config = replace(quick_config, augmentation=augmentation, batch=16)
    material = load_material(config, False)
    schedule, strong = make_schedule(config, material, 0, 1), augmentation == "strong"
    noisy, half = (
        ClipReader(material.index, material.crops, schedule, 8, 0.5, strong=strong, noise_share=share)[0].labelled
        for share in (1.0, 0.5)
    )
    calm = half.noise.view.angle_deg == 0
    assert 3 <= calm.sum() <= 13
    for now, before in zip(half.noise.view, noisy.noise.view, strict=True):
        assert torch.equal(now[~calm], before[~calm])
    flipped = augment(half.pictures, half.noise.view.weak())
    seen = augment(half.pictures, half.noise.view)
    assert (seen[calm].int() - flipped[calm].int()).abs().max() <= 1
    assert (seen[~calm].int() - flipped[~calm].int()).abs().amax((1, 2, 3, 4)).min() > 10


def test_the_last_epochs_are_plain_but_for_the_flip(quick_config: TrainConfig) -> None:
    config = replace(quick_config, augmentation="strong", plain_epochs=1, epochs=3)
    material = load_material(config, False)
    schedule = make_schedule(config, material, 0, 1)
    reader = ClipReader(material.index, material.crops, schedule, 8, 0.5, strong=True)
    noisy, plain = (reader[step].labelled.noise.view for step in (0, 2 * schedule.steps_per_epoch))
    assert noisy.extra.shape[1]
    assert noisy.angle_deg.any()
    assert not plain.extra.shape[1]
    assert not plain.angle_deg.any()


@pytest.mark.slow
def test_adamw_under_a_cosine_stopped_and_resumed_is_equal_to_the_bit(
    quick_config: TrainConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = replace(quick_config, optimizer="adamw", lr=1e-3, lr_schedule="cosine", augmentation="strong", epochs=3)
    train(replace(config, out=config.out + "-whole"), progress=False)
    train_until_stopped(config, monkeypatch)
    train(config, progress=False, resume=True)
    mine, whole = (
        load_checkpoint(Path(out) / "last.safetensors").part("model.") for out in (config.out, config.out + "-whole")
    )
    assert all(torch.equal(mine[name], whole[name]) for name in whole)


@pytest.mark.slow  # processes that read
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_to_the_whole_group_stops_a_run_that_can_be_resumed(
    quick_config: TrainConfig, number: signal.Signals
) -> None:
    config = replace(quick_config, epochs=400, workers=2)
    program = (
        "import signal, sys, torch\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it\n"
        "torch.set_num_threads(1)\n"
        "from knowledge_spreader.config import TrainConfig\n"
        "from knowledge_spreader.cli.run import make_parser, run\n"
        "from knowledge_spreader.training.trainer import train\n"
        "def go(_):\n"
        "    train(TrainConfig.from_json(sys.argv[1]), progress=False)\n"
        "sys.exit(run(make_parser('x', ''), [], go))\n"
    )
    command = [sys.executable, "-c", program, config.to_json()]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith("epoch 2"):
            os.killpg(process.pid, number)
            break
    rest = process.communicate(timeout=60)[1]
    assert process.returncode == 130, rest
    assert "interrupted" in rest
    assert "Traceback" not in rest
    assert load_checkpoint(Path(config.out) / "last.safetensors").metrics["steps_done"] >= 8
