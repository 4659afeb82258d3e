"""Files that are sent to a real ks-studio process over a socket, slowly."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.realtime.studio.browser import STUDIO

SENT = 100_000  # bytes, of ten times as many
PATIENCE_S = 20


@contextmanager
def started(folder: Path) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """The process of a studio, and its address."""
    command = [sys.executable, "-c", STUDIO, str(folder / "study"), "--cache", str(folder / "cache"), "--no-browser"]
    env = os.environ | {"TMPDIR": str(folder / "tmp")}
    (folder / "tmp").mkdir()
    with (
        (folder / "stderr").open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=env) as run,
    ):
        try:
            assert run.stdout
            yield run, re.findall(r"http://\S+", run.stdout.readline())[0]
        finally:
            run.kill()


def sending(address: str, path: str) -> socket.socket:
    """A connection that has sent the first tenth of a file, and then nothing."""
    parts = urlsplit(address)
    place = (str(parts.hostname), int(parts.port or 0))
    connection = socket.create_connection(place, timeout=PATIENCE_S)
    connection.sendall(f"GET /?{parts.query} HTTP/1.1\r\nHost: {parts.netloc}\r\n\r\n".encode())
    head = b""
    while b"set-cookie: " not in head or b"\r\n\r\n" not in head:
        head += connection.recv(1 << 16)
    cookie = head.partition(b"set-cookie: ")[2].partition(b";")[0].decode()
    connection.close()
    connection = socket.create_connection(place, timeout=PATIENCE_S)
    asked = f"POST {path} HTTP/1.1\r\nHost: {parts.netloc}\r\nOrigin: http://{parts.netloc}\r\nCookie: {cookie}\r\n"
    connection.sendall(f"{asked}Content-Length: {10 * SENT}\r\n\r\n".encode() + b"x" * SENT)
    return connection


def answer_of(connection: socket.socket) -> str:
    """All that comes until the other end closes."""
    found = b""
    while block := connection.recv(1 << 16):
        found += block
    return found.decode()


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*") if path.is_file())


def wait_for(folder: Path, name: str) -> None:
    """Until a file of this name has bytes in it."""
    until_s = time.monotonic() + PATIENCE_S
    while not any(path.stat().st_size for path in folder.rglob(name)):
        assert time.monotonic() < until_s, "nothing of the file arrived"
        time.sleep(0.01)


@pytest.mark.skipif(os.name != "posix", reason="a signal of Unix")
def test_ctrl_c_in_the_middle_of_an_upload_ends_in_order_and_keeps_nothing_of_the_file(tmp_path: Path) -> None:
    with started(tmp_path) as (run, address):
        connection = sending(address, "/api/recordings/upload?name=anna.mp4")
        recordings = tmp_path / "study" / "recordings"
        wait_for(recordings, ".anna.mp4.part")
        begun_s = time.monotonic()
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE_S) == 130
        assert time.monotonic() - begun_s < 3  # it does not wait for a sender who is silent
        assert "anna.mp4: not taken in, because the studio was closed" in answer_of(connection)
        connection.close()
    assert (tmp_path / "stderr").read_text().splitlines() == [
        "Ctrl-C closes it; a training goes on",
        "the studio is closed; every label is kept",
    ]
    assert files(recordings) == []


@pytest.mark.skipif(os.name != "posix", reason="a signal of Unix")
@pytest.mark.slow
def test_ctrl_c_in_the_middle_of_a_label_file_ends_in_order(tmp_path: Path) -> None:
    with started(tmp_path) as (run, address):
        connection = sending(address, "/api/import?name=anna.csv&coder=AB")
        wait_for(tmp_path / "tmp", "anna.csv")
        run.send_signal(signal.SIGINT)
        assert run.wait(PATIENCE_S) == 130
        assert "anna.csv: not taken in, because the studio was closed" in answer_of(connection)
        connection.close()
    assert (tmp_path / "stderr").read_text().splitlines()[1:] == ["the studio is closed; every label is kept"]
    assert files(tmp_path / "tmp") == []
