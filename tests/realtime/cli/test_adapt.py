"""ks-adapt as a user runs it: a process, real recordings, and one line for what cannot be done."""

import csv
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.realtime.cli.adapt import main
from tests.engines.ks_file.test_own_heads import OWN
from tests.paths import ROOT
from tests.realtime.adapt.clips import labels, piece, truth

PARTS = {"a.mp4": range(0, 30), "b.mp4": range(30, 130)}
LABELLED = (12, 25)


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, frames in PARTS.items():
        piece(folder / name, frames)
    return folder


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of both recordings, once they have been watched."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def table(tmp_path: Path) -> Path:
    return labels(tmp_path / "labels.csv", PARTS, LABELLED, step=3)


def adapt(*args: object) -> int:
    try:
        return main([*map(str, args), "--no-progress", "--threads", "1"])
    except SystemExit as exc:  # of argparse
        return int(exc.code or 0)


def test_labels_become_a_model_a_table_and_a_report(
    videos: Path, cache: Path, table: Path, tiny_file: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, report = tmp_path / "mine.ks", tmp_path / "new/report.json"
    given = ("--recordings", videos, "--base", tiny_file.path, "--cache", cache, "--labels", table)
    assert adapt(*given, "--out", out, "--json", report) == 0
    told = capsys.readouterr().out
    assert "AUs: what your labels changed" in told
    assert f"{out}: weights {open_model(out).weights_id}; 44 labelled of 130 faces, 2 recordings, 2 people" in told
    found = json.loads(report.read_text())
    assert found["weights"] == open_model(out).weights_id != tiny_file.weights_id
    assert [one["au"] for one in found["aus"]] == [1, 4, 12, 25]
    assert adapt(*given, "--out", out, "--json", report) == 0  # its own earlier outputs are replaced


def test_a_suggested_list_is_filled_in_by_hand_and_read_back(
    videos: Path, cache: Path, tiny_file: ModelFile, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deep = tmp_path / "deep/er"
    deep.mkdir(parents=True)
    (tmp_path / "link").symlink_to(deep)  # a path through a link
    out = tmp_path / "link/list.csv"
    shared = ("--recordings", videos, "--base", tiny_file.path, "--cache", cache)
    assert adapt("suggest", *shared, "--budget", "4", "--out", out) == 0
    assert f"{out}: 4 frames of 130 faces" in capsys.readouterr().out
    rows = read(out)
    assert list(rows[0]) == ["video", "subject", "frame", "time_s", "why", "AU1", "AU4", "AU12", "AU25"]
    assert len(rows) == 4
    known = truth((12, 25))
    for row in rows:
        name = Path(row["video"]).name
        row["AU12"], row["AU25"] = map(str, known[PARTS[name].start + int(row["frame"])])
        assert float(row["time_s"]) == pytest.approx(int(row["frame"]) / 25)
    with out.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    assert adapt(*shared, "--labels", out, "--out", tmp_path / "mine.ks", "--json", tmp_path / "r.json") == 0
    assert json.loads((tmp_path / "r.json").read_text())["labelled_frames"] == 4
    assert adapt("suggest", *shared, "--labels", out, "--budget", "2", "--out", tmp_path / "next.csv") == 0
    assert len(read(tmp_path / "next.csv")) == 2
    before = {(Path(row["video"]).name, row["frame"]) for row in rows}
    assert not before & {(Path(r["video"]).name, r["frame"]) for r in read(tmp_path / "next.csv")}


def read(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def refused(capsys: pytest.CaptureFixture[str], message: str, *args: object) -> None:
    assert adapt(*args) == 2
    said = capsys.readouterr().err.strip()
    assert message in said
    assert "Traceback" not in said
    assert "\n" not in said, said


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"--recordings": "{tmp}/nowhere"}, "no such file or folder"),
        ({"--recordings": "{tmp}/empty"}, "no video in there"),
        ({"--recordings": ["{videos}", "{tmp}/sound"]}, "the file has no video track"),
        ({"--recordings": ["{videos}", "{tmp}/text.mp4"]}, "cannot be decoded"),
        ({"--recordings": ["{videos}/a.mp4", "{videos}"]}, "is given twice"),
        ({"--labels": "{tmp}/nowhere.csv"}, "no such file or folder of labels"),
        ({"--labels": "{tmp}/nothing.csv"}, "this file is empty"),
        ({"--labels": "{tmp}/blank.csv"}, "no label in there"),
        ({"--labels": "{tmp}/others.csv"}, "names none of the recordings"),
        ({"--labels": "{tmp}/au9.csv"}, "labels of AU9, but the model has AU1, AU4, AU12, AU25"),
        ({"--labels": "{tmp}/twice.csv"}, "frame 0"),
        ({"--out": "{base}"}, "would write over"),
        ({"--out": "{tmp}/labels.csv"}, "would write over"),
        ({"--out": "{videos}/a.mp4"}, "is not a .ks model"),
        ({"--out": "{tmp}/text.mp4"}, "is not a .ks model"),
        ({"--out": "{tmp}/no/folder/m.ks"}, "there is no folder"),
        ({"--out": "{tmp}"}, "is a folder; name a file in it"),
        ({"--json": "{tmp}/labels.csv"}, "would write over"),
        ({"--json": "{tmp}/m.ks"}, "would write over"),
        ({"--json": "{tmp}/text.mp4"}, "is not a report in JSON"),
        ({"--base": "{tmp}/adapted.ks"}, "was adapted already"),
        ({"--base": "{tmp}/nowhere.ks"}, "no model at"),
        ({"--base": "{tmp}/text.mp4"}, "is damaged or not a model"),
        ({"--cache": "{tmp}/text.mp4"}, "is a file, not a folder"),
        ({"--labels": None}, "--labels is missing"),
        ({"--recordings": None}, "--recordings is missing"),
        ({"--out": None}, "--out is missing"),
    ],
)
def test_what_cannot_be_done_is_one_line_before_anything_is_watched(
    videos: Path,
    table: Path,
    tiny_file: ModelFile,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, Any],
    message: str,
) -> None:
    make_what_is_wrong(tmp_path, tiny_file)
    given: dict[str, Any] = {
        "--recordings": videos,
        "--labels": table,
        "--base": tiny_file.path,
        "--out": tmp_path / "m.ks",
        "--cache": tmp_path / "cache",
    } | change
    places = {"tmp": tmp_path, "videos": videos, "base": tiny_file.path}
    args: list[str] = []
    for option, values in given.items():
        for value in values if isinstance(values, list) else [values] * (values is not None):
            args += [option, str(value).format(**places)]
    before = table.read_bytes(), tiny_file.path.read_bytes()
    refused(capsys, message, *args)
    assert not (tmp_path / "cache").exists()  # nothing was watched
    assert not (tmp_path / "m.ks").exists()
    assert before == (table.read_bytes(), tiny_file.path.read_bytes())


