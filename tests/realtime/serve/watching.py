"""Watching: a client of ks-serve in a thread."""

import threading
import time
from collections.abc import Iterator

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.client import connect


class Watching(threading.Thread):
    """A client with one picture, ten times a second, until `stop`."""

    def __init__(self, address: str, token: str, picture: U8, stop: threading.Event) -> None:
        super().__init__(daemon=True)
        self._address, self._token, self._picture, self._stop_event = address, token, picture, stop
        self.epochs: list[int] = []  # of each answer with a face

    def run(self) -> None:
        try:
            with connect(self._address, self._token) as stream:
                for answer in stream.watch(self._frames()):
                    if answer["faces"]:
                        self.epochs.append(answer["epoch"])
        except KSError:  # it looks for the server for a minute, also after the end of the test
            if not self._stop_event.is_set():
                raise

    def _frames(self) -> Iterator[tuple[float, U8]]:
        while not self._stop_event.wait(0.1):
            yield time.monotonic(), self._picture
