"""Capture: the newest frame wins, time runs on, a lost stream comes back, and nothing is left behind."""

import logging
import os
import threading
import time
from itertools import pairwise

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.live import Capture, newest
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.sources.timeline import Timeline
from knowledge_spreader.realtime.sources.video.catch_up import EVERYTHING, KEY_FRAMES, REFERENCES, Backlog
from knowledge_spreader.realtime.sources.video.interrupt import interruptible
from tests.realtime.clips import number, repeat_clip, write_clip
from tests.realtime.sources.stream_servers import HttpStream, paced, silent_server

NEVER = threading.Event()
SOON_S = 30.0  # a limit that only a broken test reaches


def frames_of(capture):
    """The newest frames of one source, as they come."""
    for frames in newest([capture], NEVER):
        yield from frames


def target_of(source):
    return targets([str(source)])[0]


def taken(captures, *, until=None, stop=NEVER):
    """All frames that newest() hands out, until one fulfils a condition."""
    frames = []
    for batch in newest(captures, stop):
        frames += batch
        if until and batch and until(batch[-1]):
            break
    return frames


def transport(path, n, **how):
    """An MPEG transport stream, which may be cut and joined anywhere."""
    return write_clip(path / "live.ts", n, **{"options": {"bf": "0", "g": "10"}, **how}).read_bytes()


def open_files():
    return len(os.listdir("/proc/self/fd"))


# --- recordings stand in for cameras


def test_a_recording_is_played_at_its_own_pace_and_ends(tmp_path):
    path = write_clip(tmp_path / "a.mkv", 30, fps=25, options={"bf": "0"})
    with Capture(target_of(path), speed=2.0) as capture:
        start_s = time.perf_counter()
        frames = taken([capture])
        took_s = time.perf_counter() - start_s
        assert capture.ended
        assert capture.take() is None
    assert took_s > 29 / 25 / 2 - 0.05
    assert capture.received == 30 == len(frames) + sum(capture.dropped.values())
    assert [number(f.image) for f in frames] == [f.index % 24 for f in frames]
    steps_s = np.diff([f.captured_s for f in frames]) / np.diff([f.index for f in frames])
    np.testing.assert_allclose(steps_s, 0.02, atol=1e-6)  # when they were due, not when they were read
    assert capture.stream.live


@pytest.mark.slow
def test_a_slow_consumer_gets_the_newest_and_the_rest_is_counted(tmp_path):
    """Three frame intervals of work on each frame: the delay stays below three more, and does not grow."""
    path = write_clip(tmp_path / "a.mkv", 120, fps=60, options={"bf": "0"})
    delays_s, frames = [], []
    with Capture(target_of(path)) as capture:
        for frame in frames_of(capture):
            delays_s.append(time.perf_counter() - frame.captured_s)
            frames.append(frame)
            threading.Event().wait(3 / 60)  # the work
    assert capture.dropped["busy"] == capture.received - len(frames) > 60
    assert capture.received == 120
    assert all(a.index < b.index for a, b in pairwise(frames))
    assert np.quantile(delays_s, 0.9) < 0.2  # a machine that stands still for a moment delays one
    assert np.median(delays_s[-10:]) < np.median(delays_s[5:15]) + 0.05


def test_images_too_can_stand_in_for_a_camera(tmp_path):
    import cv2

    for i in range(5):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((8, 8, 3), i, np.uint8))
    with Capture(target_of(tmp_path), speed=0.5) as capture:
        frames = taken([capture])
    assert capture.received == 5
    assert all(int(f.image[0, 0, 0]) == f.index for f in frames)


def test_what_ends_a_recording_reaches_the_consumer(tmp_path):
    path = write_clip(tmp_path / "hollow.avi", 5, codec="mpeg4")
    data = bytearray(path.read_bytes())
    start, end = data.index(b"movi") + 4, data.rindex(b"idx1")
    data[start:end] = bytes(end - start)
    path.write_bytes(data)
    with pytest.raises(DataError, match=r"hollow\.avi"), Capture(target_of(path)) as capture:
        taken([capture])


def test_several_captures_are_waited_for_together_until_the_last_has_ended(tmp_path):
    short = write_clip(tmp_path / "short.mkv", 10, options={"bf": "0"})
    long = write_clip(tmp_path / "long.mkv", 30, options={"bf": "0"})
    news = threading.Condition()
    with Capture(target_of(short), 0, news=news, speed=2) as a, Capture(target_of(long), 1, news=news, speed=2) as b:
        frames = taken([a, b])
    for capture in (a, b):
        mine = [f for f in frames if f.stream is capture.stream]
        assert len(mine) + capture.dropped["busy"] == capture.received
        assert mine[-1].index == capture.received - 1
    assert (a.received, b.received, frames[-1].stream.number) == (10, 30, 1)


