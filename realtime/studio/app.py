"""The studio's addresses: HTTP and WebSocket in, JSON, pictures and the page out."""

import json
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, Response
from starlette.routing import BaseRoute, Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.realtime.studio.answers import Answers, Given, Json
from knowledge_spreader.realtime.studio.guard import TooLargeError
from knowledge_spreader.realtime.studio.live import live_socket
from knowledge_spreader.realtime.studio.state import Studio
from knowledge_spreader.realtime.studio.uploads import Uploads

PAGE = Path(__file__).resolve().parent / "page"
_REC = "/api/recordings/{rec_id}"

Handler = Callable[[Request], Awaitable[Response]]


def make_app(studio: Studio, uploads: Uploads | None = None) -> ASGIApp:
    """Without the guard (guard.py), which stands before it. uploads: for who has to end them."""
    says, takes = Answers(studio), uploads or Uploads(studio)

    async def live(websocket: WebSocket) -> None:
        await live_socket(websocket, studio)

    routes: list[BaseRoute] = [
        Route("/", _page),
        Mount("/page", _Files(directory=PAGE)),
        Route("/api/recordings/upload", _caught(takes.recording), methods=["POST"]),
        Route("/api/import", _caught(takes.labels), methods=["POST"]),
        WebSocketRoute("/api/live", live),
    ]
    gets = {
        "/api/state": says.state,
        "/api/labels": says.labels,
        "/api/queue": says.queue,
        "/api/agreement": says.agreement,
        "/api/exports/{name}": says.exported,
        f"{_REC}/timeline": says.timeline,
        f"{_REC}/still/{{index}}": says.still,
        f"{_REC}/video": says.video,
    }
    posts = {
        "/api/recordings": says.add,
        "/api/recordings/demo": says.add_demo,
        _REC: says.change,
        f"{_REC}/watch": says.watch,
        f"{_REC}/stop": says.stop_watching,
        f"{_REC}/results": says.results,
        "/api/labels": says.say,
        "/api/undo": says.undo,
        "/api/redo": says.redo,
        "/api/coded": says.coded,
        "/api/suggest": says.suggest,
        "/api/train": says.train,
        "/api/train/stop": says.stop_training,
        "/api/model": says.use_model,
        "/api/export": says.export,
    }
    routes += [Route(path, _answered(work), methods=["GET"]) for path, work in gets.items()]
    routes += [Route(path, _answered(work), methods=["POST"]) for path, work in posts.items()]
    routes.append(Route(_REC, _answered(says.remove), methods=["DELETE"]))
    return Starlette(routes=routes)


async def _page(request: Request) -> Response:
    return FileResponse(PAGE / "index.html", headers={"cache-control": "no-cache"})


class _Files(StaticFiles):
    """The page's own files; a new version of the package shows at once."""

    def lookup_path(self, path: str) -> tuple[str, os.stat_result | None]:
        return ("", None) if path.endswith(".py") else super().lookup_path(path)

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "no-cache"
        return response


def _answered(work: Callable[[Given], Any]) -> Handler:
    """A handler that answers with what `work` returns, from a thread."""

    async def handler(request: Request) -> Response:
        given = await _json(request) if request.method == "POST" else dict(request.query_params)
        found = await run_in_threadpool(work, {**given, **request.path_params})
        return found if isinstance(found, Response) else Json({} if found is None else found)

    return _caught(handler)


def _caught(handler: Handler) -> Handler:
    """What went wrong becomes one line for the page."""

    async def caught(request: Request) -> Response:
        try:
            return await handler(request)
        except KSError as exc:
            return Json({"error": str(exc)}, 400)
        except TooLargeError:
            return Json({"error": "too large; send less"}, 413)
        except ClientDisconnect:
            return Response(status_code=400)
        except OSError as exc:
            return Json({"error": f"{one_line(exc)}; check the disk and the project's folder"}, 507)

    return caught


async def _json(request: Request) -> dict[str, Any]:
    body = await request.body()
    try:
        found = json.loads(body or b"{}")
    except (ValueError, RecursionError) as exc:
        raise DataError(f"the message is not JSON ({one_line(exc)})") from exc
    if not isinstance(found, dict):
        raise DataError("the message must be a JSON object")
    return found
