"""Page: one WebSocket; what it sends is checked, and what it is sent never blocks for long."""

import asyncio
import json
from typing import Any, NoReturn

from starlette.websockets import WebSocket, WebSocketDisconnect

from knowledge_spreader.errors import DataError

MOST_BYTES = 4096  # of a message from the page
_TOO_LARGE, _NOT_TEXT = 1009, 1003  # close codes of RFC 6455
_SEND_S = 3.0


class Page:
    """Sending to a page that is gone does nothing."""

    def __init__(self, websocket: WebSocket) -> None:
        self._websocket = websocket
        self.gone = False

    async def receive(self) -> dict[str, Any]:
        """The next message. Raises WebSocketDisconnect when the page is gone, DataError on one that is none."""
        came = await self._websocket.receive()
        if came["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(came.get("code", 1000))
        text = came.get("text")
        if text is None:
            await self.close(_NOT_TEXT, "wanted text")
        if len(text.encode()) > MOST_BYTES:
            await self.close(_TOO_LARGE, f"a message has at most {MOST_BYTES} bytes")
        try:
            found = json.loads(text)
        except (ValueError, RecursionError):
            found = None
        if not isinstance(found, dict):
            raise DataError("a message is a JSON object")
        return found

    async def close(self, code: int, why: str) -> NoReturn:
        """Raises WebSocketDisconnect."""
        self.gone = True
        await self._websocket.close(code, why)
        raise WebSocketDisconnect(code)

    async def say(self, **about: Any) -> None:
        await self._send(text=json.dumps(about, allow_nan=False))

    async def show(self, message: bytes) -> None:
        await self._send(data=message)

    async def _send(self, text: str = "", data: bytes = b"") -> None:
        if self.gone:
            return
        sending = self._websocket.send_text(text) if text else self._websocket.send_bytes(data)
        try:
            await asyncio.wait_for(sending, _SEND_S)
        except (TimeoutError, WebSocketDisconnect, RuntimeError, OSError):  # RuntimeError: it was closed meanwhile
            self.gone = True
