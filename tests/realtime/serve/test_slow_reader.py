"""A client that reads nothing: one answer waits for it, then it is sent away, and nobody else notices."""

import socket
import struct
import threading
from collections.abc import Iterator

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.limits import Limits
from tests.realtime.serve.server import BEARER, eventually, grey, metric, served, stream

HELLO = b'{"format": "jpeg"}'


def frame(payload: bytes, opcode: int) -> bytes:
    """A WebSocket frame (RFC 6455, 5.2), masked with zeros."""
    length = len(payload)
    sizes = bytes([0x80 | length]) if length < 126 else bytes([0xFE]) + struct.pack(">H", length)
    return bytes([0x80 | opcode]) + sizes + bytes(4) + payload


@pytest.fixture
def deaf() -> Iterator[socket.socket]:
    """A socket that takes few bytes."""
    with socket.socket() as made:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        yield made


def shake_hands(deaf: socket.socket, port: int) -> None:
    deaf.connect(("127.0.0.1", port))
    deaf.sendall(
        b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
        + f"Authorization: {BEARER['Authorization']}\r\n\r\n".encode()
    )
    assert deaf.recv(1024).startswith(b"HTTP/1.1 101 ")
    deaf.sendall(frame(HELLO, opcode=1))


def test_answers_that_nobody_reads_are_dropped_and_the_client_sent_away(opened: Opened, deaf: socket.socket) -> None:
    """It sends and sends, and reads nothing. After 1 s without room for an answer its slot is free again."""
    data, stopped = grey(16, 16), threading.Event()
    with served(opened, Limits(streams=2, slow_s=1.0)) as port:
        shake_hands(deaf, port)

        def send() -> None:
            for i in range(100_000):
                try:
                    deaf.sendall(frame(struct.pack("<d", i / 100) + data, opcode=2))
                except OSError:  # sent away
                    break
                if stopped.wait(0.001):
                    break

        sending = threading.Thread(target=send)
        sending.start()
        try:
            eventually(lambda: metric(port, "ks_serve_frames_dropped_total", cause="slow reader") > 0)
            with stream(port, format="jpeg") as other:  # which is answered meanwhile
                other.next()
                assert other.answer(0.0, data)["frame"] == 1
            eventually(lambda: metric(port, "ks_serve_streams_ended_total", code="1013") == 1)
            eventually(lambda: metric(port, "ks_serve_streams_open") == 0)
        finally:
            stopped.set()
            sending.join()


def test_who_says_nothing_at_first_is_sent_away(opened: Opened) -> None:
    with served(opened, Limits(streams=1, hello_s=0.2)) as port:
        with connect(f"ws://127.0.0.1:{port}/v1/stream", additional_headers=BEARER, proxy=None) as quiet:
            assert "no first message within 0.2 s" in str(quiet.recv(timeout=10))
            with pytest.raises(ConnectionClosed) as closed:
                quiet.recv(timeout=10)
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1008
