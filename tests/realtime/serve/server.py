"""A real server of one stream app, and clients that speak to it."""

import json
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import av
import numpy as np
import uvicorn
from av.bitstream import BitStreamFilterContext
from websockets.sync.client import ClientConnection, connect

from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.app import make_app
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.run import config_of, listen

TOKEN = "for-the-tests-alone"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
WAIT_S = 60.0


@contextmanager
def served(opened: Opened, limits: Limits, leaves: threading.Event | None = None) -> Iterator[int]:
    """The port of a server as ks-serve runs it, on an engine that is open."""
    listening = listen("127.0.0.1", 0)
    server = uvicorn.Server(config_of(make_app(opened.options, limits, TOKEN, opened, leaves=leaves), limits))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


@contextmanager
def stream(port: int, **hello: str) -> Iterator["Client"]:
    with connect(
        f"ws://127.0.0.1:{port}/v1/stream", additional_headers=BEARER, max_size=None, proxy=None, compression=None
    ) as opened:
        client = Client(opened)
        if hello:
            client.say(**hello)
        yield client


class Client:
    def __init__(self, opened: ClientConnection) -> None:
        self.socket = opened

    def say(self, **message: Any) -> None:
        self.socket.send(json.dumps(message))

    def send(self, time_s: float, data: bytes) -> None:
        self.socket.send(struct.pack("<d", time_s) + data)

    def next(self) -> dict[str, Any]:
        """Raises ConnectionClosed."""
        return json.loads(self.socket.recv(timeout=WAIT_S))

    def answer(self, time_s: float, data: bytes) -> dict[str, Any]:
        """To one frame, nothing else being on its way."""
        self.send(time_s, data)
        return self.next()


def pictures(count: int, *, ext: str = ".jpg", size: tuple[int, int] | None = None) -> list[tuple[float, bytes]]:
    """(time_s, file) of the first frames of the demo clip."""
    found = []
    with av.open(str(demo_clip())) as container:
        for frame in container.decode(video=0):
            bgr = frame.to_ndarray(format="bgr24")
            shown = bgr if size is None else cv2.resize(bgr, size)
            found.append((float(frame.time), cv2.imencode(ext, shown)[1].tobytes()))
            if len(found) == count:
                return found
    raise AssertionError(len(found))


def access_units(count: int) -> list[tuple[float, bytes]]:
    """(time_s, unit as Annex B) of the demo clip as it is stored: with B-frames, so that times go to and fro."""
    with av.open(str(demo_clip())) as container:
        video = container.streams.video[0]
        as_annex_b = BitStreamFilterContext("h264_mp4toannexb", video)
        found = []
        for packet in container.demux(video):
            if packet.size:
                found += [(float(made.pts * made.time_base), bytes(made)) for made in as_annex_b.filter(packet)]
    return found[:count]


def metric(port: int, name: str, **labels: str) -> float:
    """The value of a line of /metrics; 0 without one."""
    request = Request(f"http://127.0.0.1:{port}/metrics", headers=BEARER)
    with urlopen(request, timeout=WAIT_S) as reply:
        text = reply.read().decode()
    shown = ",".join(f'{key}="{value}"' for key, value in labels.items())
    wanted = f"{name}{{{shown}}}" if labels else name
    return next((float(line.split()[-1]) for line in text.splitlines() if line.rpartition(" ")[0] == wanted), 0.0)


def eventually(is_so: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < until_s
        time.sleep(0.02)


def grey(width: int = 64, height: int = 48) -> bytes:
    """A JPEG without a face."""
    return cv2.imencode(".jpg", np.full((height, width, 3), 128, np.uint8))[1].tobytes()
