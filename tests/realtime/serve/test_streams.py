"""Streams of pictures: what a client sends is answered as ks-live would, and no stream sees another."""

import json
import struct
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.serve.intake.picture import decode
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.sinks.jsonl_sink import as_dict
from knowledge_spreader.realtime.sinks.table.columns import Extras
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.types import Frame, Stream
from tests.realtime.serve.server import eventually, grey, metric, pictures, served, stream

CLOCK = ("latency_ms", "captured_unix_s")


@pytest.fixture(scope="module")
def port(opened: Opened) -> Iterator[int]:
    with served(opened, Limits(streams=2)) as found:
        yield found


def alone(opened: Opened, files: list[tuple[float, bytes]]) -> list[dict[str, Any]]:
    """The lines of --jsonl for the same pictures, one after another, without a server."""
    lines, analyser, of = [], opened.analyser(Stages()), Stream("door", 99, live=True)
    for i, (time_s, data) in enumerate(files):
        pts, unit = time_s.as_integer_ratio()
        frame = Frame(decode(data, 10**7), of, i, pts, Fraction(1, unit), 0.0)
        (result,) = analyser.answer(analyser.look([frame]))
        lines.append(timeless(as_dict(result, 0.0, Extras(sided=opened.voices.sided))))
    analyser.forget(99)
    return lines


def timeless(line: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in line.items() if key not in CLOCK}


def test_a_stream_of_pictures_is_answered_to_the_digit_as_without_a_server(port: int, opened: Opened) -> None:
    files = pictures(12)
    wanted = alone(opened, files)
    with stream(port, format="jpeg", name="door") as client:
        ready = client.next()
        assert (ready["type"], ready["weights"]) == ("ready", opened.model.weights_id)
        found = [timeless(client.answer(*file)) for file in files]
    assert found == wanted
    assert wanted[-1]["faces"][0]["window_frames"] > 1  # it has a past


def test_a_new_stream_in_a_slot_sees_nothing_of_the_one_before(port: int, opened: Opened) -> None:
    """Two slots, five streams one after another: each begins as the first did."""
    files = pictures(4)
    wanted = alone(opened, files)
    for _ in range(5):
        with stream(port, format="jpeg", name="door") as client:
            client.next()
            assert [timeless(client.answer(*file)) for file in files] == wanted


def test_who_takes_the_slot_of_one_that_left_in_the_middle_begins_anew(opened: Opened) -> None:
    """One slot. The stream before leaves while its frames are found, waited with and answered."""
    files = pictures(3)
    wanted = alone(opened, files)
    with served(opened, Limits(streams=1)) as port:
        for hurry in (0, 1, 2, 5):
            with stream(port, format="jpeg", name="before") as client:
                client.next()
                for i in range(hurry):
                    client.send(float(i), files[-1][1])
            with stream(port, format="jpeg", name="door") as client:
                client.next()
                assert [timeless(client.answer(*file)) for file in files] == wanted


def test_streams_side_by_side_each_get_their_own_answers(port: int, opened: Opened) -> None:
    files, blank = pictures(6), grey()
    wanted = alone(opened, files)
    with stream(port, format="jpeg", name="door") as door, stream(port, format="jpeg", name="hall") as hall:
        door.next(), hall.next()
        for file, line in zip(files, wanted, strict=True):
            door.send(*file)
            hall.send(file[0], blank)
            assert timeless(door.next()) == line
            answer = hall.next()
            assert (answer["stream"], answer["pts_s"], answer["faces"]) == ("hall", file[0], [])


def test_more_streams_than_there_are_slots_get_503_and_what_to_do(port: int) -> None:
    with stream(port, format="jpeg") as one, stream(port, format="jpeg") as two:
        one.next(), two.next()
        with pytest.raises(InvalidStatus) as refused, stream(port, format="jpeg"):
            pass
    answer = refused.value.response
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert json.loads(answer.body) == {"error": "all 2 streams are in use; try again later"}


def test_of_a_flood_the_newest_picture_is_answered_and_the_others_are_counted(port: int) -> None:
    before = metric(port, "ks_serve_frames_dropped_total", cause="busy")
    _, data = pictures(1)[0]
    with stream(port, format="jpeg") as client:
        client.next()
        for i in range(200):
            client.send(i / 100, data)
        answers = [client.next()]
        while answers[-1]["frame"] < 200:
            answers.append(client.next())
        frames = [answer["frame"] for answer in answers]
        assert frames == sorted(set(frames))
        assert [answer["pts_s"] for answer in answers] == [(frame - 1) / 100 for frame in frames]
        assert metric(port, "ks_serve_frames_dropped_total", cause="busy") - before == 200 - len(frames)


def test_a_picture_whose_time_does_not_increase_is_dropped_and_counted(port: int) -> None:
    before = metric(port, "ks_serve_frames_dropped_total", cause="repeated")
    with stream(port, format="jpeg") as client:
        client.next()
        assert client.answer(5.0, grey())["frame"] == 1
        client.send(5.0, grey())
        client.send(4.0, grey())
        assert client.answer(5.5, grey())["frame"] == 4
        assert metric(port, "ks_serve_frames_dropped_total", cause="repeated") - before == 2


