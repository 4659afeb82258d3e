"""The trainer as a tool: whole runs, resumed to the bit, shared over processes, and its refusals."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from knowledge_spreader.checkpoint import load_checkpoint
from knowledge_spreader.cli.evaluate import main as eval_main
from knowledge_spreader.cli.train import main as train_main
from knowledge_spreader.clips.chosen_data import LAST_EPOCH, PAPER_PROTOCOL, split_subjects
from knowledge_spreader.clips.schedule import make_schedule
from knowledge_spreader.clips.training_data import load_material
from knowledge_spreader.config import METHODS, TrainConfig, option_of
from knowledge_spreader.errors import DataError, KSError, ModelError
from knowledge_spreader.evaluation.predict import predict_test
from knowledge_spreader.method.network import make_model
from knowledge_spreader.training.optim import amp_dtype
from knowledge_spreader.training.trainer import train
from tests.ks.training.stop import train_until_stopped
from tests.planted import Planted, write_planted


def weights(path: Path) -> dict[str, Tensor]:
    return load_checkpoint(path).part("model.")


def arguments(config: TrainConfig) -> list[str]:
    """The config as a user types it."""
    words: list[str] = []
    for name, value in asdict(config).items():
        flag = option_of(name).removeprefix("--")
        if isinstance(value, bool):
            words.append(f"--{flag}" if value else f"--no-{flag}")
        elif value not in ("", ()):
            words += [f"--{flag}", ",".join(map(str, value)) if isinstance(value, tuple) else str(value)]
    return words


OTHERS = [method for method in METHODS if method not in ("ks", "supervised")]


@pytest.mark.parametrize("method", ["ks", "supervised", *(pytest.param(m, marks=pytest.mark.slow) for m in OTHERS)])
def test_every_method_trains_and_is_evaluated(quick_config: TrainConfig, method: str) -> None:
    summary = train(replace(quick_config, method=method, epochs=3), progress=False)
    assert [row["epoch"] for row in summary.epochs] == [1, 2, 3]
    assert all(np.isfinite(row["loss"]) for row in summary.epochs)
    predictions = predict_test(summary.best_path, "cpu")
    assert predictions.probability.shape == (5, 2 * 40, 4)  # two people in the test part, 40 frames each
    assert predictions.method == method


ABLATIONS: list[dict[str, object]] = [
    {"correlation": "mlp"},
    {"lambda_s": 0.0, "lambda_t": 0.0},
    {"order_task": False, "order_gate": False},
    {"key_shift": False},
    {"spatial_distillation": False},
    {"temporal_distillation": False},
    {"pseudo_labels": False},
    {"pseudo_source": "temporal"},
    {"pseudo_view": "plain"},
    {"unlabelled_distillation": False},
    {"ramp": False},
    {"unlabelled_from": 0},
    {"kl": "softmax"},
    {"key_frame_noise": True},
    {"spatial_pooling": "attention"},
    {"frame_pooling": "attention"},
    {"mark_key": True},
    {"augment": False},
    {"n_frames": 2},
]


@pytest.mark.parametrize(
    "switch",
    [*ABLATIONS[:4], *(pytest.param(s, marks=pytest.mark.slow) for s in ABLATIONS[4:])],
    ids=lambda s: ",".join(s),
)
def test_every_ablation_is_a_switch_that_changes_the_run(
    quick_config: TrainConfig, short_run: Path, switch: dict[str, object]
) -> None:
    summary = train(replace(quick_config, epochs=2, **switch), progress=False)  # type: ignore[arg-type]
    own, full = weights(summary.best_path.parent / "last.safetensors"), weights(short_run)
    assert own.keys() != full.keys() or any(
        own[k].shape != full[k].shape or not torch.equal(own[k], full[k]) for k in own
    )


@pytest.fixture(scope="module")
def full_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """last.safetensors of quick_config on equal data, for comparison."""
    return run_of(tmp_path_factory.mktemp("full"), epochs=4)


@pytest.fixture(scope="module")
def short_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of two epochs: unlabelled clips and pseudo labels come in the second."""
    return run_of(tmp_path_factory.mktemp("short"), epochs=2)


