"""Every option is checked before any work: one line, exit code 2, nothing cropped, nothing written."""

import subprocess
import sys
from pathlib import Path

import pytest

from knowledge_spreader.cli.train import main
from tests.planted import Planted


@pytest.fixture
def places(planted: Planted, tmp_path: Path) -> dict[str, str]:
    (tmp_path / "file").write_text("kept")
    (tmp_path / "folder").mkdir()
    (tmp_path / "big.csv").write_text("video,frame\ns00_v0,99999999999\n")
    (tmp_path / "text.csv").write_text("video,frame\ns00_v0,first\n")
    (tmp_path / "start.ks").write_text("kept")
    (tmp_path / "au99.csv").write_text(f"video,frame,AU1,AU51\n{planted.manifest.parent / 's00_v0'},0,1,1\n")
    return {"tmp": str(tmp_path), "root": str(planted.manifest), "cache": str(tmp_path / "crops")}


START = (
    "--data manifest --root {root} --out {tmp}/run --cache {cache} --aligned --side 32 --backbone tiny --init random "
    "--epochs 1 --batch 4 --workers 0 --device cpu --no-progress"
)
REFUSED = [
    ("--out {tmp}/file", "file is a file, not a folder; choose another path"),
    ("--out {tmp}/file/run", "file is a file, not a folder; choose another path"),
    ("--out /proc/run", "--out /proc/run cannot be written"),
    ("--root {tmp}/no.csv", "no such file; set --root to the CSV"),
    ("--root {tmp}/folder", "wanted one CSV file in this folder, found 0"),
    ("--data bp4d --root {tmp}/no", "no such folder"),
    ("--side 0", "--side must lie between 32 and 512; got 0"),
    ("--side 9999", "--side must lie between 32 and 512; got 9999"),
    ("--n-frames 0", "--n-frames must lie between 2 and 9; got 0"),
    ("--fold 9", "manifest has folds 1 to 3; got 9; use --fold 1"),
    ("--fold -1", "--fold must lie between 0"),
    ("--fps 0.5", "--fps must be 1 to 240 frames per second"),
    ("--fps -1", "--fps must lie between 0 and 240; got -1"),
    ("--fps 9999", "--fps must lie between 0 and 240; got 9999"),
    ("--aus 99", "--aus must be different AUs of 1, 2, 4"),
    ("--aus 1,1", "--aus must be different AUs of 1, 2, 4"),
    ("--aus 9", "no label for AUs 9"),
    ("--root {tmp}/au99.csv", "AU51 is not among the facial AUs that can be learned"),
    ("--labels nan", "--labels must lie"),
    ("--val-share 1", "--val-share must lie"),
    ("--label-list {tmp}/no.csv", "no.csv cannot be read (No such file or directory)"),
    ("--label-list {tmp}/folder", "folder cannot be read (Is a directory)"),
    ("--label-list {tmp}/big.csv", "line 2 is not (OverflowError"),
    ("--label-list {tmp}/text.csv", "line 2 is not (ValueError"),
    ("--resume", "no checkpoint at"),
    ("--resume --out {tmp}/folder", "no checkpoint at"),
    (
        "--init {tmp}/no.safetensors",
        "no.safetensors; --init takes auto, imagenet, bundled, random, a checkpoint or a .ks file",
    ),
    ("--init {tmp}/folder", "--init takes auto, imagenet, bundled, random, a checkpoint or a .ks file"),
    ("--init {tmp}/file", "damaged or not a safetensors file"),
    ("--init {tmp}/start.ks", "is a compiled model, which only ks-train opens"),
    ("--init bundled", "--init bundled is a compiled model, which only ks-train opens"),
    ("--init auto", "there are no ImageNet weights for the backbone tiny; use --init random, or ks-train"),
    ("--init imagenet", "there are no ImageNet weights for the backbone tiny; use --init random"),
    ("--cache {tmp}/file", "--cache {tmp}/file: {tmp}/file is a file, not a folder"),
    ("--no-aligned --face-model {tmp}/no.tflite", "no.tflite: no such file"),
    ("--json {tmp}/folder", "is a folder; name a file in it"),
    ("--json {tmp}/no/r.json", "there is no folder"),
    ("--json /proc/r.json", "--json /proc/r.json cannot be written"),
    ("--device tpu", "--device must be auto, cpu or cuda; got 'tpu'"),
    ("--device meta", "--device must be auto, cpu or cuda; got 'meta'"),
    ("--amp fp16", "--amp fp16 needs a GPU"),
    ("--workers 100000", "--workers must lie between 0 and 512"),
    ("--epochs 0", "--epochs must lie"),
    ("--eval-every 0", "--eval-every must lie"),
    ("--lr nan", "--lr must lie"),
    ("--momentum -1", "--momentum must lie between 0 and 1; got -1"),
    ("--weight-decay inf", "--weight-decay must lie"),
    ("--alpha nan", "--alpha must lie"),
    ("--lambda-semi -3", "--lambda-semi must lie"),
    ("--ramp-epochs 0", "--ramp-epochs must lie"),
    ("--gate-from -4", "--gate-from must lie"),
    ("--tcl-temperature 0", "--tcl-temperature must lie"),
    ("--fixmatch-threshold 1.5", "--fixmatch-threshold must lie"),
    ("--semi-weight nan", "--semi-weight must lie"),
    ("--mark-key --no-key-shift", "an unshifted key frame needs no mark"),
    ("--paper-protocol --fold 0", "--paper-protocol selects on the test part, but --fold 0 has none"),
]


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=lambda x: str(x)[:40])
def test_a_wrong_option_is_one_line_before_any_work(
    places: dict[str, str], options: str, message: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    before = sorted(tmp_path.rglob("*"))
    assert main(f"{START} {options}".format(**places).split()) == 2
    said = capsys.readouterr().err
    assert message.format(**places) in said
    assert said.count("\n") == 1
    assert sorted(tmp_path.rglob("*")) == before


@pytest.mark.slow
def test_a_real_process_says_one_line_and_ends_with_2(places: dict[str, str]) -> None:
    options = "--label-list {tmp}/no.csv"  # what is looked into last, after the data
    words = f"{START} {options}".format(**places).split()
    command = [sys.executable, "-m", "knowledge_spreader.cli.train", *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1


def test_describe_checks_its_settings_too(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--describe", "--side", "0"]) == 2
    assert capsys.readouterr().err == "error: --side must lie between 32 and 512; got 0\n"
