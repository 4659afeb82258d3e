"""openapi(): the description of ks-serve's addresses and messages, as OpenAPI 3.1.

OpenAPI has no words for the messages of a WebSocket. They are schemas here like the others, and the description of
/v1/stream says which is sent when.
"""

from importlib.metadata import version
from typing import Any

from knowledge_spreader.realtime.serve.schemas import SCHEMAS, ref

Json = dict[str, Any]

_STREAM = """\
A WebSocket. The token comes as `Authorization: Bearer TOKEN`, or from a browser as the subprotocols
`["ks.v1", "ks.token.TOKEN"]`, of which the server takes `ks.v1`.

1. The client sends a text message, `Hello`; the server answers `Ready`.
2. The client sends a binary message per frame: its time in seconds as a little-endian float64 of 8 bytes, which must
   increase, then one JPEG, or one H.264 access unit (Annex B). With the format `rtsp` the server reads the address that
   `Hello` names, and the client sends nothing.
3. The server sends a text message, `Answer`, per frame that it analysed. The newest frame wins: a busy server leaves
   out frames. `pts_s` is the time that was sent; `frame` counts the binary messages of the connection, from 1.
   A client that reads too slowly misses answers, too; the events of those come with the next one.
4. What goes wrong is a text message, `Error`, and a close: 1003 the data cannot be used, 1008 token or protocol,
   1009 too big, 1011 a fault of the server, 1012 it restarts, 1013 full, or the client reads too slowly.
"""


def openapi() -> Json:
    """The document; JSON as it is."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "ks-serve: facial action units of many live streams",
            "version": version("knowledge-spreader"),
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "security": [{"token": []}],
        "paths": {
            "/v1/stream": {"get": _stream()},
            "/v1/images": {"post": _images()},
            "/healthz": {"get": _healthz()},
            "/metrics": {"get": _metrics()},
            "/openapi.json": {"get": _open("This document", "application/json", {"type": "object"})},
            "/": {"get": _open("An example page: a webcam in the browser, its AUs beside it", "text/html")},
        },
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": SCHEMAS,
        },
    }


def _stream() -> Json:
    return {
        "operationId": "stream",
        "summary": "A live stream: frames in, an answer for each that was analysed",
        "description": _STREAM,
        "parameters": [
            _header("Upgrade", "websocket", required=True),
            _header("Sec-WebSocket-Protocol", "ks.v1, ks.token.TOKEN", required=False),
        ],
        "responses": {
            "101": {"description": "The WebSocket is open; its messages are Hello, Ready, Answer and Error"},
            "401": _error("No token, or a wrong one"),
            "503": _full(),
        },
        "x-websocket": {
            "client": [ref("Hello"), {"type": "string", "format": "binary"}],
            "server": [ref("Ready"), ref("Answer"), ref("Error")],
        },
    }


def _images() -> Json:
    return {
        "operationId": "image",
        "summary": "The answer for one photograph",
        "parameters": [
            {"name": "name", "in": "query", "schema": {"type": "string"}, "description": "returned as `picture`"},
        ],
        "requestBody": {"required": True, "content": {"image/jpeg": {}, "image/png": {}}},
        "responses": {
            "200": _content("The faces of the photograph", "application/json", ref("Answer")),
            "400": _error("It cannot be read as a picture"),
            "401": _error("No token, or a wrong one"),
            "408": _error("It did not come within half a minute"),
            "413": _error("Too many bytes or pixels"),
            "415": _error("Neither JPEG nor PNG"),
            "503": _full(),
        },
    }


def _healthz() -> Json:
    return {
        "operationId": "health",
        "summary": "Whether the server answers frames; for load balancers",
        "security": [],
        "responses": {"200": {"description": "It does"}, "503": {"description": "It does not; restart it"}},
    }


def _metrics() -> Json:
    return {
        "operationId": "metrics",
        "summary": "Streams, frames in, answered and dropped by cause, latency, batch sizes, memory",
        "responses": {
            "200": _content("In the text form of Prometheus", "text/plain", {"type": "string"}),
            "401": _error("No token, or a wrong one"),
        },
    }


def _open(summary: str, kind: str, schema: Json | None = None) -> Json:
    """Something that is shown without a token."""
    found = _content(summary, kind, schema or {"type": "string"})
    return {"summary": summary, "security": [], "responses": {"200": found}}


def _content(what: str, kind: str, schema: Json) -> Json:
    return {"description": what, "content": {kind: {"schema": schema}}}


def _error(what: str) -> Json:
    return _content(what, "application/json", ref("Refusal"))


def _full() -> Json:
    after = {"description": "Seconds until another attempt", "schema": {"type": "integer"}}
    return {**_error("All places are taken"), "headers": {"Retry-After": after}}


def _header(name: str, example: str, *, required: bool) -> Json:
    return {"name": name, "in": "header", "required": required, "schema": {"type": "string"}, "example": example}
