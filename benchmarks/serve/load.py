"""load(): so many clients at once, each with its pictures at a steady rate, as cameras send them.

    latency_ms    from the moment a picture is handed to the socket to the receipt of its answer
    late          a picture that could not be sent when it was due, since the one before was still on its way

All run in this process, in one event loop; their pictures are encoded before. What comes in the first WARM_S of a
stream is not counted.
"""

import asyncio
import json
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import WebSocketException

from knowledge_spreader.benchmarks.serve.pictures import endless
from knowledge_spreader.benchmarks.serve.process import Server
from knowledge_spreader.errors import KSError

WARM_S = 2.0
_LATE_S = 0.002
_LAST_S = 2.0  # so long is waited for the last answers
_OPEN_S = 60.0
_LOOK_S = 0.02


@dataclass(slots=True)
class Client:
    """What happened to one stream after its first WARM_S."""

    sent: int = 0
    late: int = 0
    latency_ms: list[float] = field(default_factory=list)
    faces: int = 0  # answers with a face whose AUs are told
    seconds: float = 0.0
    engine: str = ""


@dataclass(frozen=True, slots=True)
class Play:
    """What every client does."""

    turn: Sequence[bytes]  # encoded pictures
    name: str  # of their format
    fps: float
    seconds: float


def load(server: Server, streams: int, play: Play) -> list[Client]:
    """Raises KSError if a stream does not open, or ends before its time."""
    try:
        return asyncio.run(_all(server, streams, play))
    except (OSError, WebSocketException) as exc:
        raise KSError(f"{server.address} ended a stream ({exc!r:.160}); its own lines say why") from exc


async def _all(server: Server, streams: int, play: Play) -> list[Client]:
    """They begin one after another within a frame's time, as cameras do that know nothing of each other."""
    return await asyncio.gather(*(_client(server, i, play, i / streams / play.fps) for i in range(streams)))


async def _client(server: Server, number: int, play: Play, offset_s: float) -> Client:
    client, sent_s = Client(), set[float]()
    async with connect(
        server.stream_address,
        additional_headers=server.headers,
        compression=None,
        max_size=None,
        proxy=None,
        open_timeout=_OPEN_S,
    ) as socket:
        await socket.send(json.dumps({"format": play.name, "name": f"bench {number}"}))
        client.engine = json.loads(await socket.recv())["engine"]
        reader = asyncio.create_task(_read(socket, client, sent_s))
        try:
            last_s = await _send(socket, client, sent_s, play, offset_s)
            until_s = time.perf_counter() + _LAST_S
            while last_s in sent_s and time.perf_counter() < until_s and not reader.done():
                await asyncio.sleep(_LOOK_S)
        finally:
            if reader.done():
                reader.result()  # raises what the server said
            reader.cancel()
    return client


async def _send(socket: ClientConnection, client: Client, sent_s: set[float], play: Play, offset_s: float) -> float:
    """Each picture when it is due, or at once if that is over. A picture's time is that of its sending; the last one's.

    sent_s: times whose answers are waited for.
    """
    now_s = begun_s = time.perf_counter() + offset_s
    turn = endless(list(play.turn))
    for i in range(round((WARM_S + play.seconds) * play.fps)):
        due_s = begun_s + i / play.fps
        await asyncio.sleep(max(due_s - time.perf_counter(), 0))
        now_s = time.perf_counter()
        if now_s >= begun_s + WARM_S:
            client.sent += 1
            client.late += now_s - due_s > _LATE_S + 1 / play.fps
            sent_s.add(now_s)
        await socket.send(struct.pack("<d", now_s) + next(turn))
    client.seconds = play.seconds
    return now_s


async def _read(socket: ClientConnection, client: Client, sent_s: set[float]) -> None:
    async for message in socket:
        now_s = time.perf_counter()
        answer: dict[str, Any] = json.loads(message)
        if answer.get("type") == "error":
            raise KSError(f"the server ended a stream: {answer['error']}")
        if answer["pts_s"] in sent_s:
            sent_s.discard(answer["pts_s"])
            client.latency_ms.append(1e3 * (now_s - answer["pts_s"]))
            client.faces += any(face["success"] for face in answer["faces"])
