"""ks-live as a user runs it: a process, real faces, real files."""

import csv
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import av
import numpy as np
import pandas as pd
import pytest

from knowledge_spreader import Options, table, watch
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.cli.main import main
from tests.paths import ROOT
from tests.realtime.clips import piece

CLIP = "pyfeat_single_face.mp4"  # 72 frames, one face
NO_MESH = ("--no-pose", "--voices", "crops")  # starts sooner, where the faces are not the point


def pts_s(path: Path) -> list[float]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.time_base is not None
        return [float(frame.pts * stream.time_base) for frame in container.decode(stream) if frame.pts is not None]


@pytest.fixture(scope="module")
def short(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 24 frames."""
    return piece(media / CLIP, tmp_path_factory.mktemp("short") / "short.mp4", range(24), fps=30)


@pytest.fixture(scope="module")
def slow(media: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 40 frames, 4 a second: at its own pace 10 s."""
    return piece(media / CLIP, tmp_path_factory.mktemp("slow") / "slow.mp4", range(40), fps=4)


def live(face_model: Path, *args: object) -> int:
    return main(["--no-progress", "--face-model", str(face_model), *map(str, args)])


def start(face_model: Path, *args: object, **options: Any) -> "subprocess.Popen[str]":
    command = [
        sys.executable,
        "-m",
        "knowledge_spreader.realtime.cli.main",
        "--face-model",
        str(face_model),
        *map(str, args),
    ]
    return subprocess.Popen(
        command,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a job in the background has none
        **options,
    )


def test_each_frame_has_a_row_with_its_exact_time(media: Path, face_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert live(face_model, "--source", media / CLIP, "--csv", out) == 0
    table = pd.read_csv(out, skipinitialspace=True)
    assert table["timestamp"].tolist() == pts_s(media / CLIP)
    assert table["frame"].tolist() == list(range(1, 73))
    assert set(table["face_id"]) == {0}
    assert table["success"].mean() > 0.95
    good = table[table["success"] == 1]
    assert good.filter(regex="AU.._p").notna().all(axis=None)
    assert good.filter(regex="AU.._p").std().max() > 0


@pytest.mark.slow
def test_a_clip_without_a_face_has_rows_that_say_so(media: Path, face_model: Path, tmp_path: Path) -> None:
    clip, out = piece(media / "pyfeat_no_face.mp4", tmp_path / "nobody.mp4", range(24)), tmp_path / "out.csv"
    assert live(face_model, "--source", clip, "--csv", out) == 0
    table = pd.read_csv(out, skipinitialspace=True)
    assert len(table) == 24
    assert set(table["reason"]) == {"no face"}
    assert table.filter(regex="AU.._[cpu]").isna().all(axis=None)


@pytest.mark.slow
def test_live_and_file_give_the_same_numbers(media: Path, face_model: Path, tmp_path: Path) -> None:
    clip = piece(media / CLIP, tmp_path / "slow.mp4", range(10), fps=4)
    for policy in ("live", "every-frame"):
        assert live(face_model, "--source", clip, "--policy", policy, "--csv", tmp_path / f"{policy}.csv") == 0
    played, read = (pd.read_csv(tmp_path / f"{p}.csv", skipinitialspace=True) for p in ("live", "every-frame"))
    assert len(read) == 10
    pd.testing.assert_frame_equal(played, read, atol=2e-6, rtol=0)


def test_the_report_adds_up(short: Path, face_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    assert live(face_model, "--source", short, "--csv", tmp_path / "o.csv", "--report", path) == 0
    report = json.loads(path.read_text())
    assert report["frames"] == {"in": 24, "analysed": 24, "dropped": {}}
    assert report["faces"] == 1
    assert report["fps"] > 0
    assert 0 < report["latency_ms"]["p50"] <= report["latency_ms"]["p95"] <= report["latency_ms"]["p99"]
    assert {"read", "find", "encode", "predict", "write"} <= set(report["stages_ms"])
    assert report["engine"]["backend"] == "openvino"
    assert report["engine"]["why"]


@pytest.mark.slow
def test_a_duration_ends_a_recording_at_its_frame_however_far_ahead_it_was_read(
    media: Path, face_model: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    assert live(face_model, "--source", media / CLIP, *NO_MESH, "--duration", "0.5s", "--csv", out) == 0
    wanted = [time_s for time_s in pts_s(media / CLIP) if time_s <= 0.5 + 1e-6]
    assert pd.read_csv(out, skipinitialspace=True)["timestamp"].tolist() == wanted


@pytest.mark.slow
def test_too_much_for_the_machine_drops_frames_and_counts_them(media: Path, face_model: Path, tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    sources = [argument for _ in range(6) for argument in ("--source", media / CLIP)]
    assert live(face_model, *sources, "--policy", "live", "--report", path, "--csv", tmp_path / "o.csv") == 0
    frames = json.loads(path.read_text())["frames"]
    assert frames["in"] == 6 * 72
    assert frames["in"] == frames["analysed"] + sum(frames["dropped"].values())
    table = pd.read_csv(tmp_path / "o.csv", skipinitialspace=True)
    assert len(table) >= frames["analysed"]
    assert table["stream"].nunique() == 6  # six names, though all are one file
    for _, stream in table.groupby("stream"):
        assert stream["timestamp"].is_monotonic_increasing


@pytest.mark.slow
def test_json_lines_on_stdout_are_nothing_but_json(short: Path, face_model: Path) -> None:
    process = start(face_model, "--source", short, "--jsonl", "-")
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0
    assert len([json.loads(line) for line in out.splitlines()]) == 24
    assert "24 in, 24 analysed" in err
    assert "experimental" in err  # of AUs without evidence on real faces


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signal_leaves_whole_files(
    slow: Path, face_model: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out, video = tmp_path / "o.csv", tmp_path / "o.mp4"
    args = ("--source", slow, "--policy", "live", *NO_MESH, "--csv", out, "--save", video, "--jsonl", "-")
    process = start(face_model, *args)
    assert process.stdout is not None
    for _ in range(12):
        assert process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=30)
    live_code = 0 if number != signal.SIGKILL else code  # who stops a camera has not failed
    assert process.returncode == live_code, err
    with out.open(newline="") as file:
        rows = list(csv.reader(file, skipinitialspace=True))
    assert len(rows) >= 13
    assert len({len(row) for row in rows}) == 1
    with av.open(str(video)) as container:
        assert sum(1 for _ in container.decode(video=0)) >= 8  # at 4 frames/s a key frame each second
    assert ("frames" in err) == (number != signal.SIGKILL)


@pytest.mark.slow
def test_a_recording_that_is_cut_short_says_so_by_its_exit_code(media: Path, face_model: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    one = (media / "pyfeat_single_face.jpg").read_bytes()
    for i in range(3000):
        os.link(_written(tmp_path / "face.jpg", one), images / f"{i:04d}.jpg")
    process = start(face_model, "--source", images, *NO_MESH, "--jsonl", "-")
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 143, err
    assert all(json.loads(line) for line in out.splitlines())


def _written(path: Path, data: bytes) -> Path:
    if not path.exists():
        path.write_bytes(data)
    return path


def test_a_sink_that_fails_leaves_the_others_whole(
    short: Path, face_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    full = tmp_path / "full.csv"
    full.symlink_to("/dev/full")
    assert live(face_model, "--source", short, *NO_MESH, "--csv", full, "--csv", tmp_path / "o.csv") == 2
    assert len(pd.read_csv(tmp_path / "o.csv")) == 24
    assert "No space left" in capsys.readouterr().err


@pytest.mark.slow
def test_a_bad_recording_among_good_ones_is_named_and_the_rest_is_done(
    short: Path, face_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(b"no video")
    out = tmp_path / "o.csv"
    assert live(face_model, "--source", bad, "--source", short, *NO_MESH, "--csv", out) == 2
    assert len(pd.read_csv(out)) == 24
    assert "bad.mp4" in capsys.readouterr().err


@pytest.mark.slow
def test_a_source_that_cannot_go_on_leaves_the_others_alone(
    media: Path, face_model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good = piece(media / CLIP, tmp_path / "good.mp4", range(8), fps=4)
    data = bytearray(good.read_bytes())
    start = data.index(b"mdat") + 4
    data[start : data.index(b"moov", start) - 8] = bytes(data.index(b"moov", start) - 8 - start)  # no picture is left
    hollow = tmp_path / "hollow.mp4"
    hollow.write_bytes(data)
    out = tmp_path / "o.csv"
    assert live(face_model, "--source", hollow, "--source", good, "--policy", "live", *NO_MESH, "--csv", out) == 2
    table = pd.read_csv(out, skipinitialspace=True)
    assert set(table["stream"]) == {str(good)}
    assert table["frame"].max() == 8
    assert "hollow.mp4" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ([], "no source given"),
        (["--source", "no_such.mp4"], "no_such.mp4"),
        (["--source", "{clip}", "--model", "no_such.ks"], "no_such.ks"),
        (["--source", "{clip}", "--csv", "no_such/folder/o.csv"], "no_such"),
        (["--source", "{clip}", "--csv", "{clip}"], "is an input of this run"),
        (["--source", "{clip}", "--csv", "{tmp}/o.csv", "--jsonl", "{tmp}/o.csv"], "own name"),
        (["--source", "{clip}", "--events", "{tmp}/o.tsv", "--report", "{tmp}/o.json"], "own name"),
        (["--source", "{clip}", "--camera", "0"], "--policy"),
        (["--source", "{clip}", "--neutral", "soon"], "5s"),
        (["--source", "{clip}", "--hysteresis", "0.7"], "hysteresis"),
        (["--source", "{clip}", "--precision", "fp16", "--device", "openvino"], "fp16"),
        (["--source", "{clip}", "--face-model", "no_such.tflite"], "no_such.tflite"),
    ],
)
def test_bad_input_gets_one_line_and_exit_code_2(
    media: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], args: list[str], said: str
) -> None:
    filled = [arg.format(clip=media / CLIP, tmp=tmp_path) for arg in args]
    assert main(["--no-progress", *filled]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1, err
    assert err.startswith("error: ")
    assert said in err


@pytest.mark.slow
def test_the_python_interface_reads_like_the_command(short: Path, face_model: Path) -> None:
    options = Options(face_model=str(face_model))
    with watch(short, options=options) as results:
        found = [result for result, _ in zip(results, range(5), strict=False)]
        assert [result.frame.index for result in found] == list(range(5))
        assert found[0].faces[0].probability.shape == (len(results.aus),)
    assert results.report()["frames"]["analysed"] in (5, 6)
    rows = table(short, options=options)
    assert len(rows) == 24
    assert rows["AU12_p"].dtype == np.float32 or rows["AU12_p"].dtype == np.float64


def test_an_error_of_the_interface_is_a_ks_error(tmp_path: Path) -> None:
    with pytest.raises(KSError):
        watch(tmp_path / "no.mp4")
    with pytest.raises(DataError, match="no source given"):
        watch()