def test_stop_ends_the_waiting(tmp_path):
    stop = threading.Event()
    path = write_clip(tmp_path / "slow.mkv", 2, times_ms=[0, 60_000], options={"bf": "0"})
    with Capture(target_of(path)) as capture:
        first = taken([capture], until=lambda _: True)
        threading.Timer(0.1, stop.set).start()
        assert taken([capture], stop=stop) == []
    assert len(first) == 1


# --- decoding falls behind


@pytest.mark.slow
def test_decoding_that_cannot_keep_up_leaves_frames_out_and_stays_close(tmp_path):
    """Five times as fast as this machine decodes: without leaving out, the last frame would come seconds late."""
    options = {"g": "10", "bf": "0", "preset": "ultrafast"}
    short = write_clip(tmp_path / "short.mkv", 30, size=(640, 480), noise=True, options=options)
    path = repeat_clip(short, tmp_path / "heavy.mkv", 60)
    start_s = time.perf_counter()
    with av.open(str(path)) as container:
        container.streams.video[0].codec_context.thread_count = 1
        assert sum(1 for _ in container.decode(video=0)) == 1800
    all_s = time.perf_counter() - start_s
    late_s = []
    with Capture(target_of(path), speed=72 / all_s * 5) as capture:  # 1800 frames of 25 a second are 72 s
        for frame in frames_of(capture):
            late_s.append(time.perf_counter() - frame.captured_s)
    assert capture.received == 1800
    assert capture.dropped["behind"] > 500
    assert np.quantile(late_s, 0.9) < all_s / 2  # else it would be four fifths


def test_a_stream_that_is_only_late_is_decoded_whole():
    """Each packet 0.5 s later than the last, but waited for: the queue was empty, so nothing is left out."""
    backlog = Backlog()
    levels = [
        backlog.update(i / 25, 100 + i / 25 + (i > 50) * 0.5, waited_s=0.02, is_key=i % 25 == 0) for i in range(99)
    ]
    assert set(levels) == {EVERYTHING}


def test_a_queue_that_grows_is_cut_by_steps_and_ends_at_a_key_frame():
    backlog = Backlog()
    assert backlog.update(0.0, 100.0, 0.02, True) == EVERYTHING
    assert backlog.update(0.1, 100.35, 0.0, False) == EVERYTHING  # 0.25 s late
    assert backlog.update(0.2, 100.55, 0.0, False) == REFERENCES  # 0.35 s
    assert backlog.update(0.3, 100.95, 0.0, False) == KEY_FRAMES  # 0.65 s
    assert backlog.update(0.9, 100.95, 0.0, False) == KEY_FRAMES  # 0.05 s, but what follows leans on what was left out
    assert backlog.update(1.0, 101.00, 0.0, True) == EVERYTHING


def test_a_clock_that_restarts_is_no_delay():
    backlog = Backlog()
    backlog.update(50.0, 100.0, 0.02, True)
    assert backlog.update(0.0, 100.04, 0.0, True) == EVERYTHING
    assert backlog.update(0.04, 100.08, 0.0, False) == EVERYTHING


# --- time


TICKS = st.integers(-4_500_000, 4_500_000).map(lambda ticks: ticks / 90_000)  # of an RTSP stream, up to 50 s


@given(st.lists(st.tuples(TICKS, st.floats(0, 5), st.booleans()), min_size=1, max_size=60))
def test_time_increases_whatever_the_streams_clock_does(steps):
    timeline, pts_s, clock_s, times = Timeline(), 0.0, 0.0, []
    for step_s, gone_s, reconnects in steps:
        pts_s, clock_s = pts_s + step_s, clock_s + gone_s
        if reconnects:
            timeline.reconnected()
        if timeline.place(pts_s, clock_s):
            times.append((pts_s + timeline.shift_s, timeline.epoch))
        else:
            pts_s -= step_s  # a repeated one is not handed out
    assert all(a[0] < b[0] and a[1] <= b[1] for a, b in pairwise(times))


def test_a_restart_and_a_leap_raise_the_epoch_and_time_goes_by_the_clock_on_the_wall():
    timeline = Timeline()
    placed = []
    for pts_s, clock_s in [(100.0, 0.0), (100.04, 0.04), (0.0, 0.08), (0.04, 0.12), (20.0, 0.16), (19.99, 0.2)]:
        fresh = timeline.place(pts_s, clock_s)
        placed.append((fresh, timeline.epoch, round(pts_s + timeline.shift_s, 6)))
    assert placed[:5] == [(True, 0, 100.0), (True, 0, 100.04), (True, 1, 100.08), (True, 1, 100.12), (True, 2, 100.16)]
    assert not placed[5][0]


