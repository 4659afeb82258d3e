"""Guard: who may speak to the studio. It stands before the app and lets nothing by that is not from the user's page.

token     random, in the address that is opened; the first answer puts it into a cookie of this page alone
Host      must be an address of this server: a foreign name that leads here (DNS rebinding) is refused
Origin    of what changes something, and of WebSockets, must be the page's own
size      of a request is limited; files that are picked have a limit of their own, which is the disk
"""

import hmac
import ipaddress
import json
from collections.abc import Sequence
from urllib.parse import parse_qs, urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

MOST_BYTES = 1 << 20  # of a request
_UPLOADS = {"/api/recordings/upload": 1 << 40, "/api/import": 1 << 26}  # files that are picked
_READS = ("GET", "HEAD")

HEADERS = {
    "content-security-policy": (
        "default-src 'self'; img-src 'self' blob: data:; media-src 'self' blob:; style-src 'self'; script-src 'self'; "
        "connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """hosts: names under which the server may be called, without port. open_hosts: also any IP address."""

    def __init__(self, app: ASGIApp, token: str, port: int, hosts: Sequence[str], *, open_hosts: bool = False) -> None:
        self._app, self._token, self._port = app, token, port
        self._hosts, self._open_hosts = {host.casefold() for host in hosts}, open_hosts
        self._cookie = f"ks_studio_{port}"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        refused = self._refused(scope, headers)
        if refused is not None:
            await _refuse(scope, send, *refused)
        elif scope["type"] == "http" and scope["path"] == "/" and self._given(scope):
            await self._welcome(send)
        else:
            await self._app(scope, _limited(scope, headers, receive), _with_headers(scope, send))

    def _refused(self, scope: Scope, headers: dict[str, str]) -> tuple[int, str] | None:
        host = headers.get("host", "")
        if not self._is_ours(host):
            return 421, f"this server is not {host or 'without a name'!r:.80}; open the address that ks-studio printed"
        changes = scope["type"] == "websocket" or scope["method"] not in _READS
        origin = headers.get("origin")
        if changes and origin is not None and _host_of(origin) != host.casefold():
            return 403, "this came from another page, and the studio listens to its own alone"
        if changes and headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return 403, "this came from another page, and the studio listens to its own alone"
        if not (self._given(scope) or self._has_cookie(headers)):
            return 401, "open the address that ks-studio printed in the terminal, with its token"
        length = headers.get("content-length", "") or "0"
        if not (length.isascii() and length.isdecimal()) or len(length) > 15 or int(length) > _most(scope):
            return 413, f"more than {_most(scope) >> 20} MB in one message; send less"
        return None

    def _is_ours(self, host: str) -> bool:
        try:
            found = urlsplit(f"//{host}")
            name, port = found.hostname or "", found.port or 80
        except ValueError:
            return False
        if port != self._port:
            return False
        return name.casefold() in self._hosts or (self._open_hosts and _is_address(name))

    def _given(self, scope: Scope) -> bool:
        given = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("token", [""])[0]
        return scope["type"] == "http" and scope["path"] == "/" and self._same(given)

    def _has_cookie(self, headers: dict[str, str]) -> bool:
        pairs = (part.strip().partition("=") for part in headers.get("cookie", "").split(";"))  # others' may be odd
        return any(name == self._cookie and self._same(value) for name, _, value in pairs)

    def _same(self, given: str) -> bool:
        return hmac.compare_digest(given.encode("utf-8", "replace"), self._token.encode())

    async def _welcome(self, send: Send) -> None:
        """The token leaves the address line, and so the browser's history."""
        cookie = f"{self._cookie}={self._token}; Path=/; HttpOnly; SameSite=Strict"
        headers = [(b"location", b"/"), (b"set-cookie", cookie.encode()), (b"cache-control", b"no-store")]
        await send({"type": "http.response.start", "status": 303, "headers": headers + _pairs()})
        await send({"type": "http.response.body", "body": b""})


class TooLargeError(Exception):
    """A request went on after its limit."""


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc.casefold()
    except ValueError:
        return None


def _most(scope: Scope) -> int:
    return _UPLOADS.get(scope["path"], MOST_BYTES)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _pairs() -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in HEADERS.items()]


def _limited(scope: Scope, headers: dict[str, str], receive: Receive) -> Receive:
    """Counts what comes: a request may state no length, or a wrong one."""
    if scope["type"] != "http":
        return receive
    came = 0

    async def counted() -> Message:
        nonlocal came
        message = await receive()
        came += len(message.get("body", b""))
        if came > _most(scope):
            raise TooLargeError
        return message

    return counted


def _with_headers(scope: Scope, send: Send) -> Send:
    if scope["type"] != "http":
        return send

    async def sent(message: Message) -> None:
        if message["type"] == "http.response.start":
            names = {name.lower() for name, _ in message["headers"]}
            more = _pairs() if b"cache-control" in names else [*_pairs(), (b"cache-control", b"no-store")]
            message = {**message, "headers": [*message["headers"], *more]}
        await send(message)

    return sent


async def _refuse(scope: Scope, send: Send, status: int, why: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008, "reason": why[:120]})
        return
    body = json.dumps({"error": why}).encode()
    headers = [(b"content-type", b"application/json"), (b"cache-control", b"no-store"), *_pairs()]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
