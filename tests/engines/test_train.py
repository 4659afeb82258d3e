"""ks-train begins from the bundled model, or another `.ks` file, with one word."""

import csv
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from knowledge_spreader.checkpoint import load_checkpoint
from knowledge_spreader.cli.train import given_settings
from knowledge_spreader.clips.training_data import load_material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.engines.train import main, open_start, train
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.backbone import no_imagenet
from knowledge_spreader.method.network import make_model
from knowledge_spreader.spec import ModelSpec
from knowledge_spreader.training.init_choice import as_before, followed, settled, training_faces
from knowledge_spreader.training.run_checks import check_run
from knowledge_spreader.training.warm_start import first_model
from tests.planted import Planted

OF_BUNDLED = ("resnet18-half", 5, 112, "attention", "attention", True)


def of_weights(config: TrainConfig) -> tuple[Any, ...]:
    pooling = (config.spatial_pooling, config.frame_pooling)
    return (config.backbone, config.n_frames, config.side_px, *pooling, config.mark_key)


# ---- which settings follow


def test_an_option_counts_as_given_even_with_its_default_value() -> None:
    line = ["--data", "manifest", "--root", "a.csv", "--out", "b", "--backbone", "resnet18", "--no-mark-key"]
    assert given_settings(line) == {"data", "root", "out", "backbone", "mark_key"}


def test_settings_that_were_not_given_follow_the_bundled_model() -> None:
    config = TrainConfig("manifest", "a.csv", "b", init="bundled")
    assert of_weights(config) == ("resnet18", 5, 224, "mean", "mean", False)
    assert of_weights(followed(config, frozenset(), open_start("bundled"))) == OF_BUNDLED


def test_settings_that_were_given_stay() -> None:
    config = TrainConfig("manifest", "a.csv", "b", init="bundled", side_px=80)
    given = frozenset({"side_px", "frame_pooling"})
    assert of_weights(followed(config, given, open_start("bundled"))) == (
        "resnet18-half", 5, 80, "attention", "mean", True
    )  # fmt: skip


def test_a_key_frame_that_does_not_shift_gets_no_mark() -> None:
    config = TrainConfig("manifest", "a.csv", "b", init="bundled", key_shift=False)
    assert not followed(config, frozenset({"key_shift"}), open_start("bundled")).mark_key


