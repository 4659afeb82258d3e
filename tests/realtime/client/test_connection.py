"""An address of a server, as users write it, and a token that can be sent."""

import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.client import connect
from knowledge_spreader.realtime.client.connection import socket_address
from tests.realtime.client.no_server import NoServer


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("127.0.0.1:8765", "ws://127.0.0.1:8765/v1/stream"),
        ("http://[::1]:8765/", "ws://[::1]:8765/v1/stream"),
        ("https://lab.example/aus", "wss://lab.example/aus/v1/stream"),
        ("wss://lab.example/v1/stream", "wss://lab.example/v1/stream"),
    ],
)
def test_an_address_leads_to_the_stream(address: str, meant: str) -> None:
    assert socket_address(address) == meant


@pytest.mark.parametrize(
    "address", ["", "ftp://x", "http://", "http://x:70000", "http://u:p@x", "http://x?token=1", "http://[x"]
)
def test_what_is_no_address_is_told(address: str) -> None:
    with pytest.raises(DataError, match="no address of a server"):
        socket_address(address)


@pytest.mark.parametrize("token", ["", "two words", "two\nlines", "\u00e9t\u00e9"])
def test_a_token_that_cannot_be_sent_is_told_and_not_shown(token: str) -> None:
    with pytest.raises(DataError, match="the token cannot be sent") as caught, connect("http://127.0.0.1:9", token):
        pass
    assert not token or token not in str(caught.value)


def test_patience_is_checked() -> None:
    with pytest.raises(DataError, match="patience_s must be 0 or more; got nan"):
        connect("http://127.0.0.1:9", "0123456789abcdef", patience_s=float("nan"))


def test_what_must_be_installed_is_told() -> None:
    program = "import sys; sys.modules['websockets.sync.client'] = None; import knowledge_spreader.realtime.client"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "MissingError: the client needs websockets" in done.stderr
    assert "pip install 'knowledge-spreader[serve]'" in done.stderr


@pytest.fixture
def https(tmp_path: Path) -> Iterator[str]:
    """Of a server with a certificate that it signed itself, ca.pem, and no stream."""
    if not shutil.which("openssl"):
        pytest.skip("no openssl here")
    make = "openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=here -addext subjectAltName=IP:127.0.0.1"
    files = ["-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "ca.pem")]
    subprocess.run([*make.split(), *files], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "ca.pem", tmp_path / "key.pem")
    with HTTPServer(("127.0.0.1", 0), NoServer) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"https://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_a_certificate_of_ones_own_is_trusted_by_the_variable_that_the_error_names(
    https: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def told() -> str:
        with pytest.raises(DataError) as caught, connect(https, "0123456789abcdef"):
            pass
        return str(caught.value)

    assert "its certificate is not trusted here" in told()
    assert "set SSL_CERT_FILE to the PEM file" in told()
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    assert "HTTP 500" in told()