def run_of(folder: Path, epochs: int) -> Path:
    planted = write_planted(folder / "data", subjects=6, videos_each=1, frames=40)
    config = TrainConfig(
        data="manifest", root=str(planted.manifest), out=str(folder / "run"), cache=str(folder / "crops"), aligned=True,
        labels=0.25, val_share=0.25, side_px=32, backbone="tiny", init="random", epochs=epochs, batch=4,
        unlabelled_from=2, gate_from=2, workers=0, amp="off", device="cpu",
    )  # fmt: skip
    train(config, progress=False)
    return folder / "run" / "last.safetensors"


def test_two_runs_with_one_seed_are_equal_to_the_bit(quick_config: TrainConfig, full_run: Path) -> None:
    train(quick_config, progress=False)
    own, full = weights(Path(quick_config.out) / "last.safetensors"), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in full)


@pytest.mark.slow
def test_workers_change_nothing_but_speed(quick_config: TrainConfig, full_run: Path) -> None:
    train(replace(quick_config, workers=2), progress=False)
    own, full = weights(Path(quick_config.out) / "last.safetensors"), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in full)


def test_a_run_stopped_by_a_signal_in_mid_epoch_and_resumed_is_equal_to_the_bit(
    quick_config: TrainConfig, full_run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train_until_stopped(quick_config, monkeypatch)
    last = Path(quick_config.out) / "last.safetensors"
    steps = load_checkpoint(last).metrics["steps_done"]
    assert steps % 4, "the stop should fall inside an epoch"
    summary = train(quick_config, progress=False, resume=True)
    own, full = weights(last), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in full)
    rows = [json.loads(line) for line in (full_run.parent / "log.jsonl").read_text().splitlines()]
    for mine, theirs in zip(summary.epochs, rows, strict=True):
        timeless = {k for k in mine if k not in ("seconds", "frames_per_s", "data_wait_share")}
        assert {k: mine[k] for k in timeless} == pytest.approx({k: theirs[k] for k in timeless}, rel=1e-6)


@pytest.mark.slow
def test_a_run_killed_without_warning_and_resumed_is_equal_to_the_bit(
    quick_config: TrainConfig, full_run: Path
) -> None:
    program = (
        "import sys, os, signal, torch, knowledge_spreader.training.trainer\n"
        "torch.set_num_threads(1)\n"
        "save = knowledge_spreader.training.trainer.Trainer.save\n"
        "def save_and_die(self, name, *a, **k):\n"
        "    save(self, name, *a, **k)\n"
        "    if name == 'last.safetensors' and self.steps_done >= 2 * self.schedule.steps_per_epoch:\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "knowledge_spreader.training.trainer.Trainer.save = save_and_die\n"
        "from knowledge_spreader.cli.train import main as train_main\n"
        "sys.exit(train_main(sys.argv[1:]))\n"
    )
    done = subprocess.run([sys.executable, "-c", program, *arguments(quick_config)], capture_output=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr.decode()
    train(quick_config, progress=False, resume=True)
    own, full = weights(Path(quick_config.out) / "last.safetensors"), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in full)


