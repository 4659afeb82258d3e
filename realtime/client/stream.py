"""AuStream: frames go to a server, answers come back; when the server goes, it is looked for again."""

import math
import time
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.client.connection import Answer, Connection, EndedError, LostError, socket_address
from knowledge_spreader.realtime.client.inbox import Inbox
from knowledge_spreader.realtime.client.pictures import TimedPicture, encoder
from knowledge_spreader.realtime.client.retry import Retry
from knowledge_spreader.realtime.client.sender import Sender

_LOOK_S = 0.1  # so often it is seen whether the frames have come to an end
_FRESH_S = 5.0  # a server waits some seconds for the first word
_SILENT_S = 20.0  # so long may frames stay without an answer: behind a proxy that lives, the server may be gone
_SAME_S = 2e-6  # times that differ by less are of the same frame


def connect(address: str, token: str, *, name: str = "", patience_s: float = 60.0) -> "AuStream":
    """A stream to the server at `address`, like "http://127.0.0.1:8765" or "https://lab.example/aus".

    name: of the stream, in its answers. patience_s: so long a server that has gone is looked for before the error is
    raised; 0: not at all. Entering it raises DataError in one line: nobody answers, a wrong token, the server is full.
    """
    if not patience_s >= 0:
        raise DataError(f"patience_s must be 0 or more; got {patience_s:g}")
    return AuStream(socket_address(address), token, name, patience_s)


class AuStream:
    """A context manager. One watch() at a time; each has a connection of its own."""

    def __init__(self, address: str, token: str, name: str, patience_s: float) -> None:
        self.about: Answer = {}  # what the server says of itself: aus, thresholds, weights, engine, version
        self.reconnects = 0
        self._address, self._token, self._name, self._patience_s = address, token, name, patience_s
        self._fresh: Connection | None = None  # opened and not used yet

    def __enter__(self) -> "AuStream":
        try:
            self._fresh = Connection(self._address, self._token)
        except LostError as exc:
            raise DataError(f"{self._address}: {exc}") from exc
        return self

    def __exit__(self, *exc: object) -> None:
        if self._fresh is not None:
            self._fresh.close()
            self._fresh = None

    def watch(
        self,
        frames: Iterable[TimedPicture],
        *,
        format: str = "jpeg",
        quality: int = 90,
        waiting: int = 30,
        linger_s: float = 2.0,
    ) -> Iterator[Answer]:
        """An answer per frame that the server analysed: the newest wins, so a busy server skips frames.

        frames: pairs of seconds, which increase, and a picture: uint8 (height, width, 3) RGB, or a JPEG or an H.264
        access unit as bytes. They are drawn in a thread of their own. "frame" of an answer is the place of its frame,
        from 1. Each reconnect begins a new "epoch": faces are numbered anew, and a note of its first answer says so.
        waiting: so many answers wait for your loop; if it is slower, the oldest are dropped, and their events come with
        the next. linger_s: after the last frame, so long is waited for a further answer. Raises DataError; see
        connect().
        """
        if waiting < 1:
            raise DataError(f"waiting must be 1 or more; got {waiting}")
        sender = Sender(frames, encoder(format, quality))  # says at once what is wrong
        return self._watch({"format": format, "name": self._name}, sender, waiting, linger_s)

    def watch_rtsp(self, address: str, *, waiting: int = 30) -> Iterator[Answer]:
        """The server itself reads the stream at this address, rtsp:// or rtsps://; nothing is sent from here."""
        return self._answers({"format": "rtsp", "name": self._name, "address": address}, None, waiting, 0.0)

    def _watch(self, hello: Answer, sender: Sender, waiting: int, linger_s: float) -> Iterator[Answer]:
        with sender, closing(self._answers(hello, sender, waiting, linger_s)) as answers:
            yield from answers

    def _answers(
        self, hello: Answer, sender: Sender | None, waiting: int, linger_s: float
    ) -> Generator[Answer, None, None]:
        epoch, last = 0, -1  # of this connection's first answer, of the last answer
        retry = Retry(self._address, self._patience_s)
        while True:
            try:
                with closing(self._connection()) as connection:
                    connection.begin(hello)
                    self.about = connection.about
                    with Inbox(connection, waiting) as inbox:
                        if sender is not None:
                            sender.use(connection)
                        silent_s = _SILENT_S if hello["format"] == "jpeg" else math.inf  # H.264 waits for a key frame
                        for answer in _until_end(inbox, sender, linger_s, silent_s):
                            answer["epoch"] += epoch
                            answer["frame"] += connection.before or 0
                            if note := retry.back():
                                answer["notes"].append(note)
                            last = answer["epoch"]
                            yield answer
                    return
            except LostError as exc:
                if sender is not None:
                    sender.use(None)
                if isinstance(exc, EndedError) if sender is None else sender.done:
                    return  # no more frames
                retry.wait(exc)
                epoch, self.reconnects = last + 1, self.reconnects + 1

    def _connection(self) -> Connection:
        fresh, self._fresh = self._fresh, None
        if fresh is not None and time.perf_counter() - fresh.opened_s < _FRESH_S:
            return fresh
        if fresh is not None:
            fresh.close()
        return Connection(self._address, self._token)


def _until_end(inbox: Inbox, sender: Sender | None, linger_s: float, silent_s: float) -> Iterator[Answer]:
    """Until the last frame is answered, or the server says no more. Raises LostError if it answers no frame."""
    answered_s = heard_s = -math.inf
    before_s = -math.inf if sender is None else sender.sent_s  # sent to a server that has gone
    waiting_s = math.inf  # since when a frame has been without an answer
    while True:
        answer = inbox.next(_LOOK_S)
        now_s = time.perf_counter()
        if answer is not None:
            answered_s, heard_s, waiting_s = answer["pts_s"], now_s, math.inf
            yield answer
        if sender is None:
            continue
        if sender.error is not None:
            raise sender.error
        if answer is None and sender.sent_s > max(answered_s, before_s) + _SAME_S:
            waiting_s = min(waiting_s, now_s)
            if now_s - waiting_s > silent_s:
                raise LostError(f"the server answered no frame for {silent_s:g} s")
        if not sender.done:
            heard_s = now_s
        elif answered_s >= sender.sent_s - _SAME_S or now_s - heard_s > linger_s:
            return
