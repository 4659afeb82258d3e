"""The live view over a real WebSocket: the bundled clip and small recordings, played in real time."""

import json
import socket
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed

from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.live import showing
from knowledge_spreader.realtime.studio.live.message import WIDEST_PX
from knowledge_spreader.realtime.studio.store.project import Project
from tests.realtime.clips import slowed
from tests.realtime.studio.live.home import Home, page, served

FPS, BITS = 30, 8


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    with Project(tmp_path / "study", tmp_path / "cache") as project:
        yield Home(project)


@pytest.fixture
def address(home: Home) -> Iterator[str]:
    with served(home) as found:
        yield found


def add(home: Home, path: Path) -> str:
    return f"recording:{home.project.add(path)[0].id}"


def numbered(path: Path, frames: int, width: int = 320) -> Path:
    """A video of FPS whose frame i shows i as stripes, one for each bit."""
    with av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=FPS, options={"crf": "10", "tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = width, 240, "yuv420p"
        for i in range(frames):
            bits = [(i >> bit & 1) * 200 + 20 for bit in range(BITS)]
            picture = np.repeat(np.repeat(np.array(bits, np.uint8)[None], width // BITS, axis=1), 240, axis=0)
            frame = av.VideoFrame.from_ndarray(np.repeat(picture[..., None], 3, axis=2), "rgb24")
            frame.pts, frame.time_base = i, Fraction(1, FPS)
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
    return path


def number_in(jpeg: bytes) -> int:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_GRAYSCALE)
    middle = picture.reshape(picture.shape[0], BITS, -1).mean(axis=(0, 2)) > 128
    return sum(int(on) << bit for bit, on in enumerate(middle))


def test_the_picture_is_the_frame_that_its_results_are_of(home: Home, address: str, tmp_path: Path) -> None:
    """The number that the JPEG shows is that of the time beside it: frame i is shown at i / 30 s."""
    source = add(home, numbered(tmp_path / "numbers.mp4", 90))
    seen = []
    with page(address) as one:
        one.start(source)
        while not any(told.get("status") == "stopped" for told in one.told):
            header, jpeg = one.next()
            if jpeg:
                seen.append((number_in(jpeg), round(header["time_s"] * FPS)))
                one.say(ack=header["n"])
    assert len(seen) > 5
    assert [shown for shown, _ in seen] == [timed for _, timed in seen]
    assert one.told[0]["status"] == "opening"
    assert [told["status"] for told in one.told] == ["opening", "running", "stopped"]


def test_a_wide_picture_is_sent_small_and_boxes_stay_in_its_own_pixels(
    home: Home, address: str, tmp_path: Path
) -> None:
    source = add(home, numbered(tmp_path / "wide.mp4", 30, width=1280))
    with page(address) as one:
        one.start(source)
        header, jpeg = one.picture()
        assert (header["width"], header["height"]) == (1280, 240)
        shown = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
        assert shown.shape == (180, WIDEST_PX, 3)  # 240 * 960 / 1280
        one.say(stop=True)


def test_one_picture_at_a_time_and_the_newest_while_the_engine_goes_on(address: str) -> None:
    with page(address) as one:
        one.start()
        first, _ = one.picture(acknowledge=False)
        one.say(ack=first["n"] + 7)  # of no picture that was sent
        with pytest.raises(TimeoutError):
            one.next(timeout_s=2.0)
        one.say(ack=first["n"])
        second, _ = one.picture()
        assert second["n"] == first["n"] + 1
        assert second["time_s"] - first["time_s"] > 1.5  # the results between them were not kept for it
        (running,) = (told for told in one.told if told.get("status") == "running")
        aus = len(running["aus"])
        (face,) = second["faces"]
        assert len(running["thresholds"]) == aus
        assert all(len(face[name]) == aus for name in ("p", "on", "differ", "intensity"))
        assert len(face["pose"]) == 3
        assert set(face["sides"]) == {str(au) for au in running["sided"]}
        one.say(stop=True)
        assert one.until("status")["status"] == "stopped"


@pytest.mark.slow
def test_the_bundled_clip_ends_and_can_be_started_again(address: str) -> None:
    with page(address) as one:
        one.start()
        assert "error" not in one.until("status", "stopped")
        one.start()
        one.picture()
        one.say(stop=True)
        one.until("status", "stopped")


def test_a_second_page_is_told_so_and_may_start_when_the_first_has_stopped(address: str) -> None:
    with page(address) as one, page(address) as two:
        one.start()
        one.picture()
        two.start()
        told = two.until("status")
        assert told["status"] == "failed"
        assert told["error"].startswith("another page shows the live view")
        two.say(stop=True)  # is not its own to stop
        one.picture()
        one.say(stop=True)
        two.start()
        two.picture()
        two.say(stop=True)


def test_a_page_that_is_loaded_again_goes_on_with_the_same_session(address: str) -> None:
    with page(address) as one:
        one.start()
        before, _ = one.picture()
    with page(address) as again:
        again.start()
        after, _ = again.picture()
        assert after["time_s"] > before["time_s"]  # a new session would begin at 0
        assert after["n"] > before["n"]
        again.say(stop=True)


def test_a_password_never_comes_back(address: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with page(address) as one:
        one.start(f"rtsp://anna:s3cret@127.0.0.1:{port}/door?token=k3y")
        told = one.until("status", "failed")
        assert f"127.0.0.1:{port}" in told["error"]
    said = json.dumps(one.told)
    assert "s3cret" not in said
    assert "k3y" not in said


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("no JSON", "a message is a JSON object"),
        ("[1]", "a message is a JSON object"),
        ('{"begin": 1}', "a message is start, ack, record or stop"),
        ('{"record": {"video": false}}', "nothing runs that could be recorded"),
        ('{"start": {"source": 1}}', "a source is"),
        ('{"start": {"source": "/etc/passwd"}}', "an address begins with rtsp://"),
        ('{"start": {"source": "file:///etc/passwd"}}', "an address begins with rtsp://"),
        ('{"start": {"source": "env:HOME"}}', "an address begins with rtsp://"),
        ('{"start": {"source": "@/etc/passwd"}}', "an address begins with rtsp://"),
        ('{"start": {"source": "gopher://x/y"}}', "gopher:// is not supported"),
        (r'{"start": {"source": "http://\ud800/x"}}', "a source is"),
        (r'{"start": {"source": "rtsp://a/\n/x"}}', "a source is"),
        (r'{"start": {"source": "recording:\udcff"}}', "a source is"),
        ('{"start": {"source": "camera:x"}}', "a camera is a number"),
        ('{"start": {"source": "recording:abc"}}', "no recording 'abc' in this project"),
        ('{"start": {"source": "demo", "voices": "some"}}', "--voices must be one of"),
        ('{"start": {"source": "demo", "voices": 3}}', "voices must be all, crops or paper"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_the_page_may_ask_again(address: str, message: str, line: str) -> None:
    with page(address) as one:
        one.socket.send(message)
        told = one.until("error")
        assert line in told["error"]
        assert "\n" not in told["error"]
        one.say(stop=True)
        one.socket.send(message)
        assert one.until("error") == told


def test_a_message_that_is_too_large_or_no_text_closes_the_socket(address: str) -> None:
    for message, code in ((json.dumps({"start": {"source": "x" * 4096}}), 1009), (b"\0\1", 1003)):
        with page(address) as one:
            one.socket.send(message)
            with pytest.raises(ConnectionClosed) as closed:
                one.next()
            assert closed.value.rcvd is not None
            assert closed.value.rcvd.code == code


@pytest.mark.slow
def test_a_page_that_sleeps_frees_the_source_unless_it_records(
    home: Home, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(showing, "PATIENCE_S", 4.0)
    source = add(home, slowed(demo_clip(), tmp_path / "slow.mp4", 4))  # 195 frames last 49 s
    with page(address) as sleeper:
        sleeper.start(source)
        sleeper.picture()
        sleeper.say(record={"video": False})
        sleeper.until("recording")
        sleeper.picture(acknowledge=False)
        began_s = time.monotonic()
        with pytest.raises(TimeoutError):
            sleeper.next(timeout_s=6)
        with page(address) as other:  # may take over from one that sleeps
            other.start(source)
            assert other.until("recording")["recording"]["files"]
            assert sleeper.until("status")["error"] == "another page shows the live view now"
            other.say(record=None)
            assert other.until("recording")["recording"] is None
            other.picture(acknowledge=False)
            slept_s = time.monotonic()
            told = other.until("status", "stopped")
            assert "did not answer for 4 s" in told["error"]
            assert 3.5 < time.monotonic() - slept_s < 14
    assert time.monotonic() - began_s > 9
    assert not [thread for thread in threading.enumerate() if thread.name == "live session"]


@pytest.mark.slow
def test_from_a_result_to_the_page_takes_less_than_a_tenth_of_a_second(
    home: Home, address: str, tmp_path: Path
) -> None:
    """At 30 frames per second. captured_s is by this machine's clock, and latency_ms is from there to the result."""
    source = add(home, slowed(demo_clip(), tmp_path / "clip.mp4", FPS))
    took_ms = []
    with page(address) as one:
        one.start(source)
        while not any(told.get("status") == "stopped" for told in one.told):
            header, jpeg = one.next()
            if jpeg:
                took_ms.append((time.perf_counter() - header["captured_s"]) * 1e3 - header["latency_ms"])
                one.say(ack=header["n"])
    assert len(took_ms) > 30
    assert float(np.percentile(took_ms, 95)) < 100
