"""Showing: one session and the page that sees it. Never more than one picture that the page has not acknowledged."""

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from knowledge_spreader.errors import one_line
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.sources.source_spec import Target
from knowledge_spreader.realtime.studio.live.message import message
from knowledge_spreader.realtime.studio.live.page import Page
from knowledge_spreader.realtime.studio.live.recorder import Recorder
from knowledge_spreader.realtime.studio.live.session import RUNNING, STOPPED, Session
from knowledge_spreader.realtime.studio.store.project import Project

log = logging.getLogger(__name__)

PATIENCE_S = 10.0  # a page that acknowledges nothing for so long sleeps
_LOOK_S = 0.25


class Showing:
    """Lives in the event loop. `done` is set when the source is free again.

    A session without a page that answers ends after PATIENCE_S, unless it records: then the page may come back.
    """

    def __init__(self, asked: object, target: Target, options: Options, project: Project) -> None:
        self.asked, self._name, self._project = asked, target.name, project
        self.page: Page | None = None
        self.done, self.ending = asyncio.Event(), False
        self._news, loop = asyncio.Event(), asyncio.get_running_loop()
        self._session = Session(target, options, lambda: _call(loop, self._news.set))
        self._recorder: Recorder | None = None
        self._since_s = 0.0  # time_s at which the recording began
        self._n = self._unacknowledged = 0  # 0: none
        self._quiet_since_s = time.monotonic()
        self._told = ""  # the status that the page knows
        self._task = asyncio.create_task(self._run())

    @property
    def status(self) -> str:
        return self._session.status

    @property
    def records(self) -> str:
        """What is recorded, "" if nothing is."""
        return self._name if self._recorder is not None else ""

    @property
    def sleeps(self) -> bool:
        """No page, or one that does not answer."""
        quiet_s = time.monotonic() - self._quiet_since_s
        waits = self.page is None or self.page.gone or self._unacknowledged > 0
        return waits and quiet_s > PATIENCE_S

    def is_seen_by_another(self, page: Page) -> bool:
        return self.page is not None and self.page is not page and not self.page.gone and not self.sleeps

    async def attach(self, page: Page) -> None:
        """This page sees it from now on."""
        before = self.page
        if before is not page:
            if before is not None:
                await before.say(status=STOPPED, error="another page shows the live view now")
            self.page, self._unacknowledged, self._quiet_since_s = page, 0, time.monotonic()
        self._told = ""
        await self._tell()
        if self._recorder is not None:
            await page.say(recording=self._recording())
        self._news.set()

    def leave(self, page: Page) -> None:
        if self.page is page:
            self.page, self._unacknowledged, self._quiet_since_s = None, 0, time.monotonic()

    def acknowledge(self, n: object) -> None:
        if n == self._unacknowledged:
            self._unacknowledged, self._quiet_since_s = 0, time.monotonic()
            self._news.set()

    async def record(self, video: bool) -> None:
        """Begins a recording. Raises KSError if it cannot."""
        about = self._session.about
        if self._recorder is None and self._session.status == RUNNING:
            place = self._project.place("recorded")
            recorder = Recorder(place, about["aus"], about["sided"], about["experimental"], video=video)
            self._recorder, self._since_s = recorder, self._session.time_s
            self._session.record(recorder)
        await self._say(recording=self._recording())

    async def stop_recording(self) -> None:
        recorder, self._recorder = self._recorder, None
        if recorder is not None:
            self._session.record(None)
            self._quiet_since_s = time.monotonic()
            await asyncio.to_thread(recorder.close)
        await self._say(recording=None)

    async def end(self) -> None:
        """Stops the session, and waits until its source is free."""
        self.ending = True
        self._news.set()
        await self.done.wait()

    async def _run(self) -> None:
        why = ""
        try:
            while not (self._session.ended or self.ending):
                if self.sleeps and not self._recorder:
                    why = f"the page did not answer for {PATIENCE_S:.0f} s, so the source was freed; start again"
                    break
                await self._tell()
                await self._show()
                await _wait(self._news, _LOOK_S)
        except Exception as exc:  # the edge of the task: the page is told
            log.exception("%s: the live view broke", self._name)
            why = f"the live view broke ({one_line(exc)}); start again"
        finally:
            self.ending = True
            self._session.stop()
            try:
                await asyncio.to_thread(self._session.join)
                if self._recorder is not None:
                    await self.stop_recording()
                await self._tell(why)
            finally:
                self.done.set()

    async def _tell(self, why: str = "") -> None:
        """The status, if it is another one."""
        status = self._session.status
        if self.page is None or self._told == status:
            return
        self._told = status
        error = why or self._session.error
        await self.page.say(status=status, **self._session.about, **({"error": error} if error else {}))

    async def _show(self) -> None:
        """The newest picture, if the page has seen the one before."""
        if self.page is None or self.page.gone or self._unacknowledged:
            return
        shown = self._session.take()
        if shown is None:
            return
        self._n += 1
        self._unacknowledged, self._quiet_since_s = self._n, time.monotonic()
        notes = tuple(self._recorder.failures) if self._recorder is not None else ()
        page, data = self.page, await asyncio.to_thread(message, self._n, shown, notes)
        await page.show(data)

    def _recording(self) -> dict[str, Any] | None:
        if self._recorder is None:
            return None
        return {"since_s": round(self._since_s, 6), "files": self._recorder.files}

    async def _say(self, **about: Any) -> None:
        if self.page is not None:
            await self.page.say(**about)


def _call(loop: asyncio.AbstractEventLoop, work: Callable[[], None]) -> None:
    with suppress(RuntimeError):  # the studio closed meanwhile
        loop.call_soon_threadsafe(work)


async def _wait(news: asyncio.Event, most_s: float) -> None:
    try:
        await asyncio.wait_for(news.wait(), most_s)
    except TimeoutError:
        return
    news.clear()