# --- streams


def test_a_server_that_hangs_up_is_called_again_and_time_runs_on(tmp_path, caplog):
    data = transport(tmp_path, 20, fps=100)
    with (
        HttpStream(lambda _, write: paced(data, write, server.closing, seconds=0.2)) as server,
        caplog.at_level(logging.WARNING),
        Capture(target_of(server.url()), first_retry_s=0.01) as capture,
    ):
        frames = taken([capture], until=lambda frame: frame.epoch == 3)
    assert {f.epoch for f in frames} == {0, 1, 2, 3}
    assert capture.reconnects == 3
    assert all(a.time_s < b.time_s and a.index < b.index for a, b in pairwise(frames))
    gone_s = frames[-1].captured_s - frames[0].captured_s
    assert frames[-1].time_s - frames[0].time_s == pytest.approx(gone_s, abs=0.3)  # the server's own pace is rough
    assert all(number(f.image) == round(f.pts_s * 100) for f in frames)  # the picture of its time
    lost = [r.getMessage() for r in caplog.records if "reconnecting" in r.getMessage()]
    assert len(lost) == 3  # one line an outage


def test_time_stamps_that_restart_in_the_middle_raise_the_epoch(tmp_path):
    data = transport(tmp_path, 20)
    with (
        HttpStream(lambda _, write: [paced(data, write, server.closing, seconds=0.3) for _ in range(4)]) as server,
        Capture(target_of(server.url())) as capture,
    ):
        frames = taken([capture], until=lambda frame: frame.epoch == 2)
        assert capture.reconnects == 0
    assert all(a.time_s < b.time_s for a, b in pairwise(frames))
    assert {f.epoch for f in frames} == {0, 1, 2}


def test_nothing_comes_before_the_first_key_frame(tmp_path):
    data = transport(tmp_path, 60, options={"bf": "0", "g": "20"})
    cut = data[len(data) // 188 // 6 * 188 :]  # a sixth is gone, and with it the first key frame
    with (
        HttpStream(lambda _, write: paced(cut, write, server.closing, seconds=0.5)) as server,
        Capture(target_of(server.url())) as capture,
    ):
        frames = taken([capture], until=lambda frame: frame.index > 30)
    assert capture.dropped["before key frame"] > 0
    assert number(frames[0].image) == 20
    assert frames[0].index == capture.dropped["before key frame"]


@pytest.mark.slow
def test_damage_and_what_leans_on_it_is_left_out(tmp_path):
    """Half a second of noise, a few packets of which are lost: each frame that comes is the one that was sent."""
    data = transport(tmp_path, 60, size=(160, 120), noise=True, options={"bf": "0", "g": "15"})
    with av.open(str(tmp_path / "live.ts")) as container:
        sent = {frame.pts: frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)}
    middle = len(data) // 188 // 3 * 188
    lossy = data[:middle] + data[middle + 5 * 188 :]
    with (
        HttpStream(lambda _, write: paced(lossy, write, server.closing, seconds=1.0)) as server,
        Capture(target_of(server.url())) as capture,
    ):
        frames = taken([capture], until=lambda frame: frame.index > 45)
    for frame in frames:
        np.testing.assert_array_equal(frame.image, sent[frame.pts])
    assert capture.dropped["corrupt"] + capture.dropped["before key frame"] > 0
    assert {frame.epoch for frame in frames} == {0}


def test_a_stream_of_known_length_ends(tmp_path):
    data = write_clip(tmp_path / "film.mkv", 20, options={"bf": "0"}).read_bytes()
    head = f"Content-Length: {len(data)}\r\n"
    with (
        HttpStream(lambda _, write: write(data), content_type="video/x-matroska", headers=head) as server,
        Capture(target_of(server.url())) as capture,
    ):
        frames = taken([capture])
    assert frames[-1].index == 19
    assert len(frames) > 10  # at its own pace, not as fast as it can be fetched
    assert capture.reconnects == 0


def test_sound_of_frames_not_taken_comes_with_the_next(tmp_path):
    path = write_clip(tmp_path / "talk.mkv", 50, sound=True, options={"bf": "0"})
    with Capture(target_of(path), audio=True, speed=4.0) as capture:
        frames = []
        for frame in frames_of(capture):
            frames.append(frame)
            threading.Event().wait(0.08)
    stamps = [packet.pts for frame in frames for packet in frame.audio]
    assert stamps == sorted(set(stamps))
    assert np.ptp(np.diff(stamps)) <= 1  # none is missing between the first and the last
    assert len(stamps) > 25
    assert capture.dropped["busy"] > 10


# --- what cannot be opened


