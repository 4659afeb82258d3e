"""Clients as no program should be, on a bare socket: so each byte, each silence and each end is theirs to choose."""

import base64
import json
import os
import socket
import struct
import time
from contextlib import suppress
from typing import Self
from urllib.parse import urlsplit

from knowledge_spreader.benchmarks.serve.process import Server
from knowledge_spreader.errors import KSError

TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10  # RFC 6455, 5.2
GONE = 1006  # no close frame came: the connection just ended
_WAIT_S = 30.0


class BareSocket:
    """A context manager. An opened WebSocket, without ping, without a reader. Raises KSError if it is refused."""

    def __init__(self, server: Server, *, receive_bytes: int = 0, token: str | None = None) -> None:
        """receive_bytes: of the system's buffer; a small one is full soon if nobody reads."""
        self.socket = bare(server, receive_bytes)
        self._came = b""
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall(
            f"GET /v1/stream HTTP/1.1\r\nHost: {urlsplit(server.address).netloc}\r\nUpgrade: websocket\r\n"
            f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
            f"Authorization: Bearer {server.token if token is None else token}\r\n\r\n".encode()
        )
        self.status, self.head = self._head()
        if self.status != 101:
            self.socket.close()
            raise KSError(f"refused: HTTP {self.status}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.socket.close()

    def hello(self, format: str = "jpeg") -> Self:
        """Until the server is ready."""
        self.send(TEXT, json.dumps({"format": format, "name": "bad"}).encode())
        kind, data = self.receive()
        if kind != TEXT or json.loads(data).get("type") != "ready":
            raise KSError(f"not ready: {data[:200].decode(errors='replace')}")
        return self

    def picture(self, time_s: float, data: bytes) -> None:
        self.send(BINARY, struct.pack("<d", time_s) + data)

    def send(self, kind: int, data: bytes) -> None:
        self.socket.sendall(frame_head(kind, len(data)) + data)

    def receive(self) -> tuple[int, bytes]:
        """Kind and content of the next message; (CLOSE, b"") if the connection ends without one."""
        head = self._take(2)
        if len(head) < 2:
            return CLOSE, b""
        length = head[1] & 127
        if length > 125:
            length = int.from_bytes(self._take(2 if length == 126 else 8))
        kind, data = head[0] & 15, self._take(length)
        return self.receive() if kind in (PING, PONG) else (kind, data)

    def answer(self) -> dict[str, object]:
        """The next text message."""
        kind, data = self.receive()
        if kind != TEXT:
            raise KSError(f"closed: {int.from_bytes(data[:2]) or GONE} {data[2:].decode(errors='replace')}")
        found: dict[str, object] = json.loads(data)
        return found

    def closed(self) -> tuple[int, str]:
        """Code and the server's last line, once it closes; answers that come before are left out."""
        said = ""
        while True:
            kind, data = self.receive()
            if kind == CLOSE:
                return int.from_bytes(data[:2]) if data else GONE, said or data[2:].decode(errors="replace")
            message = json.loads(data)
            said = str(message["error"]) if message.get("type") == "error" else said

    def reset(self) -> None:
        """Ends the connection as a machine does that fell: no word, an RST instead."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.socket.close()

    def _head(self) -> tuple[int, str]:
        while b"\r\n\r\n" not in self._came:
            if not (more := self._received()):
                raise KSError("the server closed before it answered")
            self._came += more
        head, _, self._came = self._came.partition(b"\r\n\r\n")
        return int(head.split()[1]), head.decode("latin-1")

    def _take(self, count: int) -> bytes:
        while len(self._came) < count:
            if not (more := self._received()):
                break
            self._came += more
        found, self._came = self._came[:count], self._came[count:]
        return found

    def _received(self) -> bytes:
        with suppress(ConnectionError):
            return self.socket.recv(1 << 16)
        return b""


def bare(server: Server, receive_bytes: int = 0) -> socket.socket:
    """A TCP connection and no more."""
    parts = urlsplit(server.address)
    made = socket.socket()
    made.settimeout(_WAIT_S)
    if receive_bytes:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
    made.connect((parts.hostname, parts.port))
    return made


def frame_head(kind: int, length: int) -> bytes:
    """With a mask of zeros, so that the content goes as it is."""
    if length < 126:
        size = bytes([128 | length])
    elif length < 1 << 16:
        size = bytes([128 | 126]) + length.to_bytes(2)
    else:
        size = bytes([128 | 127]) + length.to_bytes(8)
    return bytes([128 | kind]) + size + b"\0\0\0\0"


def one_answer(server: Server, picture: bytes) -> float:
    """Milliseconds until an innocent client has its answer, from the opening of its connection on."""
    begun_s = time.perf_counter()
    with BareSocket(server) as client:
        client.hello().picture(begun_s, picture)
        while client.answer()["pts_s"] != begun_s:
            pass
        return 1e3 * (time.perf_counter() - begun_s)
