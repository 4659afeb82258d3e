"""ks-live on a real RTSP server that plays the bundled clip behind a password."""

import json
import subprocess
import sys
import threading
from pathlib import Path

import pandas as pd
import pytest

from knowledge_spreader import Options, watch
from knowledge_spreader.realtime.demo import demo_clip
from tests.paths import ROOT
from tests.realtime.sources.rtsp_process import RtspServer

USER, PASSWORD = "watcher", "s3cretWord"
LAUNCH = "( filesrc location={clip} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"


@pytest.fixture
def launch() -> str:
    return LAUNCH.format(clip=demo_clip())


def watch_the_door(face_model: Path, *words: object) -> "subprocess.CompletedProcess[str]":
    """ks-live on the address in the environment variable DOOR."""
    command = [sys.executable, "-m", "knowledge_spreader.realtime.cli.main", "--source", "env:DOOR"]
    command += ["--face-model", str(face_model), *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False, cwd=ROOT)


@pytest.mark.slow
def test_a_stream_behind_a_password_is_watched_and_the_password_never_shown(
    launch: str, face_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    outputs = {name: tmp_path / f"o.{name}" for name in ("csv", "jsonl", "eaf", "mp4", "report.json")}
    with RtspServer(launch, USER, PASSWORD) as server:
        monkeypatch.setenv("DOOR", server.url(f"{USER}:{PASSWORD}@"))
        written = ["--csv", outputs["csv"], "--jsonl", outputs["jsonl"], "--events", outputs["eaf"]]
        written += ["--save", outputs["mp4"], "--report", outputs["report.json"]]
        done = watch_the_door(face_model, *written, "--stats", "--duration", "2s")
    assert done.returncode == 0, done.stderr
    said = done.stdout + done.stderr
    for path in outputs.values():
        said += path.read_bytes().decode("latin-1")
    assert "s3cret" not in said
    assert USER not in said
    report = json.loads(outputs["report.json"].read_text())
    assert report["faces"] == 1
    assert report["frames"]["in"] >= 40  # 25 a second
    assert report["frames"]["in"] == report["frames"]["analysed"] + sum(report["frames"]["dropped"].values())
    table = pd.read_csv(outputs["csv"], skipinitialspace=True)
    assert table["success"].mean() > 0.9
    assert table["timestamp"].is_monotonic_increasing


@pytest.mark.slow
def test_a_wrong_password_is_one_line(launch: str, face_model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with RtspServer(launch, USER, PASSWORD) as server:
        monkeypatch.setenv("DOOR", server.url(f"{USER}:guess@"))
        done = watch_the_door(face_model)
    assert done.returncode == 2
    error = done.stderr.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert "password" in error
    assert "guess" not in done.stderr


@pytest.mark.slow
def test_a_face_keeps_its_number_through_a_reconnect(launch: str, face_model: Path) -> None:
    options = Options(face_model=str(face_model), timeout_s=1.0)
    seen: dict[int, set[int]] = {}  # epoch -> face ids
    with RtspServer(launch) as server, watch(server.url(), options=options) as results:
        restart = threading.Thread(target=lambda: (server.kill(), server.start()))
        for result in results:
            seen.setdefault(result.frame.epoch, set()).update(row.face.face_id for row in result.faces)
            if len(seen) == 1 and seen[0] and not restart.ident:
                restart.start()
            if len(seen) > 1 and seen[max(seen)]:
                break
        restart.join()
    assert results.report()["sources"][0]["reconnects"] >= 1
    assert seen[0] == seen[max(seen)] == {0}