@pytest.mark.parametrize(
    ("messages", "code", "line"),
    [
        (["hello"], 1008, "the first message is not JSON"),
        ([b"\0"], 1008, "the first message must be text"),
        (["{}"], 1008, '"format" must be one of jpeg, h264, rtsp'),
        (['{"format": "gif"}'], 1008, "got 'gif'"),
        (['{"format": "jpeg", "address": "rtsp://a/"}'], 1008, '"address" goes with the format rtsp'),
        (['{"format": "rtsp", "address": "file:///etc/passwd"}'], 1003, "must begin with rtsp://"),
        (['{"format": "rtsp", "address": "rtsp://me:hush@127.0.0.1:1/x"}'], 1003, "rtsp://127.0.0.1:1/x: nothing"),
        (['{"format": "jpeg"}', "text"], 1003, "all are binary"),
        (['{"format": "jpeg"}', b"1234567"], 1003, "8 bytes of time; got 7"),
        (['{"format": "jpeg"}', struct.pack("<d", float("nan")) + b"x"], 1003, "got nan"),
        (['{"format": "jpeg"}', struct.pack("<d", 1e300) + b"x"], 1003, "got 1e+300"),
    ],
)
def test_what_a_client_does_wrong_is_one_line_and_a_close(
    port: int, messages: list[str | bytes], code: int, line: str
) -> None:
    with stream(port) as client:
        for message in messages:
            client.socket.send(message)
        said = client.next()
        if said["type"] == "ready":
            said = client.next()
        assert said["type"] == "error"
        assert line in said["error"]
        assert "hush" not in said["error"]
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
    assert closed.value.rcvd
    assert closed.value.rcvd.code == code


def test_many_messages_in_a_row_that_are_no_pictures_end_the_stream(opened: Opened) -> None:
    with served(opened, Limits(streams=1, bad_in_a_row=5)) as port, stream(port, format="jpeg") as client:
        client.next()
        for i in range(4):
            client.send(float(i), b"garbage")
            eventually(lambda i=i: metric(port, "ks_serve_frames_dropped_total", cause="undecodable") == i + 1)
        assert client.answer(10.0, grey())["frame"] == 5  # a good one, and they are counted anew
        for i in range(5):
            client.send(20.0 + i, grey()[:200])
            eventually(lambda i=i: metric(port, "ks_serve_frames_dropped_total", cause="undecodable") == i + 5)
        said = client.next()
        assert said["error"].startswith("5 pictures in a row cannot be used; the last one: the picture: ")
    # 4 pieces of garbage, 5 pictures cut off


def test_a_picture_with_more_pixels_than_are_taken_is_never_decoded(opened: Opened) -> None:
    """Its header says 100 x 100 pixels; 9,999 are taken."""
    limits = Limits(streams=1, bad_in_a_row=1, picture_px=9_999)
    with served(opened, limits) as port, stream(port, format="jpeg") as client:
        client.next()
        client.send(0.0, grey(100, 100))
        assert "100 x 100 pixels; at most 9,999" in client.next()["error"]


def test_a_message_that_is_too_large_closes_with_1009(opened: Opened) -> None:
    with served(opened, Limits(streams=1, message_bytes=1000)) as port, stream(port, format="jpeg") as client:
        client.next()
        client.send(0.0, bytes(1001))
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1009


def test_a_stream_that_the_server_ends_ends_however_busy_it_is(port: int) -> None:
    """Each time an answer is being sent at that moment, or just was."""
    for _ in range(40):
        with stream(port, format="jpeg") as client:
            client.next()
            for i in range(10):
                client.send(i / 100, grey())
            client.socket.send("text")
            answers = [client.next()]
            while "error" not in answers[-1]:
                answers.append(client.next())
            with pytest.raises(ConnectionClosed):
                client.next()


def test_a_fault_of_ours_closes_its_own_stream_with_1011_and_is_in_the_log(
    port: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with stream(port, format="jpeg") as other:
        other.next()
        monkeypatch.setattr("knowledge_spreader.realtime.serve.socket.open_intake", lambda *_: 1 / 0)
        with stream(port, format="jpeg") as client:
            assert client.next() == {
                "type": "error",
                "error": "the server failed at this; its log says why; connect again",
            }
            with pytest.raises(ConnectionClosed) as closed:
                client.next()
        assert closed.value.rcvd
        assert closed.value.rcvd.code == 1011
        assert other.answer(0.0, grey())["frame"] == 1
    assert "ZeroDivisionError" in caplog.text


def test_a_copy_that_leaves_ends_its_streams_with_1012_and_takes_no_more(opened: Opened) -> None:
    leaves = threading.Event()
    with served(opened, Limits(), leaves) as port, stream(port, format="jpeg") as client:
        assert client.next()["type"] == "ready"
        leaves.set()
        assert client.next() == {"type": "error", "error": "the server stops; connect again"}
        with pytest.raises(ConnectionClosed) as closed:
            client.next()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        with pytest.raises(InvalidStatus, match="503"), stream(port):
            pass
