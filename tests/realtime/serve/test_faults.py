"""What clients do wrong to a real ks-serve: each ends as the contract says, and nobody else is harmed.

The long forms of these are `ks-bench serve --faults`.
"""

from collections.abc import Iterator

import pytest

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.serve.faults import FAULTS, fault_row
from knowledge_spreader.benchmarks.serve.process import ServeProcess
from tests.realtime.serve.server import pictures

pytestmark = [pytest.mark.slow]

MOST_STREAMS = 3
LEAK_MB = 40  # memory that the system's allocator keeps after a peak is no leak; a leak of 200 streams would be more


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    """Its answers are large, so that a client that does not read is noticed soon."""
    with ServeProcess(["--max-streams", str(MOST_STREAMS), "--landmarks", "478", "--blendshapes"]) as made:
        yield made
        said = made.said()
    assert made.process.returncode == 0
    assert "Traceback" not in said, said


def happened(server: ServeProcess, name: str, count: int) -> Row:
    """And what holds after each fault."""
    row = fault_row(FAULTS[name], server, pictures(1)[0][1], count)
    before, after = row["before"], row["after"]
    assert row["all_places_free"]
    assert row["answer_ms_after"] < 5000
    if before["files"] is not None:
        assert after["files"] <= before["files"], (before, after)
        assert after["threads"] <= before["threads"] + 1, (before, after)  # one that waits for further work may stay
        assert after["rss_mb"] < before["rss_mb"] + LEAK_MB, (before, after)
    return row


def test_two_hundred_that_come_and_go_leave_nothing_behind(server: ServeProcess) -> None:
    happened(server, "connects", 200)


def test_a_flood_harms_neither_memory_nor_the_others(server: ServeProcess) -> None:
    row = happened(server, "flood", 500)
    assert row["pictures"] >= 500
    assert row["others_answer_ms"] < 5000


def test_answers_that_nobody_reads_are_dropped(server: ServeProcess) -> None:
    row = happened(server, "stall", 90)
    assert row["dropped"]["slow reader"] > 10


def test_what_is_not_the_protocol_ends_with_its_code_and_one_line(server: ServeProcess) -> None:
    row = happened(server, "garbage", 0)
    codes = {name: told["code"] for name, told in row.items() if isinstance(told, dict) and "code" in told}
    assert codes == {
        "hello is no JSON": 1008,
        "hello is a list": 1008,
        "hello is deep": 1008,
        "hello names no format": 1008,
        "hello is binary": 1008,
        "hello is no UTF-8": 1007,  # RFC 6455, 7.4.1
        "rtsp names a file": 1003,
        "rtsp without address": 1008,
        "message without a time": 1003,
        "time is nan": 1003,
        "text amid pictures": 1003,
        "no pictures": 1003,
        "a picture cut short": 1003,
        "times go back": 1003,
    }
    said = [row[name]["said"] for name in codes if name != "hello is no UTF-8"]
    assert all(line and "\n" not in line for line in said), said


def test_a_message_of_100_mb_is_refused_before_it_is_held(server: ServeProcess) -> None:
    row = happened(server, "big", 0)
    assert row["code"] == 1009


def test_connections_that_stop_in_the_middle_of_a_word_hold_up_nobody(server: ServeProcess) -> None:
    row = happened(server, "half_open", 300)
    assert row["connections"] == 30
    assert row["others_answer_ms"] < 5000


def test_one_stream_too_many_is_told_and_a_place_that_is_left_is_free_again(server: ServeProcess) -> None:
    row = happened(server, "full", 0)
    assert (row["streams"], row["refused"], row["free_again"]) == (MOST_STREAMS, "refused: HTTP 503", True)


def test_no_other_token_opens_a_stream(server: ServeProcess) -> None:
    before = server.counters()
    row = happened(server, "wrong_token", 0)
    assert row["refused: HTTP 401"] == 4
    assert "taken" not in row
    came = server.counters() - before
    assert came.by("ks_serve_streams_total", "format") == {"jpeg": 6.0}  # those of happened() itself
