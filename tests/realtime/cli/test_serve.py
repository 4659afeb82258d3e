"""ks-serve as a user starts it: what it prints, who may use it, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.request import urlopen

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from knowledge_spreader.realtime.cli.serve import main, parser
from tests.paths import ROOT
from tests.realtime.serve.server import grey

TOKEN = "a-token-of-the-tests"
COMMAND = [sys.executable, "-m", "knowledge_spreader.realtime.cli.serve"]


class Server:
    """A process. It is ready when its first line came."""

    def __init__(self, *words: str, token: str, command: list[str]) -> None:
        environment = {name: value for name, value in os.environ.items() if name != "KS_SERVE_TOKEN"}
        environment |= {"KS_SERVE_TOKEN": token} if token else {}
        command = [*command, "--port", "0", "--threads", "1", *words]
        self.process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        assert self.process.stdout
        first = self.process.stdout.readline()
        assert first.startswith("ks-serve: http://127.0.0.1:"), first
        self.address = first.split()[1]

    def stream(self, token: str) -> ClientConnection:
        headers = {"Authorization": f"Bearer {token}"}
        return connect(f"{self.address.replace('http', 'ws')}/v1/stream", additional_headers=headers, proxy=None)

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str, str]:
        """Exit code, and the rest of what was printed."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=20)
        return self.process.returncode, out, err


@contextmanager
def running(*words: str, token: str = "", command: list[str] = COMMAND) -> Iterator[Server]:
    made = Server(*words, token=token, command=command)
    try:
        yield made
    finally:
        made.process.kill()
        made.process.communicate()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_makes_a_token_and_a_signal_closes_all_streams_and_ends_it_with_0(number: int) -> None:
    with running() as server:
        assert server.process.stdout
        token = server.process.stdout.readline().removeprefix("token: ").strip()
        assert len(token) == 48
        with pytest.raises(InvalidStatus):
            server.stream(TOKEN)
        with server.stream(token) as stream:
            stream.send('{"format": "jpeg"}')
            assert json.loads(stream.recv(timeout=30))["type"] == "ready"
            code, out, err = server.end(number)
            with pytest.raises(ConnectionClosed) as closed:
                stream.recv(timeout=30)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1012
        assert (code, out, err) == (0, "", "Ctrl-C stops it\n")


@pytest.mark.slow
def test_a_token_that_is_given_is_never_printed_and_a_stalled_client_holds_up_nothing(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\nnot this line\n")
    file.chmod(0o600)
    with running("--token-file", str(file), "--max-streams", "1", token="another-one-of-the-environment") as server:
        with urlopen(f"{server.address}/healthz", timeout=30) as reply:
            assert json.loads(reply.read()) == {"status": "ok"}
        with server.stream(TOKEN), pytest.raises(InvalidStatus) as refused:
            server.stream(TOKEN)
        assert refused.value.response.status_code == 503
        host, port = server.address.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port))) as half:  # of a handshake
            half.sendall(b"GET /v1/stream HTTP/1.1\r\n")
            code, out, err = server.end()
        assert (code, out) == (0, "")
        assert TOKEN not in err
        assert "Traceback" not in err


BREAKS = """
import sys
from knowledge_spreader.realtime import pipeline
from knowledge_spreader.realtime.cli.serve import main
def answer(self, looked):
    raise MemoryError("out of it")
pipeline.Analyser.answer = answer
sys.exit(main())
"""


@pytest.mark.slow
def test_when_the_engine_breaks_all_streams_are_told_and_the_server_ends_with_2(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """So that whoever looks after it, systemd or Kubernetes, starts it again."""
    command = [sys.executable, "-c", BREAKS]
    with running(token=TOKEN, command=command) as server, server.stream(TOKEN) as stream, server.stream(TOKEN) as other:
        for one in (stream, other):
            one.send('{"format": "jpeg"}')
            one.recv(timeout=30)
        stream.send(bytes(8) + grey())
        for one in (stream, other):
            assert json.loads(one.recv(timeout=30))["error"].startswith("the server failed")
            with pytest.raises(ConnectionClosed) as closed:
                one.recv(timeout=30)
            assert closed.value.rcvd
            assert closed.value.rcvd.code == 1011
        _, err = server.process.communicate(timeout=20)
        assert server.process.returncode == 2
        assert "MemoryError: out of it" in err
        assert err.splitlines()[-1].startswith("error: the engine has stopped")


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--port", "99999"], "--port must be 0 to 65535; got 99999"),
        (["--max-streams", "-1"], "--max-streams must be 1 to 4096"),
        (["--deadline-ms", "2000"], "--deadline-ms must be 0 to 1000; got 2000"),
        (["--replicas", "3:1"], "wanted MIN:MAX such as 1:4; got '3:1'"),
        (["--token-file", "nowhere"], "--token-file nowhere: cannot be read (No such file or directory)"),
        (["--host", "no.such.host.invalid"], "cannot be used"),
        (["--model", "nowhere.ks"], "nowhere.ks"),
    ],
)
def test_what_cannot_be_is_one_line(words: list[str], line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    err = capsys.readouterr().err
    assert line in err
    assert err.splitlines()[-1].startswith("error: ")


def test_a_token_that_is_too_short_is_refused_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("KS_SERVE_TOKEN", "hunter2")
    assert main([]) == 2
    err = capsys.readouterr().err
    assert "got one of 7 characters" in err
    assert "hunter2" not in err


def test_without_its_extra_it_says_how_to_get_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    monkeypatch.delitem(sys.modules, "knowledge_spreader.realtime.serve.run", raising=False)
    assert main([]) == 2
    assert capsys.readouterr().err == "error: ks-serve needs uvicorn: pip install 'knowledge-spreader[serve]'\n"


def test_a_port_in_use_is_one_line_before_the_model_is_opened(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as used:
        assert main(["--port", str(used.getsockname()[1]), "--model", "never-opened.ks"]) == 2
    assert "Address already in use" in capsys.readouterr().err


@pytest.mark.skipif(os.name != "posix", reason="modes of files")
def test_a_token_that_all_can_read_and_an_open_address_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "token"
    file.write_text(TOKEN)
    file.chmod(0o644)
    assert main(["--token-file", str(file), "--host", "0.0.0.0", "--port", "0", "--model", "nowhere.ks"]) == 2
    err = capsys.readouterr().err
    assert f"every user of this machine can read it; run: chmod 600 {file}" in err
    assert "NOT ENCRYPTED" in err
    assert TOKEN not in err


def test_one_copy_more_or_less_is_said_as_min_and_max() -> None:
    assert parser().parse_args(["--ray", "--replicas", "2"]).replicas == (2, 2)
    found = parser().parse_args(["--ray", "10.0.0.1:6379", "--replicas", "1:4"])
    assert (found.ray, found.replicas) == ("10.0.0.1:6379", (1, 4))
    assert parser().parse_args([]).ray is None
