"""Connection: one WebSocket to a server, from its opening to its end. What may come back is told from what may not."""

import json
import logging
import socket
import ssl
import struct
import threading
import time
from contextlib import ExitStack, suppress
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from websockets.exceptions import ConnectionClosed, InvalidStatus, InvalidURI, WebSocketException
from websockets.sync.client import connect

from knowledge_spreader.errors import DataError, one_line

Answer = dict[str, Any]

PATH = "/v1/stream"
_OPEN_S = 10.0
_READY_S = 30.0  # a camera that the server reads may take its time
_CLOSE_S = 2.0
_PING_S = 10.0  # so often, and so long waited: a server whose machine is gone says nothing
_STUCK_S = 20.0  # so long may the server take nothing of a message
_MOST_BYTES = 1 << 26  # of an answer; many faces with 478 landmarks each
_FINAL = (1003, 1007, 1008, 1009)  # codes of a close that would come again: what we send is wrong
_REFUSED = 401
_BUSY = 503

_log = logging.getLogger(f"{__name__}.websockets")  # its errors reach the caller as exceptions
_log.addHandler(logging.NullHandler())
_log.propagate = False


class LostError(Exception):
    """The server is not there, or full. It may be again. retry_s: what it asked to wait."""

    def __init__(self, why: str, retry_s: float = 0.0) -> None:
        super().__init__(why)
        self.retry_s = retry_s


class EndedError(LostError):
    """The server has ended the stream in order. If it reads the source itself, that has come to an end."""


class Connection:
    """Close it. `address` as socket_address() gives it. Raises LostError, or DataError for good.

    receive() is for one thread, send() for another, close() for any.
    """

    def __init__(self, address: str, token: str) -> None:
        if not token or not (token.isascii() and token.isprintable()) or " " in token:
            raise DataError("the token cannot be sent: letters, digits and signs without spaces; copy it from ks-serve")
        self.address, self.opened_s = address, time.perf_counter()
        self.about: Answer = {}  # what the server says of itself
        self.before: int | None = None  # frames that were drawn before the first that was sent here
        self._stack, self._error = ExitStack(), ""
        self._sending, self._since_s = threading.Lock(), 0.0  # 0: nothing is being sent
        try:
            self._socket = self._stack.enter_context(
                connect(
                    address,
                    additional_headers={"Authorization": f"Bearer {token}"},
                    compression=None,  # pictures are compressed already
                    proxy=None if _is_loopback(address) else True,
                    open_timeout=_OPEN_S,
                    close_timeout=_CLOSE_S,
                    ping_interval=_PING_S,
                    ping_timeout=_PING_S,
                    max_size=_MOST_BYTES,
                    logger=_log,
                )
            )
        except InvalidStatus as exc:
            raise _refused(address, exc) from exc
        except InvalidURI as exc:
            raise DataError(f"{address} is no address of a server; give one like http://127.0.0.1:8765") from exc
        except ssl.SSLCertVerificationError as exc:
            raise DataError(
                f"{address}: its certificate is not trusted here ({one_line(exc)}); if it is of an authority of your "
                "own, set SSL_CERT_FILE to the PEM file of that"
            ) from exc
        except (OSError, EOFError, WebSocketException) as exc:
            raise LostError(f"nobody answers ({one_line(exc)}); is ks-serve running there?") from exc

    def begin(self, hello: Answer) -> None:
        """The first message; the server says what it is."""
        self._send(json.dumps(hello))
        until_s = time.perf_counter() + _READY_S
        while self.about.get("type") != "ready":
            found = self.receive(max(until_s - time.perf_counter(), 0.0))
            if found is None:
                raise LostError(f"the server was not ready within {_READY_S:g} s")
            self.about = found

    def send(self, time_s: float, encoded: bytes) -> None:
        """Blocks while the server takes nothing."""
        self._send(struct.pack("<d", time_s) + encoded)

    def receive(self, timeout_s: float) -> Answer | None:
        """The next message; None if none came so long. Raises EndedError too."""
        until_s = time.perf_counter() + timeout_s
        while True:
            try:
                message = self._socket.recv(timeout=max(until_s - time.perf_counter(), 0.0))
                found = json.loads(message)
            except TimeoutError:
                since_s = self._since_s
                if since_s and time.perf_counter() - since_s > _STUCK_S:
                    raise LostError(f"the server took nothing for {_STUCK_S:g} s") from None
                return None
            except ConnectionClosed as exc:
                raise self._closed(exc) from exc
            except (ValueError, RecursionError) as exc:
                raise DataError(f"{self.address} sends what is no JSON; is it a ks-serve?") from exc
            if not isinstance(found, dict):
                raise DataError(f"{self.address} sends what is no answer; is it a ks-serve?")
            if found.get("type") != "error":
                return found
            self._error = str(found.get("error", ""))  # it closes now and says by its code whether that is final

    def close(self) -> None:
        """May be called twice."""
        if self._sending.acquire(timeout=_CLOSE_S):
            self._sending.release()
        else:  # a message is stuck, and would hold up the words of parting, too
            with suppress(OSError):
                self._socket.socket.shutdown(socket.SHUT_RDWR)
        self._stack.close()

    def _send(self, message: str | bytes) -> None:
        with self._sending:
            self._since_s = time.perf_counter()
            try:
                self._socket.send(message)
            except ConnectionClosed as exc:
                raise self._closed(exc) from exc
            except OSError as exc:
                raise LostError(one_line(exc)) from exc
            finally:
                self._since_s = 0.0

    def _closed(self, exc: ConnectionClosed) -> Exception:
        code, reason = (exc.rcvd.code, exc.rcvd.reason) if exc.rcvd else (0, "")
        why = " ".join((self._error or reason or "the connection broke").split())
        if code in _FINAL:
            return DataError(f"{self.address}: {why}")
        return EndedError(why) if code == 1000 else LostError(why)


def socket_address(address: str) -> str:
    """ "http://host:8765" -> "ws://host:8765/v1/stream"; what stands before PATH is kept. Raises DataError."""
    kinds = {"http": "ws", "https": "wss", "ws": "ws", "wss": "wss"}
    try:
        parts = urlsplit(address if "://" in address else f"http://{address}")
        known = parts.scheme in kinds and bool(parts.hostname) and (parts.port or 1) > 0
    except ValueError:
        known = False
    if not known or parts.username or parts.query or parts.fragment:
        raise DataError(f"{address!r:.100} is no address of a server; give one like http://127.0.0.1:8765")
    path = parts.path.rstrip("/")
    return urlunsplit((kinds[parts.scheme], parts.netloc, path if path.endswith(PATH) else path + PATH, "", ""))


def _refused(address: str, exc: InvalidStatus) -> Exception:
    """Only a wrong token is for good: a proxy before a server that starts or stops says 404, 500, 502 and more."""
    status = exc.response.status_code
    if status == _REFUSED:
        return DataError(f"{address} does not take this token; give the one that ks-serve printed at its start")
    said = _error_of(exc.response.body or b"")
    try:
        retry_s = float(exc.response.headers.get("Retry-After", "0"))
    except ValueError:
        retry_s = 0.0
    if status == _BUSY:
        return LostError(said or f"the server is full or not ready (HTTP {status})", retry_s)
    return LostError(f"{said or f'HTTP {status}'}; is it the address of a ks-serve?", retry_s)


def _error_of(body: bytes | bytearray) -> str:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    return " ".join(str(found.get("error", "")).split()) if isinstance(found, dict) else ""


def _is_loopback(address: str) -> bool:
    host = urlsplit(address).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
