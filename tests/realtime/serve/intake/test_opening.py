"""The first message of a connection, and cameras that the server opens for it."""

import threading
import time
from typing import Any

import pytest

from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.opened import Opened
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.serve.intake.opening import Hello, hello_of, open_intake
from knowledge_spreader.realtime.serve.limits import Limits
from knowledge_spreader.realtime.serve.slot import Slot
from tests.realtime.serve.server import served, stream
from tests.realtime.sources.rtsp_process import RtspServer

LAUNCH = "( filesrc location={clip} ! qtdemux ! h264parse ! rtph264pay name=pay0 pt=96 config-interval=1 )"


@pytest.mark.parametrize(
    "message",
    [None, [], "jpeg", 5, {}, {"name": "door"}, {"format": 1}, {"format": "jpeg", "name": None}, {"format": ["jpeg"]}],
)
def test_what_is_no_first_message_is_refused(message: Any) -> None:
    with pytest.raises(DataError):
        hello_of(message)


@pytest.mark.parametrize("name", ["x" * 201, "two\nlines", "\x1b[2J"])
def test_a_name_is_short_and_can_be_printed(name: str) -> None:
    with pytest.raises(DataError, match="printable"):
        Hello("jpeg", name)


def test_what_a_later_client_says_more_is_left_unread() -> None:
    assert hello_of({"format": "h264", "name": "Tür", "more": [1]}) == Hello("h264", "Tür")


@pytest.mark.parametrize(
    "address",
    [
        *(
            "/etc/passwd",
            "file:///etc/passwd",
            "http://169.254.169.254/",
            "udp://0.0.0.0:1",
            "concat:a|b",
            "@list",
            "-",
        ),
        *("env:HOME", " rtsp://a/", "rtsp://a/ b", "rtsp://a/\nrtsp://b/", "rtsp://" + "a" * 2048, "rtsp://"),
    ],
)
def test_only_an_rtsp_address_is_opened(address: str) -> None:
    slot = Slot(0, threading.Condition())
    with pytest.raises(DataError, match="rtsp://"):
        open_intake(Hello("rtsp", address=address), slot, Options(), Limits(), None)


def test_none_is_where_the_server_was_told_so() -> None:
    slot = Slot(0, threading.Condition())
    with pytest.raises(DataError, match="--no-rtsp"):
        open_intake(Hello("rtsp", address="rtsp://127.0.0.1:1/"), slot, Options(), Limits(rtsp=False), None)


def test_a_password_is_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    slot = Slot(0, threading.Condition())
    with pytest.raises(KSError) as refused:
        open_intake(Hello("rtsp", address="rtsp://me:hush@127.0.0.1:1/x"), slot, Options(), Limits(), None)
    assert "hush" not in str(refused.value)


@pytest.mark.slow
def test_a_camera_is_watched_until_its_client_goes_or_it_ends(opened: Opened) -> None:
    """The server plays the bundled clip, 4 s of a face, behind a password."""
    address = {"format": "rtsp", "name": "door"}
    with (
        RtspServer(LAUNCH.format(clip=demo_clip()), "me", "hush") as camera,
        served(opened, Limits(streams=1)) as port,
    ):
        for _ in range(2):
            with stream(port, **address, address=camera.url("me:hush@")) as client:
                said = [client.next() for _ in range(20)]
                assert said[0]["type"] == "ready"
                assert {answer["stream"] for answer in said[1:]} == {"door"}
                assert said[-1]["faces"][0]["success"]
                assert [answer["time_s"] for answer in said[1:]] == sorted({answer["time_s"] for answer in said[1:]})
                assert "hush" not in str(said)
        with stream(port, **address, address=camera.url("me:guess@")) as client:
            error = client.next()["error"]
            assert "guess" not in error
            assert "door" in error
    until_s = time.monotonic() + 10
    while [thread for thread in threading.enumerate() if thread.name.startswith("capture")]:
        assert time.monotonic() < until_s
        time.sleep(0.05)


@pytest.mark.slow
def test_without_a_name_an_answer_tells_the_address_without_its_password(opened: Opened) -> None:
    with (
        RtspServer(None, "me", "hush") as camera,
        served(opened, Limits(streams=1)) as port,
        stream(port, format="rtsp", address=camera.url("me:hush@")) as client,
    ):
        client.next()
        assert client.next()["stream"] == camera.url()
        client.send(0.0, b"a frame")
        said = client.next()
        while "error" not in said:
            said = client.next()
        assert said["error"] == "a stream of the format rtsp takes no messages"
