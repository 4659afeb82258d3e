"""page_routes(): the addresses that need no token: the example page, its files, the description of the messages."""

import json
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from knowledge_spreader.realtime.serve.openapi import openapi
from knowledge_spreader.spec import AU_NAMES

_HERE = Path(__file__).resolve().parent
_KINDS = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}  # some systems' lists know .js otherwise

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "permissions-policy": "camera=(self), microphone=(), geolocation=()",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-cache",  # a new version of the package shows at once
}


def page_routes() -> list[BaseRoute]:
    """Relative addresses: they work behind a reverse proxy that serves them under a path of its own."""
    return [
        Route("/", _page),
        Route("/page/au_names.js", _au_names),
        Route("/page/{name}", _file),
        Route("/openapi.json", _openapi),
    ]


async def _page(request: Request) -> Response:
    return _sent("index.html")


async def _file(request: Request) -> Response:
    return _sent(request.path_params["name"])


async def _au_names(request: Request) -> Response:
    """What the AUs are called, as a module of the page."""
    return Response(f"export const AU_NAMES = {json.dumps(AU_NAMES)};\n", headers=HEADERS, media_type=_KINDS[".js"])


async def _openapi(request: Request) -> Response:
    return JSONResponse(openapi(), headers=HEADERS)


def _sent(name: str) -> Response:
    """Only a file that lies here and belongs to the page."""
    known = {path.name: path for path in _HERE.iterdir() if path.suffix in _KINDS}
    if name not in known:
        raise HTTPException(404)
    return FileResponse(known[name], media_type=_KINDS[known[name].suffix], headers=HEADERS)
