"""Files that are picked in the page: recordings are copied into the project, labels are read."""

import asyncio
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.adapt.recordings import VIDEOS
from knowledge_spreader.realtime.studio.answers import Json, initials
from knowledge_spreader.realtime.studio.state import Studio
from knowledge_spreader.realtime.studio.store.project import PART

_LABELS = (".csv", ".tsv", ".txt", ".eaf", ".jsonl", ".ndjson")
_NAME_BYTES = 200
_LOOK_S = 0.02


class Uploads:
    """Raises KSError, one line for the page; then nothing of the file is kept."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio
        self._receiving: set[asyncio.Task[Any]] = set()
        self._under_way = 0
        self._closed = False

    async def close(self, hurry: Callable[[], bool]) -> None:
        """Ends what is still being received, so that nothing of it is kept, and lets what is here be taken in.

        hurry: whether to wait no longer.
        """
        self._closed = True
        for task in self._receiving:
            task.cancel()
        while self._under_way and not hurry():
            await asyncio.sleep(_LOOK_S)

    async def recording(self, request: Request) -> Response:
        with self._counted():
            return await self._recording(request)

    async def labels(self, request: Request) -> Response:
        with self._counted():
            return await self._labels(request)

    @contextmanager
    def _counted(self) -> Iterator[None]:
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    async def _recording(self, request: Request) -> Response:
        name = _file_name(request, VIDEOS)
        project = self._studio.project
        path = _reserved(await run_in_threadpool(project.place, "recordings") / name)
        unfinished = path.with_name(f".{path.name}{PART}")  # as much of this request alone as the name is
        added = []
        try:
            await self._receive(request, unfinished, name)
            unfinished.replace(path)
            added = await run_in_threadpool(project.add, path)
        finally:
            unfinished.unlink(missing_ok=True)
            if not added:
                path.unlink(missing_ok=True)  # the copy; what was picked stays where it is
        if not added:
            raise DataError(f"{name}: in the project already, maybe under another name")
        return Json({"added": [rec.id for rec in added]})

    async def _labels(self, request: Request) -> Response:
        name = _file_name(request, _LABELS)
        coder = initials(dict(request.query_params))
        with tempfile.TemporaryDirectory(prefix="ks-studio-") as folder:
            path = Path(folder) / name
            await self._receive(request, path, name)
            try:
                said, notes = await run_in_threadpool(self._studio.take_in, path, coder)
            except KSError as exc:
                raise DataError(str(exc).replace(str(path), name)) from exc
        return Json({"said": said, "notes": [note.replace(str(path), name) for note in notes]})

    async def _receive(self, request: Request, path: Path, name: str) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self._closed:
            raise _closed(name)
        self._receiving.add(task)
        try:
            await _write_body(request, path)
        except asyncio.CancelledError:
            if not self._closed:
                raise
            task.uncancel()
            raise _closed(name) from None
        finally:
            self._receiving.discard(task)


def _closed(name: str) -> DataError:
    return DataError(f"{name}: not taken in, because the studio was closed; send it again")


async def _write_body(request: Request, path: Path) -> None:
    """Writes the body to a file, which is not begun if the disk has no room for it."""
    wanted = int(request.headers.get("content-length", "0") or 0)
    free = shutil.disk_usage(path.parent).free
    if wanted > free:
        raise DataError(f"{path.name}: {wanted >> 20} MB, but the disk has {free >> 20} MB left; free some space")
    with path.open("wb") as file:
        async for block in request.stream():
            await run_in_threadpool(file.write, block)


def _file_name(request: Request, suffixes: tuple[str, ...]) -> str:
    """The name that was given, as a name alone."""
    given = request.query_params.get("name", "")
    name = os.path.basename(given.replace("\\", "/")).lstrip(".").strip()
    if not name or len(name.encode()) > _NAME_BYTES or "\0" in name or Path(name).suffix.lower() not in suffixes:
        raise DataError(f"{given!r:.80}: wanted a file that ends in one of {', '.join(suffixes)}")
    return name


def _reserved(path: Path) -> Path:
    """The path, or with -2, -3 before its suffix if that is taken; an empty file keeps it for this request."""
    n = 1
    while True:
        found = path if n == 1 else path.with_name(f"{path.stem}-{n}{path.suffix}")
        try:
            found.open("xb").close()
        except FileExistsError:
            n += 1
        else:
            return found
