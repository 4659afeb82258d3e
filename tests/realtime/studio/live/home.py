"""A live view on a real server, and a page that speaks to it."""

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket
from websockets.sync.client import ClientConnection, connect

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.live import live_socket
from knowledge_spreader.realtime.studio.store.project import Project


@dataclass
class Home:
    """What the live view needs of a studio, which has much more."""

    project: Project
    options: Options = field(default_factory=lambda: Options(threads=1))
    live_now: asyncio.Lock = field(default_factory=asyncio.Lock)

    def model_path(self) -> Path:
        return bundled_model()


@contextmanager
def served(home: Home) -> Iterator[str]:
    """The address of the WebSocket."""

    async def live(websocket: WebSocket) -> None:
        await live_socket(websocket, home)

    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        Starlette(routes=[WebSocketRoute("/api/live", live)]),
        log_level="warning",
        lifespan="off",
        ws="websockets-sansio",
        timeout_graceful_shutdown=3,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield f"ws://127.0.0.1:{listening.getsockname()[1]}/api/live"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


class Seen:
    """A page: what it was told, and the pictures that it got."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.told: list[dict[str, Any]] = []

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def start(self, source: str = "demo", voices: str = "all") -> None:
        self.say(start={"source": source, "voices": voices})

    def next(self, timeout_s: float = 60.0) -> tuple[dict[str, Any], bytes]:
        """The next message: (text, b"") or (header, JPEG)."""
        came = self.socket.recv(timeout=timeout_s)
        if isinstance(came, str):
            self.told.append(json.loads(came))
            return self.told[-1], b""
        length = int.from_bytes(came[:4], "little")
        return json.loads(came[4 : 4 + length]), came[4 + length :]

    def picture(self, *, acknowledge: bool = True) -> tuple[dict[str, Any], bytes]:
        while True:
            header, jpeg = self.next()
            if jpeg:
                if acknowledge:
                    self.say(ack=header["n"])
                return header, jpeg
            assert header.get("status") not in ("failed", "stopped"), header

    def until(self, key: str, value: Any = ..., timeout_s: float = 90.0) -> dict[str, Any]:
        """What was told with this key, and value; pictures before it are acknowledged."""
        end_s = time.monotonic() + timeout_s
        while True:
            found, jpeg = self.next(max(end_s - time.monotonic(), 0.01))
            if jpeg:
                self.say(ack=found["n"])
            elif key in found and value in (..., found[key]):
                return found


@contextmanager
def page(address: str) -> Iterator[Seen]:
    with connect(address, max_size=None, proxy=None) as socket:
        yield Seen(socket)
