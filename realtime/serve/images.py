"""images(): POST /v1/images, one photograph -> the object of --jsonl, as `ks-live --policy stills` writes it."""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction

from starlette.requests import Request
from starlette.responses import Response

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.serve.hub import Hub
from knowledge_spreader.realtime.serve.intake.picture import decode, picture_size
from knowledge_spreader.realtime.serve.slot import Slot
from knowledge_spreader.realtime.sinks.jsonl_sink import as_dict
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.types import Frame, FrameResult, Stream

_LETTERS = 200  # of a name
_BODY_S, _ANSWER_S = 30.0, 60.0
_LOOK_S = 0.01
_LEFT = 4  # times as many bytes as are taken are read at most
_RETRY_S = 1  # told to who finds the server full


class RefusedError(Exception):
    """The request is answered with this status and line."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status, self.why = status, why


class Photographs:
    """Answers requests for photographs, some at once. The others wait, and too many are refused."""

    def __init__(self, hub: Hub) -> None:
        self._hub, self._limits = hub, hub.limits
        self._turn = asyncio.Semaphore(len(hub.images))
        self._here = 0
        options = hub.opened.options
        self._extras = Extras(options.landmarks, options.blendshapes, hub.opened.voices.sided)

    async def answer(self, request: Request) -> Response:
        try:
            if self._here >= self._limits.images + self._limits.images_waiting or not self._hub.works:
                raise RefusedError(503, "too many photographs wait; try again later")
            self._here += 1
            try:
                status, said = 200, await self._result(request)
            finally:
                self._here -= 1
        except RefusedError as exc:
            status, said = exc.status, {"error": exc.why}
        self._hub.metrics.photographs.labels(str(status)).inc()
        headers = {"retry-after": str(_RETRY_S)} if status == 503 else {}
        return Response(json.dumps(said, allow_nan=False) + "\n", status, headers, "application/json")

    async def _result(self, request: Request) -> dict[str, object]:
        captured_s, name = time.perf_counter(), _name(request)
        try:
            async with asyncio.timeout(_BODY_S):
                data = await _body(request, self._limits.image_bytes)
        except TimeoutError:
            raise RefusedError(408, f"the photograph did not come within {_BODY_S:g} s") from None
        async with self._turn:
            image = await self._decoded(data)
            result = await self._looked_at(image, name, captured_s)
        return as_dict(result, time.time() - time.perf_counter(), self._extras)

    async def _decoded(self, data: bytes) -> U8:
        size, most_px = picture_size(data), self._limits.image_px
        if size is None:
            raise RefusedError(415 if data else 400, "the body must be one JPEG or PNG file")
        if size[0] * size[1] > most_px:
            raise RefusedError(413, f"the photograph has {size[0]} x {size[1]} pixels; at most {most_px:,} are taken")
        try:
            return await self._hub.in_thread(decode, data, most_px)
        except DataError as exc:
            raise RefusedError(400, str(exc)) from exc

    async def _looked_at(self, image: U8, name: str, captured_s: float) -> FrameResult:
        slot = await self._slot()
        try:
            stream = Stream(name or "image", slot.number, stills=1)
            frame = Frame(image, stream, 0, 0, Fraction(1), captured_s, picture=name)
            waits = _Waits()
            slot.begin(_One(frame), waits)
            async with asyncio.timeout(_ANSWER_S):
                return await waits.result
        except TimeoutError:
            raise RefusedError(503, f"no answer within {_ANSWER_S:g} s; the server is too busy") from None
        except KSError as exc:
            raise RefusedError(400, str(exc)) from exc
        except asyncio.CancelledError:
            raise
        except Exception as exc:  # the server's log says why
            raise RefusedError(500, "the server failed at this photograph; its log says why") from exc
        finally:
            slot.leave()

    async def _slot(self) -> Slot:
        """There are as many as turns, but one that was left is free a moment later."""
        while (slot := self._hub.take(self._hub.images)) is None:
            if not self._hub.works:
                raise RefusedError(503, "the engine has stopped; its log says why")
            await asyncio.sleep(_LOOK_S)
        return slot


class _Waits:
    """The listener of one photograph."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[FrameResult] = self._loop.create_future()

    def answered(self, result: FrameResult) -> None:
        self._settle(lambda: self.result.set_result(result))

    def failed(self, exc: BaseException) -> None:
        self._settle(lambda: self.result.set_exception(exc))

    def _settle(self, work: Callable[[], None]) -> None:
        with suppress(RuntimeError):  # the loop was closed meanwhile
            self._loop.call_soon_threadsafe(lambda: None if self.result.done() else work())


class _One:
    """The intake of one photograph."""

    received, ended = 1, False

    def __init__(self, frame: Frame) -> None:
        self.stream, self._frame = frame.stream, frame
        self.waiting = True
        self.dropped = Counter[str]()

    def take(self) -> Frame | None:
        waited, self.waiting = self.waiting, False
        return self._frame if waited else None


def _name(request: Request) -> str:
    name = request.query_params.get("name", "")
    if len(name) > _LETTERS or not name.isprintable():
        raise RefusedError(400, f"name must have at most {_LETTERS} printable letters; got {len(name)}")
    return name


async def _body(request: Request, most_bytes: int) -> bytes:
    """Of one that is too large the rest is read and left, so that an honest client hears the answer."""
    found, came = bytearray(), 0
    async for part in request.stream():
        came += len(part)
        if came <= most_bytes:
            found += part
        elif came > _LEFT * most_bytes:
            break
    if came > most_bytes:
        raise RefusedError(413, f"a photograph has at most {most_bytes:,} bytes; send a smaller one")
    return bytes(found)
