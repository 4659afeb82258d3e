"""Connection: the answers of one stream on their way to its client. At most one waits: a newer one takes its place."""

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from starlette.websockets import WebSocket, WebSocketDisconnect

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.serve.metrics import SLOW, Metrics
from knowledge_spreader.realtime.sinks.jsonl_sink import as_dict
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.sources.redact import redact
from knowledge_spreader.realtime.types import FrameResult

DONE, WRONG_DATA, POLICY, TOO_BIG, OURS, RESTARTS, LATER = 1000, 1003, 1008, 1009, 1011, 1012, 1013  # close codes
_GOODBYE_S = 2.0
_REASON_BYTES = 123  # RFC 6455, 5.5


class EndedError(Exception):
    """The server ends the stream with this code and line."""

    def __init__(self, code: int, why: str) -> None:
        super().__init__(why)
        self.code, self.why = code, " ".join(redact(why).split())


class Connection:
    """The listener of a slot. Lives in the event loop, but for answered() and failed()."""

    def __init__(self, websocket: WebSocket, extras: Extras, metrics: Metrics, slow_s: float) -> None:
        self._websocket, self._extras, self._metrics, self._slow_s = websocket, extras, metrics, slow_s
        self._loop, self._news = asyncio.get_running_loop(), asyncio.Event()
        self._waiting: FrameResult | None = None
        self._failure: BaseException | None = None
        self._unix_minus_perf_s = time.time() - time.perf_counter()
        self._encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode

    def answered(self, result: FrameResult) -> None:
        """From any thread."""
        self._call(lambda: self._put(result))

    def failed(self, exc: BaseException) -> None:
        """From any thread: send() raises it."""
        self._call(lambda: self._fail(exc))

    async def send(self) -> None:
        """Sends the answers until the task is cancelled, or raises EndedError."""
        while True:
            await self._news.wait()
            self._news.clear()
            result, self._waiting = self._waiting, None
            if result is not None:
                await self.say(as_dict(result, self._unix_minus_perf_s, self._extras))
            if self._failure is not None:
                raise _ending(self._failure)

    async def say(self, message: dict[str, object]) -> None:
        """Raises EndedError if the client takes nothing for too long, WebSocketDisconnect if it is gone."""
        try:
            async with asyncio.timeout(self._slow_s):  # wait_for() of Python 3.11 may swallow a cancellation
                await self._websocket.send_text(self._encode(message))
        except TimeoutError:
            line = f"no answer was taken for {self._slow_s:g} s; read them as they come, or send fewer frames"
            raise EndedError(LATER, line) from None

    async def close(self, code: int, why: str = "") -> None:
        """The last words, if the client still hears them."""
        reason = why.encode()[:_REASON_BYTES].decode(errors="ignore")
        with suppress(TimeoutError, WebSocketDisconnect, RuntimeError):  # RuntimeError: it is closed already
            async with asyncio.timeout(_GOODBYE_S):
                if why:
                    await self._websocket.send_text(self._encode({"type": "error", "error": why}))
                await self._websocket.close(code, reason)

    def _put(self, result: FrameResult) -> None:
        if self._waiting is not None:
            self._metrics.drop(SLOW)
            result = replace(result, events=self._waiting.events + result.events)  # onsets and offsets are not lost
        self._waiting = result
        self._news.set()

    def _fail(self, exc: BaseException) -> None:
        self._failure = self._failure or exc
        self._news.set()

    def _call(self, work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(work)


def _ending(exc: BaseException) -> EndedError:
    if isinstance(exc, EndedError):
        return exc
    if isinstance(exc, KSError):
        return EndedError(WRONG_DATA, str(exc))
    return EndedError(OURS, "the server failed at this; its log says why; connect again")
