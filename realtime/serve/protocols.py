"""Http and WebSockets: uvicorn's two protocols, for clients that may be slow, broken or hostile."""

from asyncio import TimerHandle, Transport
from asyncio.transports import BaseTransport
from typing import Any

from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

_REQUEST_S = 20.0  # for the head of a request
_ABORT_S, _LAST_S = 5.0, 1.0
_NOT_UTF8 = 1007  # close code, RFC 6455


class Http(H11Protocol):
    """A connection on which no request is answered for so long is cut off, whatever drips in on it.

    Else anyone could open as many as there may be, without a token.
    """

    _patience: TimerHandle | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        assert isinstance(transport, Transport), transport
        super().connection_made(transport)
        self._wait()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._patience is not None:
            self._patience.cancel()

    def _wait(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
        self._patience = self.loop.call_later(_REQUEST_S, self._cut)

    def _cut(self) -> None:
        answers = self.cycle is not None and not self.cycle.response_complete
        if not answers and self.transport.get_protocol() is self:  # else it is a WebSocket by now
            self.transport.abort()


class WebSockets(WebSocketsSansIOProtocol):
    """Who reads nothing is cut off, where uvicorn would wait forever to send the rest.

    No answers are kept for it: at most one waits (connection.py). What a client does wrong is not logged as if it were
    an error of the server.
    """

    def connection_made(self, transport: BaseTransport) -> None:
        super().connection_made(transport)
        self.transport.set_write_buffer_limits(high=0)

    async def send(self, message: Any) -> None:
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and self.close_sent:
            self.handshake_complete = True

    def send_receive_event_to_app(self) -> None:
        """Text that is not UTF-8 closes with 1007, as uvicorn does, and is no error of ours that would be logged."""
        if self.curr_msg_data_type == "text" and not self.close_sent:
            try:
                b"".join(self.frames).decode()
            except UnicodeDecodeError:
                self.frames = []
                self.conn.send_close(_NOT_UTF8, "text must be UTF-8")
                self.handle_parser_exception()
                return
        super().send_receive_event_to_app()

    async def run_asgi(self) -> None:
        try:
            await super().run_asgi()
        finally:
            self.loop.call_later(_ABORT_S, self.transport.abort)

    def shutdown(self) -> None:
        super().shutdown()
        self.loop.call_later(_LAST_S, self.transport.abort)

    def keepalive_timeout(self) -> None:
        super().keepalive_timeout()
        self.loop.call_later(_ABORT_S, self.transport.abort)  # and the app hears that it is gone
