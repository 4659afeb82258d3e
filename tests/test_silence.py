"""Nothing is sent, nothing is looked up: real commands under strace, and without a network. See docs/privacy.md."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from knowledge_spreader.realtime.demo import demo_clip
from tests.long_run import sockets_and_seconds
from tests.network_audit import WITHOUT_NETWORK, held_sockets, needs_proc, needs_strace, needs_unshare, run, sockets
from tests.planted import Planted
from tests.realtime.clips import piece

Command = list[object]
LONG_S = 65.0  # the 195 pictures of the clip at 3 a second


def live(home: Path) -> Command:
    short = ["--demo", "--duration", "1s", "--csv", home / "a.csv", "--no-progress"]
    return [Path(sys.executable).with_name("ks-live"), *short]


def live_with_onnx_runtime(home: Path) -> Command:
    pytest.importorskip("onnxruntime", reason="ONNX Runtime is not installed")
    return [*live(home), "--device", "onnxruntime"]


def table(home: Path) -> Command:
    talk = piece(demo_clip(), home / "talk.mp4", range(15))
    code = f"from knowledge_spreader import table; assert len(table({str(talk)!r})) == 15"
    return [sys.executable, "-c", code]


def cropping(home: Path) -> Command:
    """As ks-train does it, by two processes."""
    script = home / "crop.py"
    script.write_text(
        "from pathlib import Path\n"
        "import numpy as np\n"
        "from knowledge_spreader.clips.crop_videos import crop_videos\n"
        "from knowledge_spreader.datasets.types import Video\n"
        "if __name__ == '__main__':\n"
        "    parts = [np.arange(0, 30, dtype=np.int32), np.arange(60, 90, dtype=np.int32)]\n"
        f"    clip = Path({str(demo_clip())!r})\n"
        "    videos = [Video(f'v{i}', 's', clip, x, x, np.zeros((30, 0), np.int8)) for i, x in enumerate(parts)]\n"
        "    options = {'aligned': False, 'face_model': '', 'fps': 30.0, 'workers': 2, 'progress': False}\n"
        f"    crops = crop_videos(videos, Path({str(home / 'crops')!r}), 64, **options)\n"
        "    assert all(one.found.all() for one in crops)\n"
    )
    return [sys.executable, script]


RUNS = [live, *(pytest.param(made, marks=pytest.mark.slow) for made in (live_with_onnx_runtime, table, cropping))]
Made = Callable[[Path], Command]


@pytest.mark.parametrize("made", RUNS)
def test_it_runs_without_a_network(tmp_path: Path, made: Made) -> None:
    needs_unshare()
    run([*WITHOUT_NETWORK, *made(tmp_path)], tmp_path)


@pytest.mark.parametrize("made", RUNS)
def test_no_socket_is_opened_and_no_number_of_the_user_is_kept(tmp_path: Path, made: Made) -> None:
    needs_strace()
    assert sockets(made(tmp_path), tmp_path) == []
    assert {path.name for path in tmp_path.iterdir()} <= {
        "a.csv",
        "crop.py",
        "crops",
        "talk.mp4",
    }  # no ~/intel, no ~/.cache


@pytest.mark.slow
def test_no_socket_is_opened_while_a_live_run_lasts_for_more_than_a_minute(long_run: Path) -> None:
    """MediaPipe's runtime asked for Google's address after 20 to 100 s. The run began as the tests did."""
    found, lasted_s = sockets_and_seconds(long_run)
    assert found == []
    assert lasted_s > LONG_S


@pytest.mark.slow
def test_no_socket_is_opened_by_a_training(tmp_path: Path, planted: Planted) -> None:
    """torch, TensorBoard and all that the extra `train` brings; a start from ImageNet would download its weights."""
    needs_strace()
    command: Command = [Path(sys.executable).with_name("ks-train"), "--data", "manifest", "--root", planted.manifest]
    command += ["--aligned", "--side", 32, "--backbone", "tiny", "--init", "random", "--workers", 2, "--device", "cpu"]
    command += ["--epochs", 1, "--batch", 4, "--labels", 0.25, "--out", tmp_path / "run", "--cache", tmp_path / "crops"]
    assert sockets([*command, "--no-progress"], tmp_path) == []


def test_no_socket_is_seen_among_the_open_files(tmp_path: Path) -> None:
    """The weaker witness, for machines without strace."""
    needs_proc()
    assert held_sockets(live(tmp_path), tmp_path) == set()


# ---- the audit itself


@pytest.mark.parametrize(
    "code",
    [
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('127.0.0.1', 9))",
        "import os, socket\nif not os.fork(): socket.create_server(('', 0))",
        "import contextlib, socket\nwith contextlib.suppress(OSError): socket.getaddrinfo('nobody.invalid', 80)",
    ],
)
def test_the_audit_sees_a_datagram_a_child_and_a_look_up(tmp_path: Path, code: str) -> None:
    needs_strace()
    found = sockets([sys.executable, "-c", code], tmp_path)
    assert found
    assert any("AF_INET" in line for line in found)


def test_the_audit_lets_sockets_of_this_machine_pass(tmp_path: Path) -> None:
    needs_strace()
    assert sockets([sys.executable, "-c", "import socket; socket.socketpair()"], tmp_path) == []


def test_without_a_network_a_connection_fails(tmp_path: Path) -> None:
    needs_unshare()
    code = "import socket; socket.create_connection(('127.0.0.1', 9), 1)"
    done = subprocess.run([*WITHOUT_NETWORK, sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "Network is unreachable" in done.stderr


def test_watching_open_files_sees_a_socket_of_a_child(tmp_path: Path) -> None:
    needs_proc()
    child = (
        "import socket, time; s = socket.socket(type=socket.SOCK_DGRAM); s.connect(('127.0.0.1', 53)); time.sleep(0.5)"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}], check=True)"
    assert {kind.split()[0] for kind in held_sockets([sys.executable, "-c", code], tmp_path)} == {"udp"}