REFUSED = [
    ("--init bundled --backbone tiny", "has --backbone resnet18-half, but --backbone tiny was given; leave --backbone"),
    ("--init bundled --backbone resnet18", "has --backbone resnet18-half, but --backbone resnet18 was given"),
    ("--init bundled --n-frames 7", "has --n-frames 5, but --n-frames 7 was given; leave --n-frames out"),
    ("--backbone tiny", "no ImageNet weights for the backbone tiny; --init bundled: bundled.ks"),
    ("--init {tiny}", "has another width (token_width 128 != 16"),
    ("--init {tmp}/no.ks", "no model at"),
    ("--init {tmp}/damaged.ks", "damaged or not a model of ks-compile"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_a_start_that_does_not_fit_is_one_line_before_any_cropping(
    options: str, message: str, quick_config: TrainConfig, tiny_file: ModelFile, tmp_path: Path, capsys: Any
) -> None:
    (tmp_path / "damaged.ks").write_text("no zip")
    line = f"--data manifest --root {quick_config.root} --out {tmp_path}/run --cache {tmp_path}/crops --aligned "
    assert main((line + options.format(tiny=tiny_file.path, tmp=tmp_path)).split()) == 2
    *notes, error = capsys.readouterr().err.splitlines()
    assert message in error
    assert len(notes) <= 1  # the data set has no frame rate
    assert not (tmp_path / "crops").exists()
    assert not (tmp_path / "run").exists()


# ---- auto


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A home without ImageNet's file, and an address that no network answers. The folder where the file belongs."""
    from torchvision.models import ResNet18_Weights

    address = "http://127.0.0.1:9/resnet18-f37072fd.pth"
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(type(ResNet18_Weights.IMAGENET1K_V1), "url", address, raising=False)
    return tmp_path / "hub" / "checkpoints"


def test_auto_is_the_bundled_model_where_imagenet_cannot_be_had_and_says_why(
    no_network: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    config = settled(TrainConfig("manifest", "a.csv", "b"), frozenset(), open_start, no_imagenet)
    assert (config.init, *of_weights(config)) == ("bundled", *OF_BUNDLED)
    (line,) = [record.message for record in caplog.records]
    assert line.startswith("--init auto: ImageNet weights could not be downloaded (")
    assert "; starts from bundled.ks (" in line
    assert "--backbone resnet18-half" in line


def test_auto_is_imagenet_where_its_file_is_in_the_cache(no_network: Path, caplog: pytest.LogCaptureFixture) -> None:
    from torchvision.models import resnet18

    no_network.mkdir(parents=True)
    torch.save(resnet18(weights=None).state_dict(), no_network / "resnet18-f37072fd.pth")
    caplog.set_level("INFO")
    config = settled(TrainConfig("manifest", "a.csv", "b"), frozenset(), open_start, no_imagenet)
    assert config == TrainConfig("manifest", "a.csv", "b", init="imagenet")
    assert "ImageNet" in caplog.text


def test_a_damaged_file_in_the_cache_is_no_start(no_network: Path) -> None:
    no_network.mkdir(parents=True)
    (no_network / "resnet18-f37072fd.pth").write_bytes(b"half a download")
    assert "ImageNet weights" in no_imagenet("resnet18")


def test_auto_does_not_go_against_a_backbone_that_was_given(no_network: Path) -> None:
    with pytest.raises(ModelError, match=r"could not be downloaded .* but --backbone resnet18 was given"):
        settled(TrainConfig("manifest", "a.csv", "b"), frozenset({"backbone"}), open_start, no_imagenet)


def test_what_auto_was_stays_when_a_run_is_resumed() -> None:
    asked = TrainConfig("manifest", "a.csv", "b")
    for begun in (
        replace(asked, init="imagenet"),
        followed(replace(asked, init="bundled"), frozenset(), open_start("bundled")),
    ):
        assert as_before(asked, frozenset(), begun) == begun
    other = replace(asked, init="random")
    assert as_before(asked, frozenset(), other).init == "auto"  # which is refused as another setting


# ---- whole trainings


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """A model as narrow as a training allows, with batch norms that have seen something."""
    spec = ModelSpec(aus=(1, 4, 12, 25), side_px=48, n_frames=3, backbone="tiny", frame_pooling="attention")
    torch.manual_seed(1)
    model = make_model(spec).train()
    with torch.no_grad():
        model.encode(torch.randint(0, 256, (32, 48, 48, 3), dtype=torch.uint8))
    return export(model.eval(), spec, tmp_path_factory.mktemp("small") / "small.ks")


def line_of(config: TrainConfig, file: ModelFile, out: Path) -> list[str]:
    return [
        *("--data", "manifest", "--root", config.root, "--cache", config.cache, "--out", str(out), "--aligned"),
        *("--labels", "0.25", "--val-share", "0.25", "--init", str(file.path), "--epochs", "2", "--batch", "4"),
        *("--unlabelled-from", "2", "--gate-from", "2", "--workers", "0", "--amp", "off", "--device", "cpu"),
        "--no-progress",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_training_from_a_ks_file_goes_through_and_resumes(
    quick_config: TrainConfig, small_file: ModelFile, tmp_path: Path, capsys: Any
) -> None:
    line = line_of(quick_config, small_file, tmp_path / "run")
    command = [Path(sys.executable).with_name("ks-train"), *line]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"starts from small.ks ({small_file.weights_id}) with --backbone tiny --n-frames 3 --side 48" in done.stderr
    written = json.loads((tmp_path / "run" / "config.json").read_text())
    wanted = (str(small_file.path), "tiny", 3, 48, "attention")
    assert tuple(written[n] for n in ("init", "backbone", "n_frames", "side_px", "frame_pooling")) == wanted
    small_file.path.rename(tmp_path / "away.ks")  # a resumed run does not need it
    try:
        assert main([*line, "--resume", "--epochs", "3"]) == 0
    finally:
        (tmp_path / "away.ks").rename(small_file.path)
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").metrics["epoch"] == 3
    assert main([*line, "--resume", "--side", "64"]) == 2
    assert "side_px 48 -> 64" in capsys.readouterr().err


@pytest.mark.slow
def test_two_processes_begin_from_a_ks_file_alike(
    quick_config: TrainConfig, small_file: ModelFile, tmp_path: Path
) -> None:
    line = [*line_of(quick_config, small_file, tmp_path / "two"), "--epochs", "1"]
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, "-m", "knowledge_spreader.engines.train", *line]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert main([*line, "--out", str(tmp_path / "one")]) == 0
    one, two = (load_checkpoint(tmp_path / n / "last.safetensors").part("model.") for n in ("one", "two"))
    assert max(float((one[n].double() - two[n].double()).abs().max()) for n in one) < 1e-3


@pytest.mark.slow
def test_train_of_the_python_interface_follows_the_file_too(quick_config: TrainConfig, small_file: ModelFile) -> None:
    plain = TrainConfig("manifest", "", "")
    config = replace(quick_config, init=str(small_file.path), side_px=plain.side_px, epochs=1, unlabelled_from=0)
    assert load_checkpoint(train(config, progress=False).best_path).spec.side_px == 48


def with_aus(planted: Planted, aus: tuple[int, ...], out: Path) -> Path:
    """The planted pictures in a manifest with a column for each AU; labels are made up."""
    with planted.manifest.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["video", "subject", "frame", "part", *(f"AU{au}" for au in aus)])
        for i, row in enumerate(rows):
            video = planted.manifest.parent / row["video"]
            writer.writerow([video, row["subject"], row["frame"], row["part"], *((i + au) % 2 for au in aus)])
    return out


@pytest.mark.slow
def test_before_the_first_step_the_answers_on_the_users_crops_are_the_bundled_models(
    planted: Planted, tmp_path: Path
) -> None:
    file = open_model(bundled_model())
    manifest = with_aus(planted, file.spec.aus, tmp_path / "all.csv")
    cache = str(tmp_path / "crops")
    asked = TrainConfig(
        "manifest", str(manifest), str(tmp_path / "run"), cache=cache, aligned=True, init="bundled", workers=0
    )
    config = check_run(asked, resume=False, given=frozenset(), opens=open_start)
    material = load_material(config, progress=False)
    model = first_model(config, material, open_start).eval()
    faces = training_faces(material)[::20]
    window = np.arange(5) + np.arange(len(faces) - 4)[:, None]  # (F, N) rows
    engine = open_engine(file, "onnxruntime")
    theirs = engine.encode(faces)
    o_b = engine.predict(theirs.o_a[4:], theirs.feature[window]).o_b
    engine.close()
    with torch.inference_mode():
        ours = model.encode(torch.from_numpy(faces))
        predicted = model.predict(ours.o_a[4:], ours.feature[torch.from_numpy(window)])
    assert ours.o_a.numpy() == pytest.approx(theirs.o_a, abs=1e-3)
    assert predicted.o_b.numpy() == pytest.approx(o_b, abs=1e-3)
    assert np.abs(theirs.o_a).max() > 1  # not all alike
