"""Captures of a real RTSP server: it plays, dies, freezes, comes back, and asks for a password."""

import logging
import threading
import time
from itertools import pairwise

import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.live import Capture, newest
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from tests.realtime.sources.rtsp_process import RtspServer, h264

NEVER = threading.Event()
SMPTE = {(20, 60): (180, 180, 16), (20, 300): (16, 16, 180)}  # yellow and blue bars of the test picture, about


def frames_of(capture):
    """The newest frames of one source, as they come."""
    for frames in newest([capture], NEVER):
        yield from frames


@pytest.fixture
def server():
    with RtspServer() as running:
        yield running


def capture_of(server, user_info="", **options):
    return Capture(targets([server.url(user_info)])[0], **options)


def taken(capture, until):
    frames = []
    for frame in frames_of(capture):
        frames.append(frame)
        if until(frame):
            break
    return frames


def assert_whole(frames):
    """None is black, grey or torn: the colour bars stand where they belong. None comes twice."""
    for frame in frames:
        assert frame.image.shape == (240, 320, 3)
        for (row, column), colour in SMPTE.items():
            np.testing.assert_allclose(frame.image[row, column], colour, atol=90)
            assert np.argmin(frame.image[row, column]) == np.argmin(colour)
    assert all(a.time_s < b.time_s and a.index < b.index for a, b in pairwise(frames))


def test_a_stream_plays_with_its_own_times_and_little_delay(server):
    delays_s = []
    with capture_of(server) as capture:
        for frame in frames_of(capture):
            delays_s.append(time.perf_counter() - frame.captured_s)
            if frame.index >= 60:
                break
        assert capture.stream.rate == 30
        assert capture.stream.live
    assert capture.received - sum(capture.dropped.values()) >= 40
    assert frame.pts_s == pytest.approx(60 / 30, abs=0.1)
    assert np.median(delays_s) < 0.05


@pytest.mark.slow
def test_frames_that_lean_on_later_ones_come_in_order():
    with RtspServer(h264(encoder="bframes=2 b-adapt=false")) as server, capture_of(server) as capture:
        frames = taken(capture, lambda frame: frame.index >= 60)
    assert_whole(frames)
    assert {frame.epoch for frame in frames} == {0}
    steps = np.diff([frame.pts_s for frame in frames]) * 30
    np.testing.assert_allclose(steps, np.diff([frame.index for frame in frames]), atol=0.1)


@pytest.mark.slow
def test_a_server_that_is_killed_and_started_again_is_back_within_two_seconds(server, caplog):
    with caplog.at_level(logging.WARNING), capture_of(server) as capture:
        frames = taken(capture, lambda frame: frame.index >= 15)
        server.kill()
        before = capture.reconnects
        with capture.news:
            capture.news.wait_for(lambda: capture.ended, timeout=1.5)  # several attempts in vain
        assert not capture.ended
        server.start()
        there_s = time.perf_counter()
        frames += taken(capture, lambda frame: frame.epoch == 1)
        back_s = time.perf_counter() - there_s
        frames += taken(capture, lambda frame: frame.pts_s > 0.5)
    assert back_s < 3.0  # aim 2; a machine under load gets one more
    assert capture.reconnects == before + 1
    assert_whole(frames)
    assert {frame.epoch for frame in frames} == {0, 1}
    last, first = next((a, b) for a, b in pairwise(frames) if a.epoch != b.epoch)
    gone_s = first.captured_s - last.captured_s
    assert first.time_s - last.time_s == pytest.approx(gone_s, abs=0.6)  # the first half second comes in a bunch
    said = [record.getMessage() for record in caplog.records]
    assert sum("reconnecting" in line for line in said) == 1
    assert sum("back after" in line for line in said) == 1


@pytest.mark.slow
def test_a_server_that_freezes_is_noticed_and_left(server, caplog):
    with caplog.at_level(logging.WARNING), capture_of(server, timeout_s=1.0) as capture:
        frames = taken(capture, lambda frame: frame.index >= 15)
        server.freeze()
        frozen_s = time.perf_counter()
        while not any("no picture for 1 s" in record.getMessage() for record in caplog.records):
            assert time.perf_counter() - frozen_s < 5.0
            with capture.news:
                capture.news.wait(0.05)
        noticed_s = time.perf_counter() - frozen_s
        server.thaw()
        frames += taken(capture, lambda frame: frame.epoch == 1)
    assert 0.9 < noticed_s < 2.0
    assert_whole(frames)


def test_closing_while_the_server_is_frozen_takes_no_time(server):
    with capture_of(server, timeout_s=20.0) as capture:
        taken(capture, lambda frame: frame.index >= 5)
        server.freeze()
        with capture.news:
            capture.news.wait(0.3)
        start_s = time.perf_counter()
    assert time.perf_counter() - start_s < 1.5
    assert not any(thread.name.startswith("capture") for thread in threading.enumerate())


@pytest.mark.parametrize(("user_info", "passes"), [("door:s3cret@", True), ("door:wr0ng@", False), ("", False)])
def test_only_the_right_password_opens_the_door_and_no_password_is_shown(user_info, passes, caplog):
    with RtspServer(user="door", password="s3cret") as server, caplog.at_level(logging.DEBUG):
        if passes:
            with capture_of(server, user_info) as capture:
                frames = taken(capture, lambda frame: frame.index >= 5)
            assert_whole(frames)
            shown = repr(capture.stream)
        else:
            with pytest.raises(DataError, match="user name or the password is wrong") as caught:
                capture_of(server, user_info).__enter__()
            shown = str(caught.value) + repr(caught.value.__cause__)
            assert "\n" not in str(caught.value)
    assert "s3cret" not in shown + caplog.text
    assert "wr0ng" not in shown + caplog.text


def test_a_path_that_the_server_does_not_have_is_one_line(server):
    target = targets([server.url().replace("/test", "/nothing")])[0]
    with pytest.raises(DataError, match=r"/nothing: the server has nothing at this path"):
        Capture(target).__enter__()


@pytest.mark.slow
def test_sound_comes_along_when_it_is_asked_for():
    with RtspServer(h264(sound=True)) as server, capture_of(server, audio=True) as capture:
        frames = taken(capture, lambda frame: frame.index >= 45)
        assert capture.stream.audio.codec_context.name == "pcm_alaw"
    packets = [packet for frame in frames for packet in frame.audio]
    assert len(packets) > 3
    assert_whole(frames)


@pytest.mark.slow
def test_every_frame_of_a_stream_can_be_had_too(server):
    with Recording(targets([server.url()])[0]) as recording:
        frames = [frame for frame, _ in zip(recording.frames(), range(30), strict=False)]
    assert [frame.index for frame in frames] == list(range(30))
    assert_whole(frames)
