"""Inbox: a thread that reads the answers of a connection, so that none grows old in the buffers between."""

import threading
from collections import deque

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.client.connection import Answer, Connection, LostError

_LOOK_S = 0.25
_STOP_S = 5.0


class Inbox:
    """A context manager that closes the connection, too. At most `most` answers wait; then the oldest is dropped.

    Events of dropped answers come with the next one.
    """

    def __init__(self, connection: Connection, most: int) -> None:
        self._connection, self._most = connection, most
        self._waiting: deque[Answer] = deque()
        self._error: LostError | KSError | None = None
        self._news, self._stopped = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name="read answers", daemon=True)

    def __enter__(self) -> "Inbox":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._stopped = True
        self._connection.close()
        self._thread.join(_STOP_S)

    def next(self, timeout_s: float) -> Answer | None:
        """The oldest that waits; None if none came so long. Raises what ended the connection, after the last answer."""
        with self._news:
            self._news.wait_for(lambda: self._waiting or self._error, timeout_s)
            if self._waiting:
                return self._waiting.popleft()
            if self._error is not None:
                raise self._error
            return None

    def _run(self) -> None:
        try:
            while not self._stopped:
                answer = self._connection.receive(_LOOK_S)
                if answer is not None:
                    self._put(answer)
        except (LostError, KSError) as exc:  # handed to who asks for the next one
            with self._news:
                self._error = exc
                self._news.notify_all()

    def _put(self, answer: Answer) -> None:
        with self._news:
            self._waiting.append(answer)
            if len(self._waiting) > self._most:
                events = self._waiting.popleft()["events"]
                self._waiting[0]["events"][:0] = events
            self._news.notify_all()
