"""stream_socket(): one live stream over a WebSocket.

    client                                            server
    text   {"format": "jpeg", "name": "door"}
                                                      text   {"type": "ready", "aus": [...], ...}
    binary time in seconds, float64; then a JPEG      text   the line of --jsonl, for each frame that is analysed
    ...                                               ...
                                                      text   {"type": "error", "error": "one line"}, then it closes

Close codes: 1003 wrong data, 1008 not this protocol, 1009 too large, 1011 our failure, 1012 the server stops, 1013 the
client is too slow. Without the token the handshake is answered with 401, and with 503 when all slots are in use.
"""

import asyncio
import json
import logging
import math
import struct
import time
from collections.abc import Coroutine
from importlib.metadata import version
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.connection import DONE, OURS, POLICY, TOO_BIG, WRONG_DATA, Connection, EndedError
from knowledge_spreader.realtime.serve.guard import PROTOCOL, refuse
from knowledge_spreader.realtime.serve.hub import Hub
from knowledge_spreader.realtime.serve.intake.opening import Feed, Hello, hello_of, open_intake
from knowledge_spreader.realtime.serve.slot import LEAVES, Slot
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.spec import au_label

log = logging.getLogger(__name__)

_TIME = struct.Struct("<d")
_HELLO_BYTES = 4096
_MOST_S = 1e12  # of a time stamp
_LEAVING_S, _SOON_S, _LOOK_S = 1.0, 0.2, 0.02  # how long, and how often, it is looked for a slot that is being left
_RETRY_S = 5  # told to who finds the server full
_ENDED_S = 0.25


async def stream_socket(websocket: WebSocket) -> None:
    """Serves a client until it is gone."""
    hub: Hub = websocket.app.state.hub
    slot = await _free_slot(hub)
    if slot is None:
        hub.metrics.refused.labels("503").inc()
        why = f"all {len(hub.streams)} streams are in use; try again later" if hub.works else "the engine has stopped"
        await refuse(websocket.scope, websocket.send, 503, why, {"retry-after": str(_RETRY_S)})
        return
    options = hub.opened.options
    extras = Extras(options.landmarks, options.blendshapes, hub.opened.voices.sided)
    connection = Connection(websocket, extras, hub.metrics, hub.limits.slow_s)
    code, why = OURS, "the server failed at this; its log says why; connect again"
    try:
        await websocket.accept(PROTOCOL if PROTOCOL in websocket.scope["subprotocols"] else None)
        await _serve(websocket, hub, slot, connection)
    except WebSocketDisconnect as gone:
        code, why = gone.code, ""
    except EndedError as ended:
        code, why = ended.code, ended.why
    except KSError as exc:
        code, why = WRONG_DATA, EndedError(WRONG_DATA, str(exc)).why
    except Exception:  # the edge between one client and all others
        log.exception("a stream broke")
    finally:
        slot.leave()
        hub.metrics.ended.labels(str(code)).inc()
    if why:
        await connection.close(code, "" if code == DONE else why)


async def _free_slot(hub: Hub) -> Slot | None:
    """One that is free, or will be at once: of a client that leaves, or whose goodbye is on its way."""
    since_s = time.monotonic()
    while (slot := hub.take(hub.streams)) is None and hub.works:
        leaves = any(slot.state == LEAVES for slot in hub.streams)
        if time.monotonic() - since_s > (_LEAVING_S if leaves else _SOON_S):
            return None
        await asyncio.sleep(_LOOK_S)
    return slot


async def _serve(websocket: WebSocket, hub: Hub, slot: Slot, connection: Connection) -> None:
    hello = await _hello(websocket, hub.limits.hello_s)
    loop = asyncio.get_running_loop()
    feed = await hub.in_thread(open_intake, hello, slot, hub.opened.options, hub.limits, loop)
    try:
        slot.begin(feed.intake, connection)
        if not hub.works:  # from now on it would tell
            raise EndedError(OURS, "the engine has stopped")
        hub.metrics.opened.labels(hello.format).inc()
        await connection.say(ready(hub.opened))
        await _first(_read(websocket, feed, hub.limits.message_bytes), connection.send(), _until_ended(feed))
    finally:
        await hub.in_thread(feed.close)


async def _hello(websocket: WebSocket, patience_s: float) -> Hello:
    try:
        async with asyncio.timeout(patience_s):
            came = await websocket.receive()
    except TimeoutError:
        raise EndedError(POLICY, f"no first message within {patience_s:g} s") from None
    if came["type"] == "websocket.disconnect":
        raise WebSocketDisconnect(came.get("code", 1005))
    text = came.get("text")
    if text is None or len(text) > _HELLO_BYTES:
        raise EndedError(POLICY, 'the first message must be text like {"format": "jpeg", "name": "door"}')
    try:
        return hello_of(json.loads(text))
    except (ValueError, RecursionError):
        raise EndedError(POLICY, "the first message is not JSON") from None
    except DataError as exc:
        raise EndedError(POLICY, str(exc)) from exc


def ready(opened: Opened) -> dict[str, Any]:
    """What a client is told before the first answer."""
    aus, thresholds = opened.spec.aus, opened.spec.thresholds
    return {
        "type": "ready",
        "aus": [au_label(au) for au in aus],
        "thresholds": [round(float(threshold), 6) for threshold in thresholds or (0.5,) * len(aus)],
        "experimental": [au_label(au) for au in opened.spec.experimental],
        "weights": opened.model.weights_id,
        "engine": str(opened.choice),
        "version": version("knowledge-spreader"),
    }


async def _read(websocket: WebSocket, feed: Feed, most_bytes: int) -> None:
    while True:
        came = await websocket.receive()
        captured_s = time.perf_counter()
        if came["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(came.get("code", 1005))
        data = came.get("bytes")
        if data is None:
            raise EndedError(WRONG_DATA, "after the first message, all are binary: 8 bytes of time, then a frame")
        if feed.put is None:
            raise EndedError(WRONG_DATA, "a stream of the format rtsp takes no messages")
        if len(data) < _TIME.size:
            raise EndedError(WRONG_DATA, f"a message begins with 8 bytes of time; got {len(data)} bytes")
        if len(data) - _TIME.size > most_bytes:
            raise EndedError(TOO_BIG, f"a frame has at most {most_bytes:,} bytes; got {len(data) - _TIME.size:,}")
        (time_s,) = _TIME.unpack_from(data)
        if not math.isfinite(time_s) or abs(time_s) > _MOST_S:
            raise EndedError(WRONG_DATA, f"a frame's time is seconds as a little-endian float64; got {time_s:g}")
        await feed.put(data[_TIME.size :], time_s, captured_s)


async def _until_ended(feed: Feed) -> None:
    """Until a source ends by itself, as the recording of an RTSP server does."""
    while not feed.intake.ended or feed.intake.waiting:
        await asyncio.sleep(_ENDED_S)
    await asyncio.sleep(_ENDED_S)  # its last answers are on their way
    raise EndedError(DONE, "the source has ended")


async def _first(*works: Coroutine[Any, Any, None]) -> None:
    """Runs them until one of them ends, whose error is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
