"""The client against a real ks-serve process: answers in order, ends, reconnections, errors in one line."""

import math
import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from http.server import HTTPServer
from itertools import count, islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from websockets.sync.client import connect as connect_to
from websockets.sync.server import ServerConnection, serve

from knowledge_spreader.arrays import U8
from knowledge_spreader.benchmarks.serve.levels import settled
from knowledge_spreader.benchmarks.serve.process import ServeProcess
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.client import at_their_times, connect, connection
from knowledge_spreader.realtime.client import stream as stream_module
from knowledge_spreader.realtime.client.connection import socket_address
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.watch import watch
from tests.realtime.client.no_server import NoServer
from tests.realtime.clips import piece
from tests.realtime.sources.rtsp_process import RtspServer

COUNT = 25  # frames, of one second
WAIT_S = 30.0

pytestmark = [pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[ServeProcess]:
    with ServeProcess(["--max-streams", "2"]) as made:
        yield made


@pytest.fixture(scope="module")
def shown() -> list[U8]:
    return [picture for _, picture in read_pictures(demo_clip(), np.arange(COUNT))]


def frames(shown: list[U8]) -> Iterator[tuple[float, U8]]:
    return at_their_times((i / 25, picture) for i, picture in enumerate(shown))


def endless(shown: list[U8], step_s: float = 0.04) -> Iterator[tuple[float, U8]]:
    """As a camera gives them, until nobody draws any more."""
    return at_their_times((i * step_s, shown[i % len(shown)]) for i in count())


@pytest.mark.parametrize("format", ["jpeg", "h264"])
def test_each_answer_names_its_frame_and_the_last_frame_is_answered(
    server: ServeProcess, shown: list[U8], format: str
) -> None:
    with connect(server.address, server.token, name="desk") as stream:
        answers = list(stream.watch(frames(shown), format=format))
    assert len(answers) > COUNT / 2
    assert [answer["pts_s"] for answer in answers] == [(answer["frame"] - 1) / 25 for answer in answers]
    assert answers[-1]["frame"] == COUNT
    assert {(answer["stream"], answer["epoch"], len(answer["faces"])) for answer in answers} == {("desk", 0, 1)}
    assert all(0 <= face["aus"]["AU12"]["p"] <= 1 for answer in answers for face in answer["faces"])
    assert stream.about["aus"][0] == "AU1"
    assert stream.reconnects == 0


def test_the_probabilities_are_those_of_a_run_on_the_same_pictures(
    server: ServeProcess, shown: list[U8], tmp_path: Path
) -> None:
    """Slowly, so that few frames are dropped; the pictures differ by their coding, the probabilities by little."""
    clip = piece(demo_clip(), tmp_path / "short.mp4", range(COUNT))
    with watch(clip) as run:
        wanted = [result.faces[0].probability for result in run]
    slow = at_their_times((i / 10, picture) for i, (_, picture) in enumerate(read_pictures(clip, np.arange(COUNT))))
    with connect(server.address, server.token) as stream:
        answers = list(stream.watch(slow, quality=100))
    came = {answer["frame"] - 1: [au["p"] for au in answer["faces"][0]["aus"].values()] for answer in answers}
    assert len(came) > COUNT / 2
    apart = [np.abs(np.array(row) - wanted[i]) for i, row in came.items()]
    assert np.median(apart) < 0.01  # a frame that was dropped on a busy machine changes the next few


def test_a_place_is_free_again_when_no_more_answers_are_wanted(server: ServeProcess, shown: list[U8]) -> None:
    with connect(server.address, server.token) as stream, closing(stream.watch(endless(shown))) as answers:
        assert [answer["epoch"] for answer in islice(answers, 3)] == [0, 0, 0]
    assert settled(server)
    assert not [one for one in threading.enumerate() if one.name == "send frames"]


def test_the_server_reads_a_camera_by_its_address(server: ServeProcess) -> None:
    launch = f"( filesrc location={demo_clip()} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"
    with (
        RtspServer(launch, "watcher", "s3cret") as camera,
        connect(server.address, server.token) as stream,
        closing(stream.watch_rtsp(camera.url("watcher:s3cret@"))) as answers,
    ):
        seen = list(islice(answers, 5))
    assert [len(answer["faces"]) for answer in seen] == [1] * 5
    assert seen[0]["stream"] == camera.url()
    assert "s3cret" not in str(seen)


def test_who_waits_long_before_the_first_frame_gets_a_new_connection(
    server: ServeProcess, shown: list[U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_FRESH_S", 0.0)
    with connect(server.address, server.token) as stream:
        assert list(stream.watch(frames(shown[:5])))[-1]["frame"] == 5


def test_a_loop_that_is_slower_than_the_stream_gets_young_answers(server: ServeProcess, shown: list[U8]) -> None:
    """Of 25 frames a second a loop that takes 0.4 s sees every tenth or so."""
    with (
        connect(server.address, server.token) as stream,
        closing(stream.watch(endless(shown), waiting=1)) as answers,
    ):
        seen = []
        for answer in islice(answers, 4):
            seen.append(answer["frame"])
            time.sleep(0.4)
    assert all(later - earlier >= 5 for earlier, later in pairwise(seen)), seen
    with connect(server.address, server.token) as stream, pytest.raises(DataError, match="waiting must be 1 or more"):
        stream.watch([], waiting=0)


def test_no_frames_are_no_answers(server: ServeProcess) -> None:
    with connect(server.address, server.token) as stream:
        assert list(stream.watch([])) == []


def test_one_connection_serves_one_watch_after_another(server: ServeProcess, shown: list[U8]) -> None:
    with connect(server.address, server.token) as stream:
        first = list(stream.watch(frames(shown[:5])))
        second = list(stream.watch(frames(shown[:5])))
    assert first[-1]["frame"] == second[-1]["frame"] == 5
    assert settled(server)


def test_what_is_wrong_with_the_frames_is_raised_where_answers_are_read(server: ServeProcess, shown: list[U8]) -> None:
    def broken() -> Iterator[tuple[float, U8]]:
        yield 0.0, shown[0]
        raise OSError("the camera was pulled out")

    with connect(server.address, server.token) as stream:
        with pytest.raises(OSError, match="pulled out"):
            list(stream.watch(broken()))
        with pytest.raises(DataError, match=r"times must increase from frame to frame; got 1 s after 1 s"):
            list(stream.watch([(1.0, shown[0]), (1.0, shown[1])]))
        with pytest.raises(DataError, match="format must be one of"):
            stream.watch([], format="png")


def test_what_the_server_does_not_take_is_one_line_of_its_own(server: ServeProcess) -> None:
    no_pictures = at_their_times((i / 200, b"no picture") for i in count())
    with (
        connect(server.address, server.token) as stream,
        pytest.raises(DataError, match=r"/v1/stream: .*cannot be used"),
    ):
        list(stream.watch(no_pictures))
    with (
        connect(server.address, server.token) as stream,
        pytest.raises(DataError, match="rtsp://"),
    ):
        list(stream.watch_rtsp("file:///etc/passwd"))


def test_wrong_tokens_full_servers_and_wrong_addresses_are_told_in_one_line(server: ServeProcess) -> None:
    def told(address: str, token: str = server.token) -> str:
        with pytest.raises(KSError) as caught, connect(address, token):
            pass
        assert "\n" not in str(caught.value)
        return str(caught.value)

    assert "does not take this token" in told(server.address, "0123456789abcdef")
    assert "the token cannot be sent" in told(server.address, "two\nlines")
    assert "is it the address of a ks-serve?" in told(f"{server.address}/elsewhere")
    assert "nobody answers (Connection refused)" in told("http://127.0.0.1:9")
    assert "nobody answers" in told(server.address.replace("http", "https"))
    assert "no address of a server" in told("rtsp://127.0.0.1")
    with connect(server.address, server.token), connect(server.address, server.token):
        assert "2 streams" in told(server.address) or "full" in told(server.address)


def test_after_a_kill_of_the_server_the_same_loop_goes_on_in_a_new_epoch(shown: list[U8]) -> None:
    """SIGKILL in the middle; another server on the same port a second later."""
    with ServeProcess([]) as first:
        port, token, address = int(first.address.rpartition(":")[2]), first.token, first.address
        with connect(address, token) as stream, closing(stream.watch(endless(shown))) as answers:
            before = list(islice(answers, 5))
            first.kill()
            restarted: list[ServeProcess] = []
            starter = threading.Thread(target=lambda: restarted.append(ServeProcess([], port, token)))
            starter.start()
            try:
                after = next(answer for answer in answers if answer["epoch"] > 0)
            finally:
                starter.join()
                for server in restarted:
                    server.close()
    assert {answer["epoch"] for answer in before} == {0}
    assert after["epoch"] == 1
    assert after["frame"] > before[-1]["frame"]
    assert after["pts_s"] == pytest.approx((after["frame"] - 1) * 0.04)
    assert after["notes"][-1].startswith("reconnected after ")
    assert stream.reconnects >= 1


def test_a_proxy_that_says_500_until_the_server_is_there_is_waited_for(shown: list[U8]) -> None:
    """As Ray's does for some seconds, while it has no copy yet."""

    def restart() -> None:
        with HTTPServer(("127.0.0.1", port), NoServer) as proxy:
            proxy.timeout = WAIT_S
            proxy.handle_request()
            proxy.handle_request()  # each answers one attempt to connect
        restarted.append(ServeProcess([], port, token))

    restarted: list[ServeProcess] = []
    with ServeProcess([]) as first:
        port, token, address = int(first.address.rpartition(":")[2]), first.token, first.address
        with connect(address, token) as stream, closing(stream.watch(endless(shown))) as answers:
            next(answers)
            first.kill()
            starter = threading.Thread(target=restart)
            starter.start()
            try:
                after = next(answer for answer in answers if answer["epoch"] > 0)
            finally:
                starter.join()
                for server in restarted:
                    server.close()
    assert after["epoch"] == 1


def test_a_server_that_stays_away_is_an_error_after_the_time_that_was_given(shown: list[U8]) -> None:
    with ServeProcess([]) as server, connect(server.address, server.token, patience_s=0.5) as stream:
        answers = stream.watch(endless(shown))
        next(answers)
        server.kill()
        with pytest.raises(DataError, match=r"no answer for 0.5 s: .*nobody answers"):
            list(answers)


def test_a_server_that_freezes_is_left_and_found_again(shown: list[U8], monkeypatch: pytest.MonkeyPatch) -> None:
    """A stopped process takes bytes until its buffers are full, and says nothing."""
    monkeypatch.setattr(connection, "_PING_S", 0.5)
    monkeypatch.setattr(connection, "_STUCK_S", 1.0)
    monkeypatch.setattr(connection, "_OPEN_S", 1.0)
    monkeypatch.setattr(connection, "_READY_S", 1.0)
    with (
        ServeProcess([]) as server,
        connect(server.address, server.token) as stream,
        closing(stream.watch(endless(shown, 0.002))) as answers,
    ):
        next(answers)
        assert server.pid is not None
        os.kill(server.pid, signal.SIGSTOP)
        threading.Timer(3.0, os.kill, (server.pid, signal.SIGCONT)).start()
        after = next(answer for answer in answers if answer["epoch"] > 0)
    assert after["notes"][-1].startswith("reconnected after ")


def test_a_proxy_that_lives_while_the_server_behind_it_is_gone_is_left(
    server: ServeProcess, shown: list[U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Ray's does when the machine of a copy is cut off: it answers pings, takes frames, and says nothing."""
    monkeypatch.setattr(stream_module, "_SILENT_S", 1.0)
    headers = {"Authorization": f"Bearer {server.token}"}
    connections = count()

    def between(client: ServerConnection) -> None:
        mute_after = 4 if next(connections) == 0 else math.inf
        with connect_to(socket_address(server.address), additional_headers=headers) as behind:

            def back() -> None:
                for number, message in enumerate(behind):
                    if number < mute_after:
                        client.send(message)

            answers = threading.Thread(target=back)
            answers.start()
            for message in client:
                behind.send(message)
            behind.close()
            answers.join()

    with serve(between, "127.0.0.1", 0) as proxy:
        threading.Thread(target=proxy.serve_forever).start()
        address = f"http://127.0.0.1:{proxy.socket.getsockname()[1]}"
        with connect(address, server.token) as stream, closing(stream.watch(endless(shown))) as answers:
            seen = list(islice(answers, 6))
        proxy.shutdown()
    assert [answer["epoch"] for answer in seen] == [0, 0, 0, 1, 1, 1]  # the first message says what the server is
    assert seen[3]["notes"][-1].endswith("the server answered no frame for 1 s")


def test_frames_that_come_seldom_are_no_silence(
    server: ServeProcess, shown: list[U8], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stream_module, "_SILENT_S", 0.5)
    with connect(server.address, server.token) as stream, closing(stream.watch(endless(shown, 1.2))) as answers:
        seen = []
        for answer in islice(answers, 3):
            seen.append(answer["epoch"])
            time.sleep(0.7)
    assert seen == [0, 0, 0]