@pytest.mark.slow
def test_two_gloo_processes_equal_one_with_the_same_global_batch(quick_config: TrainConfig, tmp_path: Path) -> None:
    # every term from the first step on; few steps, as rounding grows: after 4 it is 3e-6 to 3e-5, by processor
    config = replace(quick_config, gate_from=1, unlabelled_from=1, batch=8, epochs=1)
    one, two = replace(config, out=str(tmp_path / "one")), replace(config, out=str(tmp_path / "two"))
    row = train(one, progress=False).epochs[0]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    command = [
        sys.executable,
        "-m",
        "torch.distributed.run",
        "--standalone",
        "--nproc-per-node",
        "2",
        "-m",
        "knowledge_spreader.cli.train",
    ]
    done = subprocess.run([*command, *arguments(two)], capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    a, b = weights(tmp_path / "one" / "last.safetensors"), weights(tmp_path / "two" / "last.safetensors")
    torch.manual_seed(config.seed)
    start = make_model(load_checkpoint(tmp_path / "one" / "last.safetensors").spec).state_dict()
    assert max(float((a[k].double() - b[k].double()).abs().max()) for k in a) < 1e-4
    assert max(float((a[k].double() - start[k].double()).abs().max()) for k in a) > 1e-2
    other = json.loads((tmp_path / "two" / "log.jsonl").read_text())
    for key in ("loss", "l_semi", "u_semi", "pseudo_dropped_share", "pseudo_accuracy_kept", "selection_f1"):
        assert other[key] == pytest.approx(row[key], abs=1e-4)


def test_the_log_holds_what_the_trainer_did(quick_config: TrainConfig) -> None:
    summary = train(quick_config, progress=False)
    rows = summary.epochs
    always = {
        "epoch",
        "lr",
        "loss",
        "l_s",
        "l_skd",
        "l_t",
        "l_tkd",
        "l_bce",
        "l_ssl",
        "l_semi",
        "frames_per_s",
        "data_wait_share",
    }
    assert all(always <= row.keys() for row in rows)
    assert "u_semi" not in rows[0]
    assert {"u_semi", "u_ssl"} <= rows[1].keys()  # unlabelled_from = 2
    assert rows[0]["l_semi"] == 0
    assert all(0 <= row["pseudo_dropped_share"] <= 1 for row in rows)
    assert all(0 <= row["data_wait_share"] <= 1 for row in rows)
    out = Path(quick_config.out)
    assert [json.loads(line)["epoch"] for line in (out / "log.jsonl").read_text().splitlines()] == [1, 2, 3, 4]
    assert any((out / "tb").iterdir())
    assert sorted(p.name for p in out.iterdir()) == [
        "best.safetensors", "config.json", "labels.csv", "last.safetensors", "log.jsonl", "tb",
    ]  # fmt: skip


@pytest.mark.slow
def test_the_written_label_list_gives_the_same_run_again(
    quick_config: TrainConfig, full_run: Path, tmp_path: Path
) -> None:
    labels = full_run.parent / "labels.csv"
    train(replace(quick_config, labels=1.0, label_list=str(labels)), progress=False)
    own, full = weights(Path(quick_config.out) / "last.safetensors"), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in full)


def test_only_budgeted_labels_of_training_subjects_are_learned(quick_config: TrainConfig) -> None:
    material = load_material(quick_config, progress=False)
    schedule = make_schedule(quick_config, material, 0, 1)
    subjects = {material.videos[v].subject for v in material.index.video[schedule.labelled]}
    assert subjects == set(material.split.train)
    assert len(schedule.labelled) == 3 * 10  # three people, 40 frames, one label in 4
    everybody = set(material.index.video[np.r_[schedule.labelled, schedule.unlabelled]].tolist())
    assert {material.videos[v].subject for v in everybody} == set(material.split.train)
    assert not set(material.split.train) & set(material.split.selection)
    assert not {*material.split.train, *material.split.selection} & set(material.split.test)


