"""Sender: a thread that draws frames and sends each on the connection that there is."""

import math
import threading
from collections.abc import Iterable

from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.client.connection import Connection, LostError
from knowledge_spreader.realtime.client.pictures import Encoder, Picture, TimedPicture, checked

_STOP_S = 2.0  # limit for a source that does not answer; its thread ends with the next frame


class Sender:
    """A context manager. Without a connection no frame is drawn; one that could not be sent is sent on the next."""

    def __init__(self, frames: Iterable[TimedPicture], encode: Encoder) -> None:
        self.drawn = 0  # frames
        self.sent_s = -math.inf  # time of the last one that was sent
        self.done = False  # all were sent
        self.error: BaseException | None = None  # of the frames, or of their encoding
        self._frames, self._encode = frames, encode
        self._connection: Connection | None = None
        self._changed, self._stopped = threading.Condition(), False
        self._thread = threading.Thread(target=self._run, name="send frames", daemon=True)

    def __enter__(self) -> "Sender":
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        with self._changed:
            self._stopped, self._connection = True, None
            self._changed.notify_all()
        self._thread.join(_STOP_S)

    def use(self, connection: Connection | None) -> None:
        with self._changed:
            self._connection = connection
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            last_s = -math.inf
            for frame in self._frames:
                time_s, picture = checked(frame, last_s)
                last_s = time_s
                self.drawn += 1
                if not self._delivered(time_s, picture):
                    return
            self.done = True
        except BaseException as exc:  # handed to who reads the answers
            self.error = exc

    def _delivered(self, time_s: float, picture: Picture) -> bool:
        """False if it is time to stop."""
        while (connection := self._wait()) is not None:
            encoded = self._encode(time_s, picture, first=connection.before is None)
            if not encoded:
                return True
            if connection.before is None:
                connection.before = self.drawn - 1
            try:
                connection.send(time_s, encoded)
            except (LostError, KSError):  # who reads the answers hears of it, too
                with self._changed:
                    if self._connection is connection:
                        self._connection = None
            else:
                self.sent_s = time_s
                return True
        return False

    def _wait(self) -> Connection | None:
        with self._changed:
            self._changed.wait_for(lambda: self._stopped or self._connection is not None)
            return self._connection
