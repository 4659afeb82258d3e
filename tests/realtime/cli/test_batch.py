"""ks-batch as a user runs it: a process, which may be killed, on a disk, which may be full."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from knowledge_spreader.realtime.cli.batch import main
from knowledge_spreader.realtime.demo import demo_clip
from tests.paths import ROOT
from tests.realtime.clips import piece

N = 6
FRAMES = 24


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six clips of 24 frames."""
    folder = tmp_path_factory.mktemp("study") / "videos"
    folder.mkdir()
    for i in range(N):
        piece(demo_clip(), folder / f"{i}.mp4", range(FRAMES * i, FRAMES * (i + 1)))
    return folder


def start(*words: object) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "knowledge_spreader.realtime.cli.batch", *map(str, words)]
    return subprocess.Popen(
        command,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # a job in the background has none
    )


def until(holds: Callable[[], object], process: "subprocess.Popen[str]") -> None:
    while not holds() and process.poll() is None:
        time.sleep(0.02)


def files(out: Path) -> list[str]:
    return sorted(path.name for path in out.glob("faces/*"))


def children(pid: int) -> list[int]:
    """Of a process, while it lives."""
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found]


@pytest.mark.slow
@pytest.mark.parametrize(("number", "code"), [(signal.SIGKILL, -9), (signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_whatever_ends_a_run_the_next_one_goes_on(
    videos: Path, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    out = tmp_path / "out"
    with start(videos, "--out", out, "--workers", 1) as process:
        until(lambda: len(files(out)) >= 2 and list(out.rglob("*.part.csv")), process)
        workers = children(process.pid)
        process.send_signal(number)
        said = process.communicate(timeout=30)[1]
    assert process.returncode == code, said
    assert "Traceback" not in said
    before = {name: (out / "faces" / name).stat().st_mtime_ns for name in files(out)}
    assert 2 <= len(before) < N
    deadline_s = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert not any(Path(f"/proc/{worker}").exists() for worker in workers)
    assert main([str(videos), "--out", str(out), "--workers", "1", "--no-progress"]) == 0
    assert len(files(out)) == N
    assert {name: (out / "faces" / name).stat().st_mtime_ns for name in before} == before
    assert {pq.read_table(out / "faces" / name).num_rows for name in files(out)} == {FRAMES}
    assert not list(out.rglob("*.part.csv"))


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_stops_the_run(videos: Path, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=160k", "tmpfs", str(disk)]  # a result is 40 kB, its journal as much
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("no right to mount a small disk")
    try:
        with start(videos, "--out", disk / "out", "--workers", 1) as process:
            said = process.communicate(timeout=60)[1]
        kept = files(disk / "out")
        rows = [pq.read_table(disk / "out" / "faces" / name).num_rows for name in kept]
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # Arrow's threads may hold a file a moment longer
    assert process.returncode == 2
    errors = [line for line in said.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1
    assert "No space left on device" in errors[0]
    assert "Traceback" not in said
    assert len(kept) < N
    assert set(rows) <= {FRAMES}


@pytest.mark.slow
def test_failures_are_told_in_the_end_and_by_status(
    videos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "text.mp4").write_text("no video")
    words = [str(videos / "0.mp4"), "text.mp4", "gone.mp4", "--out", "out", "--retries", "0", "--no-progress"]
    assert main(words) == 2
    told = capsys.readouterr()
    assert told.out == "1 of 3 recordings are done (1 in this run): out/index.parquet\n"
    assert told.err == "2 recordings failed; why is in out/failed.jsonl, and the same command tries them again\n"
    reasons = [json.loads(line)["reason"] for line in Path("out/failed.jsonl").read_text().splitlines()]
    assert reasons[0] == "gone.mp4: no such file or folder; check the path"
    assert reasons[1].startswith("text.mp4: cannot read this as a video")
    assert main(["status", "out"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == ["1 done, 2 failed, 0 waiting; 0.00 h of video", "at work: nobody"]
    assert sorted(lines[2:]) == sorted(f"  {reason}" for reason in reasons)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["gone.mp4", "--out", "out"], "gone.mp4: no such file or folder; check the path; give videos, folders of"),
        (["videos"], "--out is missing"),
        (["status", "videos"], "videos: no results of ks-batch in there"),
        (["videos", "--out", "out", "--shard", "3/2"], "--shard must be I/N with I from 1 to N, like 3/16; got 3/2"),
        (["--out", "out", "--workers", "-1", "videos"], "--workers, --retries and --memory-gb must be 0 or more"),
        (["videos", "--out", "out", "--ray", "videos/0.mp4"], "--ray takes auto or HOST:PORT; got 'videos/0.mp4'"),
        (["videos", "--out", "out", "--model", "no.ks"], "no model at"),
    ],
    ids=["nothing", "no out", "no results", "shard", "workers", "ray", "model"],
)
def test_what_cannot_work_is_one_line_before_anything_is_made(
    videos: Path,
    words: list[str],
    why: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(videos.parent)
    assert main(words) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {why}")
    assert said.count("\n") == 1
    assert not os.path.exists("out")
