"""A connection on which nothing is asked is cut off, whatever drips in; one that is used stays."""

import http.client
import socket
import time

import pytest

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve import protocols
from knowledge_spreader.realtime.serve.limits import Limits
from tests.realtime.serve.server import TOKEN, served, stream

PATIENCE_S = 0.5


@pytest.mark.parametrize(
    ("said", "drips"),
    [
        (b"", b""),
        (b"GET /v1/stream HTTP/1.1\r\n", b"X"),
        (b"POST /v1/stream HTTP/1.1\r\nHost: x\r\nContent-Length: 999999\r\n\r\n", b"body"),  # answered with 401
    ],
    ids=["silent", "slow head", "slow body that nobody wants"],
)
def test_who_asks_for_nothing_is_cut_off(
    opened: Opened, monkeypatch: pytest.MonkeyPatch, said: bytes, drips: bytes
) -> None:
    monkeypatch.setattr(protocols, "_REQUEST_S", PATIENCE_S)
    with served(opened, Limits()) as port, socket.create_connection(("127.0.0.1", port), 0.1) as slow:
        slow.sendall(said)
        begun_s = time.monotonic()
        while not ended(slow, drips):
            assert time.monotonic() - begun_s < 20 * PATIENCE_S
        assert time.monotonic() - begun_s > PATIENCE_S / 2


def ended(slow: socket.socket, drips: bytes) -> bool:
    try:
        slow.sendall(drips)
        return not slow.recv(4096)
    except TimeoutError:
        return False
    except ConnectionError:
        return True


def test_a_connection_that_is_used_and_a_stream_that_is_quiet_stay(
    opened: Opened, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocols, "_REQUEST_S", PATIENCE_S)
    with served(opened, Limits()) as port, stream(port, format="jpeg") as client:
        assert client.next()["type"] == "ready"
        used = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        used.connect()
        mine = used.sock
        for _ in range(8):
            time.sleep(PATIENCE_S / 4)
            used.request("GET", "/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
            assert b"ks_serve_streams_open 1.0" in used.getresponse().read()
        assert used.sock is mine  # never opened anew
        used.close()
        client.socket.ping().wait(10)