def make_what_is_wrong(folder: Path, tiny_file: ModelFile) -> None:
    from tests.realtime.clips import write_sound

    for name, text in {
        "nothing.csv": "",
        "blank.csv": "video,frame,AU12\na.mp4,1,\n",
        "others.csv": "video,frame,AU12\nz.mp4,1,1\n",
        "au9.csv": "video,frame,AU9\na.mp4,1,1\n",
        "twice.csv": "video,frame,AU12\na.mp4,0,1\na.mp4,0,0\n",
        "text.mp4": "no video",
    }.items():
        (folder / name).write_text(text)
    (folder / "empty").mkdir()
    (folder / "sound").mkdir()
    write_sound(folder / "sound/s.mp4")
    graphs = {name: tiny_file.graph(name) for name in tiny_file.sha256}
    write_model(folder / "adapted.ks", tiny_file.spec, graphs, tiny_file.torch_weights, {}, {}, own=OWN)


@pytest.mark.parametrize("budget", ["0", "0%", "150%", "150 %", "abc", "-3", "2.5", "nan", "inf", "%", ""])
def test_a_budget_that_is_none_is_refused(
    videos: Path, tmp_path: Path, budget: str, capsys: pytest.CaptureFixture[str]
) -> None:
    args = ("--recordings", videos, "--out", tmp_path / "l.csv", "--cache", tmp_path / "cache", f"--budget={budget}")
    refused(capsys, "wanted a share such as 2% or a number of frames such as 120", "suggest", *args)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("budget", "count"), [("1", 1), ("3 %", 4), ("100%", 0), ("1000", 0)])
def test_a_budget_is_a_share_or_a_number(
    videos: Path, cache: Path, tiny_file: ModelFile, tmp_path: Path, budget: str, count: int
) -> None:
    """Of 130 frames; 0: as many as there are half a second apart, at most 3 and 8 in the two recordings."""
    shared = ("--recordings", videos, "--base", tiny_file.path, "--cache", cache)
    assert adapt("suggest", *shared, f"--budget={budget}", "--out", tmp_path / "l.csv") == 0
    found = len(read(tmp_path / "l.csv"))
    assert found == count if count else 5 < found < 13


