"""Guard: who may use the server. It stands before the app.

A token comes as `Authorization: Bearer TOKEN`. A browser cannot set that for a WebSocket: it offers the subprotocols
`ks.v1` and `ks.token.TOKEN`. It is never in an address or a cookie, so no page of another site can bring it.
"""

import hmac
import json
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from knowledge_spreader.errors import DataError

PROTOCOL = "ks.v1"
OPEN_TO_ALL = ("/", "/healthz", "/openapi.json")  # nothing in them is secret
_PAGE = "/page/"
_TOKEN = "ks.token."
_LETTERS = re.compile(r"[A-Za-z0-9._~-]{16,256}")  # those of a subprotocol

HEADERS = {  # where an answer has none of its own
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


def check_token(token: str) -> str:
    """The token. Raises DataError if it cannot be one; never shows it."""
    if not _LETTERS.fullmatch(token):
        raise DataError(
            f"a token has 16 to 256 letters, digits or . _ ~ -; got one of {len(token)} characters; "
            "make one with: openssl rand -hex 24"
        )
    return token


class Guard:
    """Refuses what comes without the token: 401, and one line of JSON."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token = app, token.encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket") or self._is_open(scope) or self._has_token(scope):
            await self._app(scope, receive, _with_headers(scope, send))
            return
        await refuse(
            scope,
            send,
            401,
            "this server wants its token: send the header Authorization: Bearer TOKEN, or from a browser's WebSocket "
            f"the subprotocols {PROTOCOL} and {_TOKEN}TOKEN",
            {"www-authenticate": "Bearer"},
        )

    def _is_open(self, scope: Scope) -> bool:
        path = scope["path"]
        return scope["type"] == "http" and (path in OPEN_TO_ALL or path.startswith(_PAGE))

    def _has_token(self, scope: Scope) -> bool:
        given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
        tokens = [value[7:].strip() for value in given if value[:7].lower() == b"bearer "]
        if scope["type"] == "websocket":
            offered = (protocol for protocol in scope.get("subprotocols", ()) if protocol.startswith(_TOKEN))
            tokens += [protocol.removeprefix(_TOKEN).encode("utf-8", "replace") for protocol in offered]
        return any(hmac.compare_digest(token, self._token) for token in tokens)


async def refuse(scope: Scope, send: Send, status: int, why: str, headers: dict[str, str] | None = None) -> None:
    """An answer of one line, {"error": why}; of a WebSocket, before it is opened."""
    start = "http.response" if scope["type"] == "http" else "websocket.http.response"
    if scope["type"] == "websocket" and start not in scope.get("extensions", {}):
        await send({"type": "websocket.close", "code": 1008 if status == 401 else 1013, "reason": why[:120]})
        return
    body = json.dumps({"error": why}).encode() + b"\n"
    more = {"content-type": "application/json", "content-length": str(len(body))} | HEADERS | (headers or {})
    await send({"type": f"{start}.start", "status": status, "headers": _pairs(more)})
    await send({"type": f"{start}.body", "body": body})


def _pairs(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


def _with_headers(scope: Scope, send: Send) -> Send:
    if scope["type"] != "http":
        return send

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            has = {name.lower() for name, _ in message.get("headers", ())}
            more = [pair for pair in _pairs(HEADERS) if pair[0] not in has]
            message = {**message, "headers": [*message.get("headers", ()), *more]}
        await send(message)

    return sent
