"""serve(): the studio on an address of this machine, until it is stopped."""

import ipaddress
import secrets
import socket
import threading
import webbrowser
from collections.abc import Callable

import uvicorn

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.realtime.studio.app import make_app
from knowledge_spreader.realtime.studio.guard import Guard
from knowledge_spreader.realtime.studio.state import Studio
from knowledge_spreader.realtime.studio.uploads import Uploads

LOOPBACK = "127.0.0.1"
_NAMES = ("127.0.0.1", "localhost", "::1")
_MESSAGE_BYTES = 4096  # of a WebSocket's message to us
_CLOSE_S = 3


def serve(studio: Studio, host: str, port: int, ready: Callable[[str], None], *, browser: bool = True) -> None:
    """Blocks. ready: called with the address, token included, when it can be opened. port 0: any free one.

    Raises DataError if the address cannot be used.
    """
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    own = host if host not in ("0.0.0.0", "::") else socket.gethostname()
    address = f"http://{f'[{own}]' if ':' in own else own}:{port}/"
    open_hosts = not is_loopback(host)
    uploads = Uploads(studio)
    app = Guard(make_app(studio, uploads), token, port, (*_NAMES, own), open_hosts=open_hosts)
    studio.project.tell(address)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="websockets-sansio",
        ws_max_size=_MESSAGE_BYTES,
        ws_per_message_deflate=False,  # pictures are compressed already
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_S,
    )
    server = _Server(config, uploads)
    threading.Thread(target=_tell, args=(server, f"{address}?token={token}", ready, browser), daemon=True).start()
    server.run(sockets=[listening])


class _Server(uvicorn.Server):
    """Ends uploads before it waits for connections: a sender may be slow, or silent."""

    def __init__(self, config: uvicorn.Config, uploads: Uploads) -> None:
        super().__init__(config)
        self._uploads = uploads

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        await self._uploads.close(lambda: self.force_exit)
        await super().shutdown(sockets)


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listening = socket.socket(family, kind, protocol)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(place)
        listening.listen()
    except (OSError, OverflowError) as exc:
        raise DataError(f"--host {host} --port {port} cannot be used ({one_line(exc)}); try --port 0") from exc
    return listening


def _tell(server: uvicorn.Server, address: str, ready: Callable[[str], None], browser: bool) -> None:
    while not server.started and not server.should_exit:
        threading.Event().wait(0.02)
    if server.started:
        ready(address)
        if browser:
            webbrowser.open(address)
