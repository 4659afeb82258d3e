"""make_app(): the addresses of the server, as an ASGI app. uvicorn runs it (run.py), or Ray Serve.

WS   /v1/stream     one live stream                 socket.py
POST /v1/images     one photograph                  images.py
GET  /healthz       whether it works                open to all
GET  /metrics       counts, for Prometheus          metrics.py
"""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import ExitStack, asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.connection import RESTARTS, EndedError
from knowledge_spreader.realtime.serve.guard import Guard, check_token
from knowledge_spreader.realtime.serve.hub import Hub
from knowledge_spreader.realtime.serve.images import Photographs
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.metrics import CONTENT_TYPE
from knowledge_spreader.realtime.serve.page.routes import page_routes
from knowledge_spreader.realtime.serve.socket import stream_socket


def open_engine(options: Options, limits: Limits) -> Opened:
    """What make_app() takes. Raises KSError if the model cannot be used."""
    return Opened(options, streams=limits.most_streams, photographs=True)


def make_app(
    options: Options,
    limits: Limits,
    token: str,
    opened: Opened | None = None,
    broke: Callable[[], None] = lambda: None,
    leaves: threading.Event | None = None,
) -> ASGIApp:
    """opened: with the same options, for this app alone; it stays open. None: its lifespan opens and closes its own.

    broke: called, in another thread, when the engine has stopped and all streams were told. leaves: when it is set,
    streams end with 1012; uvicorn sees to that by itself. Raises DataError if the token cannot be one.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        with ExitStack() as stack:
            engine = opened or stack.enter_context(open_engine(options, limits))
            app.state.hub = stack.enter_context(Hub(engine, limits, broke))
            app.state.photographs = Photographs(app.state.hub)
            if leaves is not None:
                threading.Thread(target=_end_streams, args=(leaves, app.state.hub), daemon=True).start()
            yield

    routes = [
        WebSocketRoute("/v1/stream", stream_socket),
        Route("/v1/images", _images, methods=["POST"]),
        Route("/healthz", _health),
        Route("/metrics", _metrics),
        *page_routes(),
    ]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={HTTPException: _error})
    return Guard(app, check_token(token))


def _end_streams(leaves: threading.Event, hub: Hub) -> None:
    leaves.wait()
    hub.end_streams(EndedError(RESTARTS, "the server stops; connect again"))


async def _error(request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException), exc
    return JSONResponse({"error": f"{request.method} {request.url.path}: {exc.detail}"}, exc.status_code, exc.headers)


async def _images(request: Request) -> Response:
    photographs: Photographs = request.app.state.photographs
    return await photographs.answer(request)


async def _health(request: Request) -> Response:
    if request.app.state.hub.works:
        return JSONResponse({"status": "ok"})
    return JSONResponse({"error": "the engine has stopped; its log says why; start the server again"}, 503)


async def _metrics(request: Request) -> Response:
    return Response(request.app.state.hub.metrics.text(), media_type=CONTENT_TYPE)
