"""Answers that wait for a slow loop: few, the newest, and with all events."""

import json
import threading
from collections.abc import Iterator
from contextlib import closing, suppress

import pytest
from websockets.sync.server import ServerConnection, serve

from knowledge_spreader.realtime.client.connection import Connection, EndedError
from knowledge_spreader.realtime.client.inbox import Inbox

COUNT = 200
WAIT_S = 20.0
SAID = threading.Event()


def talk(socket: ServerConnection) -> None:
    """COUNT answers with an event each, as fast as they can be read; then the end."""
    socket.recv()
    socket.send(json.dumps({"type": "ready"}))
    for i in range(COUNT):
        socket.send(json.dumps({"frame": i + 1, "events": [i]}))
    socket.close(1000)
    SAID.set()


@pytest.fixture
def address() -> Iterator[str]:
    with serve(talk, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("most", [1, 3, COUNT])
def test_the_newest_wait_and_no_event_is_lost(address: str, most: int) -> None:
    SAID.clear()
    found = []
    with closing(Connection(address, "token")) as connection:
        connection.begin({"format": "jpeg"})
        with Inbox(connection, most) as inbox:
            assert SAID.wait(WAIT_S)  # all was sent while nobody asked
            with suppress(EndedError):
                while True:
                    answer = inbox.next(WAIT_S)
                    assert answer is not None
                    found.append(answer)
    assert found[-1]["frame"] == COUNT
    assert [event for answer in found for event in answer["events"]] == list(range(COUNT))
    assert len(found) <= COUNT
    frames = [answer["frame"] for answer in found]
    assert frames == sorted(set(frames))
    if most == COUNT:
        assert len(found) == COUNT


def test_nothing_new_is_none_after_the_time_that_was_given(address: str) -> None:
    SAID.clear()
    with closing(Connection(address, "token")) as connection, Inbox(connection, 1) as inbox:
        assert inbox.next(0.05) is None  # the server waits for the first word
