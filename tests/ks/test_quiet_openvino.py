"""quiet_openvino: OpenVINO is imported without telling anybody."""

import os
import socket
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest

QUIET = "from knowledge_spreader.quiet_openvino import openvino"


def run(code, home, port=9):
    """In a process of its own, as a user who never answered whether statistics may be sent. No network but `port`."""
    left_out = ("CI", "TF_BUILD", "JENKINS_URL", "no_proxy", "NO_PROXY")
    env = {name: value for name, value in os.environ.items() if name not in left_out}
    env |= {"HOME": str(home), "LOCALAPPDATA": str(home)}
    env |= dict.fromkeys(("https_proxy", "http_proxy"), f"http://127.0.0.1:{port}")
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env).stdout


@contextmanager
def proxy():
    """A proxy that only notes who was asked for."""
    asked = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen():
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(200).decode().split("\r\n")[0])

        thread = threading.Thread(target=listen, daemon=True)
        thread.start()
        yield server.getsockname()[1], asked
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def test_nothing_is_sent_and_no_number_is_kept(tmp_path):
    with proxy() as (port, asked):
        code = f"{QUIET}\nimport sys\nprint('openvino_telemetry' in sys.modules, openvino.Core().available_devices)"
        said = run(code, tmp_path, port)
    assert said.startswith("False ['CPU'")
    assert asked == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_without_the_detour_openvino_reports_its_import(tmp_path):
    """If this fails, OpenVINO has stopped doing so, and ks/quiet_openvino.py can go."""
    with proxy() as (port, asked):
        run("import openvino", tmp_path, port)
    assert asked
    assert all(line.startswith("CONNECT www.google-analytics.com:443") for line in asked)
    assert (tmp_path / "intel").is_dir()


def test_what_others_imported_before_stays(tmp_path):
    code = (
        "import sys, types\n"
        "sys.modules['openvino_telemetry'] = mine = types.ModuleType('openvino_telemetry')\n"
        f"{QUIET}\n"
        "print(sys.modules['openvino_telemetry'] is mine)"
    )
    assert run(code, tmp_path) == "True\n"


def test_without_openvino_the_error_names_the_remedy(tmp_path):
    code = (
        "import sys\nsys.modules['openvino'] = None\n"
        "from knowledge_spreader.errors import MissingError\n"
        f"try:\n    {QUIET}\nexcept MissingError as exc:\n    print(exc)"
    )
    said = run(code, tmp_path)
    assert said.endswith("run: pip install 'openvino>=2025.2'\n")
    assert said.count("\n") == 1


def test_ctrl_c_after_several_models_have_come_and_gone_is_ctrl_c() -> None:
    """Two Cores that go in the order in which they came leave a freed stack behind, on which signals are handled."""
    code = (
        "import gc, signal\n"
        "from knowledge_spreader.face.blaze_face import BlazeFace\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "first, second = BlazeFace(), BlazeFace()\n"
        "del first\n"
        "gc.collect()\n"
        "del second\n"
        "gc.collect()\n"
        "try: signal.raise_signal(signal.SIGINT)\n"
        "except KeyboardInterrupt: print('came')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "came\n"), done.stderr


COMPILE = """
from knowledge_spreader.quiet_openvino import core, openvino
from openvino import opset13
x = opset13.parameter([1, 8], openvino.Type.f32)
core().compile_model(openvino.Model([opset13.relu(x)], [x]), "CPU")
"""


def test_what_was_compiled_is_kept_in_the_folder_that_is_named(tmp_path, monkeypatch):
    monkeypatch.setenv("KS_OPENVINO_CACHE", str(tmp_path / "kept"))
    (tmp_path / "home").mkdir()
    run(COMPILE, tmp_path / "home")
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".blob"]
    monkeypatch.delenv("KS_OPENVINO_CACHE")
    run(COMPILE, tmp_path / "home")
    assert list((tmp_path / "home").iterdir()) == []


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KS_OPENVINO_CACHE", str(tmp_path / "file"))
    ended = subprocess.run(
        [sys.executable, "-m", "knowledge_spreader.realtime.cli.main", "--demo", "--csv", str(tmp_path / "a.csv")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 2
    assert ended.stderr.splitlines()[-1].startswith(f"error: KS_OPENVINO_CACHE={tmp_path / 'file'}: nothing can be")
    assert not (tmp_path / "a.csv").exists()
