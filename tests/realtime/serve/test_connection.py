"""Connection: the newest answer waits, and no onset is lost when one takes its place."""

import asyncio
import json
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.serve.connection import Connection, EndedError
from knowledge_spreader.realtime.serve.metrics import Metrics
from knowledge_spreader.realtime.sinks.table.columns import NO_EXTRAS
from knowledge_spreader.realtime.types import Event, Frame, FrameResult, Stream

STREAM = Stream("door", 0, live=True)
IMAGE = np.zeros((2, 2, 3), np.uint8)


class Client:
    """A WebSocket whose client takes a message when `reads` is set."""

    def __init__(self) -> None:
        self.reads, self.heard = asyncio.Event(), list[dict[str, Any]]()
        self.closed: tuple[int, str] | None = None

    async def send_text(self, text: str) -> None:
        await self.reads.wait()
        self.heard.append(json.loads(text))

    async def close(self, code: int, reason: str) -> None:
        self.closed = code, reason


def result(index: int, *events: Event) -> FrameResult:
    return FrameResult(Frame(IMAGE, STREAM, index, index, Fraction(1, 25), 0.0), (12,), (), events)


def onset(time_s: float) -> Event:
    return Event(STREAM, 0, 12, time_s)


def dropped(metrics: Metrics) -> float | None:
    return metrics.kept.get_sample_value("ks_serve_frames_dropped_total", {"cause": "slow reader"})


def test_the_newest_answer_waits_with_the_onsets_of_those_whose_place_it_took() -> None:
    async def run() -> None:
        client, metrics = Client(), Metrics(())
        connection = Connection(client, NO_EXTRAS, metrics, slow_s=30)
        sending = asyncio.create_task(connection.send())
        connection.answered(result(0))  # is being sent, and not taken
        await asyncio.sleep(0.01)
        for i in range(1, 5):
            connection.answered(result(i, onset(i / 25)))
        await asyncio.sleep(0.01)
        assert dropped(metrics) == 3
        client.reads.set()
        while len(client.heard) < 2:
            await asyncio.sleep(0.01)
        assert [answer["frame"] for answer in client.heard] == [1, 5]
        assert [event["onset_s"] for event in client.heard[1]["events"]] == [1 / 25, 2 / 25, 3 / 25, 4 / 25]
        sending.cancel()

    asyncio.run(run())


def test_who_takes_nothing_for_too_long_is_told_why_it_ends() -> None:
    async def run() -> None:
        connection = Connection(Client(), NO_EXTRAS, Metrics(()), slow_s=0.05)
        connection.answered(result(0))
        with pytest.raises(EndedError, match=r"no answer was taken for 0\.05 s") as ended:
            await asyncio.wait_for(connection.send(), 10)
        assert ended.value.code == 1013

    asyncio.run(run())


@pytest.mark.parametrize(
    ("failure", "code", "line"),
    [
        (DataError("rtsp://me:hush@door/ is gone"), 1003, "rtsp://door/ is gone"),
        (ZeroDivisionError("secret"), 1011, "the server failed at this; its log says why; connect again"),
    ],
)
def test_a_failure_comes_after_the_answers_before_it_and_shows_no_secret(
    failure: Exception, code: int, line: str
) -> None:
    async def run() -> None:
        client = Client()
        client.reads.set()
        connection = Connection(client, NO_EXTRAS, Metrics(()), slow_s=30)
        connection.answered(result(0))
        connection.failed(failure)
        connection.failed(RuntimeError("a later one"))
        with pytest.raises(EndedError) as ended:
            await asyncio.wait_for(connection.send(), 10)
        assert (ended.value.code, ended.value.why) == (code, line)
        await connection.close(ended.value.code, ended.value.why + "x" * 200)
        assert [answer.get("frame", answer.get("type")) for answer in client.heard] == [1, "error"]
        assert client.closed
        assert client.closed[0] == code
        assert len(client.closed[1]) == 123  # bytes, RFC 6455

    asyncio.run(run())
