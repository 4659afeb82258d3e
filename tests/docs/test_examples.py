"""Each example runs as a user runs it: a process, on the bundled clip or its beginning."""

import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from knowledge_spreader.benchmarks.serve.process import ServeProcess
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.realtime.demo import demo_clip
from tests.docs.conftest import FRAMES
from tests.paths import ROOT
from tests.realtime.clips import piece

EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
slow = pytest.mark.slow


def command(name: str, *args: object) -> list[str]:
    return [sys.executable, str(ROOT / "examples" / name), *map(str, args)]


def run(name: str, *args: object) -> str:
    done = subprocess.run(command(name, *args), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@slow
def test_the_smile_meter_shows_the_smile_of_the_clip(desk: Path) -> None:
    said = run("smile_meter.py", demo_clip()).splitlines()
    bars = {line.split(" s")[0].strip(): line.count("#") for line in said}
    assert len(bars) == 195
    assert bars["4.40"] > 30
    assert bars["0.20"] < 4


@slow
def test_a_folder_becomes_a_table(desk: Path) -> None:
    (desk / "recordings").mkdir()
    for name in ("a.mp4", "b.mp4"):
        shutil.copy("talk.mp4", desk / "recordings" / name)
    said = run("folder_to_table.py", "recordings", "all.csv")
    assert f"b.mp4: {FRAMES} rows, {FRAMES} with an answer" in said
    assert len((desk / "all.csv").read_text().splitlines()) == 2 * FRAMES + 1


@slow
def test_a_timeline_is_drawn(desk: Path) -> None:
    run("plot_timeline.py", "talk.mp4", "timeline.png", 6, 12, 25)
    assert (desk / "timeline.png").read_bytes().startswith(b"\x89PNG")


@slow
def test_two_models_are_compared_by_au(desk: Path, tiny_file: ModelFile) -> None:
    said = run("compare_models.py", bundled_model(), tiny_file.path, "talk.mp4")
    assert said.startswith(f"{FRAMES} faces with an answer by both")
    assert sum(line.startswith("AU") for line in said.splitlines()) == len(tiny_file.spec.aus)


@slow
def test_a_small_csv_is_trained_on(desk: Path) -> None:
    assert "next: ks-compile" in run("train_on_your_csv.py")

    assert (desk / "runs" / "small" / "best.safetensors").is_file()


@slow
def test_a_few_labels_adapt_the_model_and_it_is_used(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk / "cache"))
    said = run("adapt_to_your_labels.py")
    assert "AU12: 3 labels present, 12 absent -> head" in said
    assert (desk / "mine.ks").is_file()


@slow
def test_another_program_hears_every_face(desk: Path) -> None:
    with subprocess.Popen(command("live_to_program.py", "--listen"), stdout=subprocess.PIPE, text=True) as listener:
        try:
            wait_until_taken(9000)
            run("live_to_program.py", "talk.mp4")
            assert listener.stdout is not None
            assert "strongest: AU" in listener.stdout.readline()
        finally:
            listener.kill()


@slow
def test_a_recording_is_sent_to_a_server_and_its_smile_comes_back(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    piece(demo_clip(), desk / "smile.mp4", range(100, 120))
    with ServeProcess([]) as server:
        monkeypatch.setenv("KS_SERVE_TOKEN", server.token)
        said = run("stream_to_server.py", server.address, "smile.mp4").splitlines()
    assert len(said) > 5
    assert said[-1].startswith("    0.76 s  face 0")  # the last of 20 frames, 25 a second
    assert said[-1].count("#") > 30


@slow
@pytest.mark.parametrize(("name", "why"), [("gone.mp4", "gone.mp4 cannot be opened"), ("talk.mp4", "nobody answers")])
def test_what_cannot_be_sent_is_one_line(desk: Path, monkeypatch: pytest.MonkeyPatch, name: str, why: str) -> None:
    monkeypatch.setenv("KS_SERVE_TOKEN", "any-token")
    words = command("stream_to_server.py", "http://127.0.0.1:9", name)
    said = subprocess.run(words, capture_output=True, text=True, check=False)
    assert said.returncode == 1
    assert said.stderr.startswith("error: ")
    assert why in said.stderr
    assert "Traceback" not in said.stderr


def wait_until_taken(port: int) -> None:
    """Somebody listens on the port."""
    for _ in range(600):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return
        time.sleep(0.1)
    raise AssertionError(f"nobody listens on port {port}")


def test_every_example_is_tested_here_and_named_in_the_readme() -> None:
    text = Path(__file__).read_text(encoding="utf-8")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for example in EXAMPLES:
        assert f'"{example.name}"' in text, example
        assert example.name in readme, example