def test_the_papers_protocol_is_named_wherever_it_is_used(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(quick_config, paper_protocol=True, epochs=1)
    assert train_main([*arguments(config), "--no-progress"]) == 0
    assert PAPER_PROTOCOL in capsys.readouterr().out
    best = Path(config.out) / "best.safetensors"
    assert load_checkpoint(best).metrics["selection"] == PAPER_PROTOCOL
    report = Path(config.out) / "report.json"
    assert eval_main([config.out, "--json", str(report), "--device", "cpu"]) == 0
    assert "PAPER PROTOCOL" in capsys.readouterr().out
    assert json.loads(report.read_text())["selection"] == PAPER_PROTOCOL


def test_without_held_out_subjects_the_last_epoch_is_kept(quick_config: TrainConfig) -> None:
    summary = train(replace(quick_config, val_share=0.0, epochs=2), progress=False)
    assert np.isnan(summary.selection_f1)
    best, last = (weights(Path(quick_config.out) / f"{name}.safetensors") for name in ("best", "last"))
    assert all(torch.equal(best[k], last[k]) for k in last)
    assert load_checkpoint(summary.best_path).metrics["selection"] == LAST_EPOCH


def test_thresholds_are_chosen_on_the_selection_subjects(quick_config: TrainConfig) -> None:
    summary = train(replace(quick_config, epochs=1), progress=False)
    assert len(load_checkpoint(summary.best_path).spec.thresholds) == 4


def test_another_checkpoint_of_the_same_spec_can_be_the_start(quick_config: TrainConfig, full_run: Path) -> None:
    config = replace(quick_config, init=str(full_run), lr=0.0, epochs=1)
    train(config, progress=False)
    own, full = weights(Path(config.out) / "last.safetensors"), weights(full_run)
    assert all(torch.equal(own[k], full[k]) for k in own if "running" not in k and "num_batches" not in k)


def test_mixed_precision_runs(quick_config: TrainConfig) -> None:
    summary = train(replace(quick_config, amp="bf16", epochs=1), progress=False)
    assert np.isfinite(summary.epochs[0]["loss"])
    with pytest.raises(KSError, match="fp16 needs a GPU"):
        amp_dtype("fp16", torch.device("cpu"))


# what the user can do wrong


def refused(config: TrainConfig, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """The one line that ks-train answers; its exit code is 2."""
    assert train_main([*arguments(config), "--no-progress", *more]) == 2
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("error: ")
    return line


def rewrite(manifest: Path, target: Path, change: Callable[[dict[str, str]], dict[str, str] | None]) -> str:
    """A copy of the manifest with rows changed or left out; pictures stay where they are."""
    import csv

    with manifest.open() as file:
        rows = [new for row in csv.DictReader(file) if (new := change(row)) is not None]
    with target.open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0].keys())
        writer.writeheader()
        writer.writerows({**row, "video": str(manifest.parent / row["video"])} for row in rows)
    return str(target)