def test_a_list_that_is_there_may_hold_labels_and_is_not_written_over(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "list.csv"
    out.write_text("labels")
    args = ("--recordings", videos, "--out", out, "--cache", tmp_path / "cache")
    refused(capsys, "exists, and may hold labels; give another name, or move it away", "suggest", *args)
    assert out.read_text() == "labels"
    assert not (tmp_path / "cache").exists()


def start(*args: object, **how: Any) -> "subprocess.Popen[str]":
    program = "from knowledge_spreader.realtime.cli.adapt import main; raise SystemExit(main())"
    command = [sys.executable, "-c", program, *map(str, args), "--no-progress"]
    return subprocess.Popen(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **how)


def test_killed_in_the_middle_it_goes_on_with_the_first_recording_that_is_not_done(
    tiny_file: ModelFile, tmp_path: Path
) -> None:
    parts = {"a.mp4": range(0, 30), "b.mp4": range(30, 130)}
    for name, frames in parts.items():
        piece(tmp_path / "videos" / name, frames)
    table = labels(tmp_path / "labels.csv", parts, LABELLED, step=3)
    given = ("--recordings", tmp_path / "videos", "--labels", table, "--base", tiny_file.path)
    cache = tmp_path / "cache"
    run = (*given, "--cache", cache, "--out", tmp_path / "mine.ks", "--threads", 1)
    with start(*run) as killed:
        while not (done := list(cache.glob("[!.]*/rest.npz"))):
            assert killed.poll() is None, killed.stderr.read() if killed.stderr else ""
            time.sleep(0.01)
        while not list(cache.glob(".*/tokens.f16")):  # the second has begun
            assert killed.poll() is None
            time.sleep(0.01)
        killed.send_signal(signal.SIGKILL)
    assert killed.returncode == -signal.SIGKILL
    assert list(cache.glob("[!.]*/rest.npz")) == done
    assert not (tmp_path / "mine.ks").exists()
    written = done[0].stat().st_mtime_ns
    with start(*run) as again:
        assert again.wait(120) == 0, again.stderr.read() if again.stderr else ""
    assert len(list(cache.glob("[!.]*/rest.npz"))) == 2
    assert done[0].stat().st_mtime_ns == written
    with start(
        *given, "--cache", tmp_path / "undisturbed", "--out", tmp_path / "whole.ks", "--threads", 1
    ) as undisturbed:
        assert undisturbed.wait(120) == 0
    mine, whole = (open_model(tmp_path / name) for name in ("mine.ks", "whole.ks"))
    assert mine.own is not None
    assert mine.weights_id == whole.weights_id


def test_a_full_disk_is_one_line_and_leaves_nothing(
    videos: Path, table: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    """No file may be larger than 4 kB: the tokens of 100 faces are 12."""
    cache = tmp_path / "cache"
    run = ("--recordings", videos, "--labels", table, "--base", tiny_file.path, "--cache", cache)
    with start(*run, "--out", tmp_path / "m.ks", preexec_fn=small_files) as process:
        _, said = process.communicate(timeout=120)
    assert process.returncode == 2
    assert said.strip().startswith(f"error: --cache {cache}: cannot be written (")
    assert "\n" not in said.strip()
    assert not list(cache.iterdir())


def small_files() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))


def test_the_same_recording_in_another_folder_is_watched_anew_but_gives_the_same_heads(
    videos: Path, cache: Path, table: Path, tiny_file: ModelFile, tmp_path: Path
) -> None:
    shared = ("--labels", table, "--base", tiny_file.path)
    moved = shutil.copytree(videos, tmp_path / "moved")
    assert adapt("--recordings", videos, *shared, "--cache", cache, "--out", tmp_path / "a.ks") == 0
    assert adapt("--recordings", moved, *shared, "--cache", tmp_path / "c", "--out", tmp_path / "b.ks") == 0
    assert (tmp_path / "a.ks").read_bytes() == (tmp_path / "b.ks").read_bytes()


def test_where_there_is_no_bar_a_line_now_and_then_tells_how_far_it_is(
    videos: Path,
    tiny_file: ModelFile,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("knowledge_spreader.realtime.cli.adapt._LINE_S", 0.0)
    given = ("--recordings", videos, "--base", tiny_file.path, "--cache", tmp_path / "cache")
    assert adapt("suggest", *given, "--budget", "5%", "--out", tmp_path / "list.csv") == 0
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("watching ")]
    assert len(lines) > len(PARTS)
    assert {line.split(",")[0].removeprefix("watching ") for line in lines} == set(PARTS)
