"""live_socket(): what a page asks over its WebSocket, and the one live session of a studio.

    page -> {"start": {"source", "voices"}}, {"ack": n}, {"record": {"video"}}, {"record": null}, {"stop": true}
    page <- {"status", ...}, {"recording", ...}, and pictures (message.py)

A session goes on for a while without a page, and as long as it records. The page that comes back sees it again.
"""

import asyncio
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

from starlette.websockets import WebSocket, WebSocketDisconnect

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sources.redact import redact
from knowledge_spreader.realtime.studio.live.page import Page
from knowledge_spreader.realtime.studio.live.session import FAILED
from knowledge_spreader.realtime.studio.live.showing import Showing
from knowledge_spreader.realtime.studio.live.source import target_of
from knowledge_spreader.realtime.studio.store.project import Project

_ANOTHER = "another page shows the live view; stop it there first, or close that page"
_LEAVING_S = 0.5


class Home(Protocol):
    """What the live view needs of a Studio (state.py)."""

    project: Project
    options: Options
    live_now: asyncio.Lock  # held while a session begins

    def model_path(self) -> Path: ...


async def live_socket(websocket: WebSocket, studio: Home) -> None:
    """Serves a page until it is gone."""
    await websocket.accept()
    state, page = websocket.app.state, Page(websocket)
    if not hasattr(state, "live"):
        state.live = Live(studio)
    await state.live.serve(page)


class Live:
    """The live view of a studio: at most one session, whichever page sees it."""

    def __init__(self, studio: Home) -> None:
        self._studio = studio
        self._showing: Showing | None = None

    async def serve(self, page: Page) -> None:
        try:
            while True:
                try:
                    await self._do(page, await page.receive())
                except KSError as exc:
                    showing = self._mine(page)
                    status = FAILED if showing is None else showing.status
                    await page.say(status=status, error=redact(str(exc)))
        except WebSocketDisconnect:
            page.gone = True
        finally:
            if self._showing is not None:
                self._showing.leave(page)

    async def _do(self, page: Page, asked: dict[str, Any]) -> None:
        showing = self._mine(page)
        match asked:
            case {"ack": n}:
                if showing is not None:
                    showing.acknowledge(n)
            case {"start": {"source": source, **more}}:
                async with self._studio.live_now:
                    await self._start(page, source, more.get("voices", "all"))
            case {"record": None}:
                if showing is not None:
                    await showing.stop_recording()
            case {"record": {"video": bool(video)}}:
                if showing is None:
                    raise DataError("nothing runs that could be recorded; start first")
                await showing.record(video)
            case {"stop": True}:
                if showing is not None:
                    await showing.end()
            case _:
                raise DataError("a message is start, ack, record or stop")

    async def _start(self, page: Page, source: object, voices: object) -> None:
        if not isinstance(voices, str):
            raise DataError("voices must be all, crops or paper")
        asked, showing = (source, voices, str(self._studio.model_path())), self._open()
        if showing is not None and await _stays_with_another(showing, page):
            raise DataError(_ANOTHER)
        if showing is not None and not showing.ending:
            if showing.asked == asked:
                await showing.attach(page)
                return
            if showing.records:
                raise DataError(f"{showing.records} is being recorded; start it again to see it, and stop it there")
        studio = self._studio
        options = replace(studio.options, model=asked[-1], policy="live", voices=voices)
        target = await asyncio.to_thread(target_of, source, studio.project, options)
        if showing is not None:
            showing.leave(page)
            await showing.end()
        self._showing = Showing(asked, target, options, studio.project)
        await self._showing.attach(page)

    def _open(self) -> Showing | None:
        return self._showing if self._showing is not None and not self._showing.done.is_set() else None

    def _mine(self, page: Page) -> Showing | None:
        showing = self._open()
        return showing if showing is not None and showing.page is page else None


async def _stays_with_another(showing: Showing, page: Page) -> bool:
    """A page that stops and starts anew may be heard in the other order."""
    until_s = time.monotonic() + _LEAVING_S
    while showing.is_seen_by_another(page) and not showing.ending:
        if time.monotonic() > until_s:
            return True
        await asyncio.sleep(0.02)
    return False