def test_a_finished_run_is_not_overwritten(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    train(replace(quick_config, epochs=1), progress=False)
    before = (Path(quick_config.out) / "last.safetensors").read_bytes()
    assert "already contains a run" in refused(quick_config, capsys)
    assert (Path(quick_config.out) / "last.safetensors").read_bytes() == before


def test_resuming_with_other_settings_is_refused(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    train(replace(quick_config, epochs=1), progress=False)
    assert "lr 0.01 -> 0.5" in refused(replace(quick_config, lr=0.5), capsys, "--resume")


def test_resuming_nothing_is_refused(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no checkpoint at" in refused(quick_config, capsys, "--resume")


def test_a_truncated_checkpoint_is_refused_and_left_alone(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]
) -> None:
    last = train(replace(quick_config, epochs=1), progress=False).best_path.with_name("last.safetensors")
    last.write_bytes(last.read_bytes()[:5000])
    assert "damaged" in refused(quick_config, capsys, "--resume")
    assert len(last.read_bytes()) == 5000


def test_missing_folders_are_refused(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert "nowhere" in refused(replace(quick_config, root=str(tmp_path / "nowhere.csv")), capsys)
    for data in ("bp4d", "bp4d+", "disfa", "mme"):
        assert "nowhere" in refused(replace(quick_config, data=data, root=str(tmp_path / "nowhere")), capsys)


def test_a_fold_without_a_label_is_refused(
    quick_config: TrainConfig, planted: Planted, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def blank(row: dict[str, str]) -> dict[str, str]:
        return row if row["part"] == "3" else {k: "" if k.startswith("AU") else v for k, v in row.items()}

    root = rewrite(planted.manifest, tmp_path / "blank.csv", blank)
    assert "no label among the" in refused(replace(quick_config, root=root), capsys)  # fold 1 trains on parts 1 and 2


def test_selection_subjects_without_a_label_are_refused(
    quick_config: TrainConfig, planted: Planted, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    held_out = load_material(quick_config, progress=False).split.selection

    def blank(row: dict[str, str]) -> dict[str, str]:
        return {k: "" if k.startswith("AU") and row["subject"] in held_out else v for k, v in row.items()}

    root = rewrite(planted.manifest, tmp_path / "blank.csv", blank)
    assert "held out for selection" in refused(replace(quick_config, root=root), capsys)


def test_an_au_without_a_positive_is_refused(
    quick_config: TrainConfig, planted: Planted, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    root = rewrite(planted.manifest, tmp_path / "none.csv", lambda row: {**row, "AU12": "0"})
    line = refused(replace(quick_config, root=root), capsys)
    assert "AU12" in line
    assert "--aus 1,4,25" in line


def test_a_video_shorter_than_a_clip_is_refused(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    short = write_planted(tmp_path / "short", subjects=6, videos_each=1, frames=4)
    assert "4 frames, a clip needs 5" in refused(replace(quick_config, root=str(short.manifest)), capsys)


def test_a_picture_that_cannot_be_read_does_not_stop_the_training_of_the_set(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    planted = write_planted(tmp_path / "set", subjects=6, videos_each=1, frames=8)
    (tmp_path / "set" / "s00_v0" / "00003.png").write_bytes(b"cut off")
    config = replace(quick_config, root=str(planted.manifest), cache=str(tmp_path / "c"), epochs=1)
    assert train_main([*arguments(config), "--no-progress"]) == 0
    said = [line for line in capsys.readouterr().err.splitlines() if "cannot be read" in line]
    assert len(said) == 1
    assert said[0].startswith("1 picture of 1 recording cannot be read and is left out, the first in s00_v0: ")
    assert "00003.png" in said[0]


def test_a_recording_that_cannot_be_read_is_refused_by_name(
    quick_config: TrainConfig, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    planted = write_planted(tmp_path / "set", subjects=6, videos_each=1, frames=8)
    for i in range(4):
        (tmp_path / "set" / "s00_v0" / f"{i:05d}.png").write_bytes(b"cut off")
    line = refused(replace(quick_config, root=str(planted.manifest), cache=str(tmp_path / "c")), capsys)
    assert line.startswith("error: s00_v0: 4 of 8 pictures cannot be read, the first: ")


def test_a_checkpoint_of_another_spec_is_refused(
    quick_config: TrainConfig, full_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "n_frames 7 != 5" in refused(replace(quick_config, init=str(full_run), n_frames=7), capsys)
    with pytest.raises(ModelError, match="no checkpoint at"):
        train(replace(quick_config, init="elsewhere.safetensors"), progress=False)


def test_evaluating_on_other_aus_is_refused(
    full_run: Path, planted: Planted, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = rewrite(planted.manifest, tmp_path / "three.csv", lambda row: {k: v for k, v in row.items() if k != "AU25"})
    assert eval_main([str(full_run), "--root", root, "--device", "cpu"]) == 2
    assert "does not fit" in capsys.readouterr().err


def test_a_fold_that_is_not_there_is_refused(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    assert "folds 1 to 3; got 4" in refused(replace(quick_config, fold=4), capsys)


def test_too_few_subjects_to_hold_one_out_are_refused(quick_config: TrainConfig) -> None:
    data = load_material(quick_config, progress=False).data
    alone = replace(data, parts=(("s00",), ("s01",)))
    with pytest.raises(DataError, match="--val-share 0"):
        split_subjects(replace(quick_config, fold=1), alone)


def test_options_out_of_range_are_refused(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    words = arguments(quick_config)
    for flag, value, said in (
        ("--labels", "0", "--labels must lie"),
        ("--labels", "many", "2% or 0.02"),
        ("--labels", "200%", "--labels must lie"),
        ("--aus", "1,smile", "AUs must be numbers"),
        ("--n-frames", "12", "--n-frames must lie between 2 and 9; got 12"),
        ("--batch", "0", "--batch must lie"),
    ):
        assert train_main([*words, flag, value, "--no-progress"]) == 2
        assert said in capsys.readouterr().err


def test_a_machine_without_a_gpu_says_so(quick_config: TrainConfig, capsys: pytest.CaptureFixture[str]) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has a GPU")
    assert "no NVIDIA GPU" in refused(replace(quick_config, device="cuda"), capsys)


def test_describe_needs_no_data(capsys: pytest.CaptureFixture[str]) -> None:
    assert train_main(["--describe"]) == 0
    out = capsys.readouterr().out
    assert "24,276,053" in out
    assert "2 backbone passes" in out
