"""serve(): the app on an address of this machine, until a signal stops it."""

import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

import uvicorn
from starlette.types import ASGIApp

from knowledge_spreader.errors import DataError, ModelError, one_line
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.app import make_app, open_engine
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.protocols import Http, WebSockets

_CLOSE_S = 3
_TIME_BYTES = 8  # before a frame
_UNSENT_BYTES = 16_384
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


def serve(options: Options, limits: Limits, token: str, host: str, port: int, ready: Callable[[str], None]) -> None:
    """Blocks. ready: called with the address when it answers. port 0: any free one.

    Raises KSError if the model or the address cannot be used, before anything is answered; and if the engine stops.
    """
    broken = threading.Event()
    with listen(host, port) as listening, open_engine(options, limits) as opened:
        port = listening.getsockname()[1]
        own = host if host not in ("0.0.0.0", "::") else socket.gethostname()
        address = f"http://{f'[{own}]' if ':' in own else own}:{port}"
        server = uvicorn.Server(config_of(make_app(options, limits, token, opened, broke=lambda: end()), limits))

        def end() -> None:
            broken.set()
            server.should_exit = True

        threading.Thread(target=_tell, args=(server, address, ready), daemon=True).start()
        with _quiet_signals():
            server.run(sockets=[listening])
    if broken.is_set():
        raise ModelError("the engine has stopped, for the reason above; start the server again")


def config_of(app: ASGIApp, limits: Limits) -> uvicorn.Config:
    """How uvicorn runs the app."""
    return uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        lifespan="on",
        loop="asyncio",  # whether or not uvloop is installed
        http=Http,  # whether or not httptools is installed
        ws=WebSockets,
        ws_max_size=limits.message_bytes + _TIME_BYTES,
        ws_per_message_deflate=False,  # pictures are compressed already, and a bomb cannot hide
        server_header=False,
        timeout_graceful_shutdown=_CLOSE_S,
    )


def is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@contextmanager
def _quiet_signals() -> Iterator[None]:
    """uvicorn closes all streams at a signal, and then sends it again: to handlers that do nothing."""
    before = {number: signal.signal(number, _nothing) for number in _SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _nothing(number: int, frame: object) -> None:
    """The server is closed already."""


def listen(host: str, port: int) -> socket.socket:
    """Raises DataError if the address cannot be used."""
    with ExitStack() as stack:
        try:
            family, kind, protocol, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
            listening = stack.enter_context(socket.socket(family, kind, protocol))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if hasattr(socket, "TCP_NOTSENT_LOWAT"):  # what was not sent waits here, where newer answers replace it
                listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT_BYTES)
            listening.bind(place)
            listening.listen()
        except (OSError, OverflowError) as exc:
            raise DataError(f"--host {host} --port {port} cannot be used ({one_line(exc)}); try --port 0") from exc
        stack.pop_all()
    return listening


def _tell(server: uvicorn.Server, address: str, ready: Callable[[str], None]) -> None:
    while not server.started and not server.should_exit:
        threading.Event().wait(0.02)
    if server.started:
        ready(address)