@pytest.mark.parametrize("user_info", ["", "admin:hunter2@", "admin:wrong%40@"])
def test_a_wrong_password_is_one_line_without_it(user_info, caplog):
    with (
        HttpStream(lambda *_: None, user="admin", password="right") as server,
        caplog.at_level(logging.DEBUG),
        pytest.raises(DataError, match="user name or the password is wrong") as caught,
        Capture(target_of(server.url(user_info))),
    ):
        pass
    shown = str(caught.value) + str(caught.value.__cause__) + repr(caught.value.__cause__) + caplog.text
    assert caught.value.__context__ is caught.value.__cause__ or caught.value.__context__ is None
    assert "\n" not in str(caught.value)
    assert "hunter2" not in shown
    assert "wrong%40" not in shown
    assert f"127.0.0.1:{server.port}/live" in str(caught.value)


@pytest.mark.slow
def test_a_server_that_says_nothing_is_given_up_in_time():
    with silent_server() as port:
        start_s = time.perf_counter()
        with (
            pytest.raises(DataError, match="no answer within 1 s"),
            Capture(target_of(f"http://127.0.0.1:{port}/live"), timeout_s=1.0),
        ):
            pass
        assert 0.9 < time.perf_counter() - start_s < 2.5


def test_nobody_there_is_one_line():
    with silent_server() as port:
        pass
    with pytest.raises(DataError, match="nothing listens there"), Capture(target_of(f"http://127.0.0.1:{port}/live")):
        pass


# --- ends


@pytest.mark.parametrize("away", [False, True])
def test_closing_ends_the_thread_at_once_even_while_it_waits_for_a_server(tmp_path, away, caplog):
    """The server falls silent (away: and refuses new connections), and no time-out comes to help."""
    data = transport(tmp_path, 40)

    def send(number, write):
        if number == 0:
            write(data)
        if not away:
            server.closing.wait(SOON_S)

    with HttpStream(send) as server:
        with Capture(target_of(server.url()), timeout_s=SOON_S, first_retry_s=SOON_S, last_retry_s=SOON_S) as capture:
            taken([capture], until=lambda frame: frame.index >= 20)
            start_s = time.perf_counter()
        assert time.perf_counter() - start_s < 1.0
        assert not any(thread.name.startswith("capture") for thread in threading.enumerate())
    assert "left open" not in caplog.text


def test_a_read_that_begins_after_the_stop_ends_too():
    stop = threading.Event()
    stop.set()
    with silent_server() as port, interruptible(stop):
        start_s = time.perf_counter()
        with pytest.raises(av.error.ExitError):
            av.open(f"tcp://127.0.0.1:{port}", timeout=SOON_S)
        assert time.perf_counter() - start_s < 1.0


def test_a_server_that_gives_no_pictures_is_not_hammered(tmp_path):
    data = transport(tmp_path, 20)
    calls_s, enough = [], threading.Event()

    def send(number, write):
        calls_s.append(time.perf_counter())
        write(data if number == 0 else b"")
        if number == 8:
            enough.set()

    with HttpStream(send) as server, Capture(target_of(server.url()), first_retry_s=0.02, last_retry_s=0.2):
        assert enough.wait(SOON_S)
    waits_s = np.diff(calls_s)
    assert np.median(waits_s[3:]) > 0.09  # at least half of the longest


def test_a_consumer_that_raises_leaves_nothing_behind(tmp_path):
    path = write_clip(tmp_path / "a.mkv", 100)
    with pytest.raises(ZeroDivisionError), Capture(target_of(path)) as capture:
        taken([capture], until=lambda _: 1 / 0)
    assert not any(thread.name.startswith("capture") for thread in threading.enumerate())


@pytest.mark.parametrize("reconnects", [30, pytest.param(1000, marks=pytest.mark.slow)])
@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="open files cannot be counted here")
def test_reconnects_leave_no_thread_and_no_file_behind(tmp_path, reconnects):
    data = transport(tmp_path, 12)
    with HttpStream(lambda _, write: write(data)) as server:
        target = target_of(server.url())
        with Capture(target, first_retry_s=0.0, last_retry_s=0.0) as capture:
            taken([capture], until=lambda frame: frame.epoch >= 5)
            most_files = most_threads = 0
            early = None
            for frame in frames_of(capture):
                if early is None:
                    early = open_files(), threading.active_count()
                most_files, most_threads = max(most_files, open_files()), max(most_threads, threading.active_count())
                if frame.epoch >= reconnects:
                    break
    assert capture.reconnects >= reconnects
    assert most_files <= early[0] + 4  # a connection or two that the server has not closed yet
    assert most_threads <= early[1] + 3
    assert frame.epoch <= capture.reconnects
