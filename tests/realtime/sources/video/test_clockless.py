"""Sources without times: a live stream has the times of its arrival, a raw video those of its frame rate."""

import logging
import socket
import threading
import time
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.realtime.sources.live import Capture
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.sources.video.clockless import Clockless
from knowledge_spreader.realtime.types import Frame
from tests.realtime.clips import number, numbers, write_clip
from tests.realtime.sources.stream_servers import HttpStream
from tests.realtime.sources.test_live import frames_of as live_frames

RATE = 8  # pictures per second that are sent


def raw_video(path: Path, n: int) -> Path:
    """A file without a container, named by its suffix: .h264 and .hevc with B-frames, .mjpeg, .m4v."""
    codec = {".h264": "libx264", ".hevc": "libx265", ".mjpeg": "mjpeg", ".m4v": "mpeg4"}[path.suffix]
    form = {".m4v": "m4v"}.get(path.suffix)
    pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    return Path(write_clip(path, n, codec=codec, pix_fmt=pix_fmt, fps=10, options=options, format=form))


def recorded(path: Path, rate: float = 0.0) -> list[Frame]:
    (target,) = targets([str(path)], rate=rate)
    with Recording(target) as recording:
        return list(recording.frames())


@pytest.mark.parametrize("suffix", [".h264", ".hevc", ".mjpeg", ".m4v"])
def test_a_raw_video_is_read_at_the_rate_that_is_asked_for(tmp_path: Path, suffix: str) -> None:
    frames = recorded(raw_video(tmp_path / f"raw{suffix}", 20), rate=12.5)
    assert [number(frame.image) for frame in frames] == numbers(20)
    assert [frame.pts * frame.time_base for frame in frames] == [Fraction(2 * i, 25) for i in range(20)]
    assert frames[0].stream.rate == Fraction(25, 2)


@pytest.mark.parametrize(("suffix", "rate"), [(".h264", 10), (".mjpeg", 25)])  # x264 writes its rate, JPEG has none
def test_without_a_rate_the_video_is_asked_and_the_rate_is_told(
    tmp_path: Path, suffix: str, rate: int, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        frames = recorded(raw_video(tmp_path / f"raw{suffix}", 20))
    assert np.diff([frame.time_s for frame in frames]) == pytest.approx(np.full(19, 1 / rate))
    assert f"raw{suffix}: the video has no times; it is read at {rate} frames per second" in caplog.text


def arrivals(source: str, n: int) -> list[Frame]:
    (target,) = targets([source])
    frames = []
    with Capture(target, timeout_s=3) as capture:
        for frame in live_frames(capture):
            frames.append(frame)
            if len(frames) == n:
                break
    return frames


def check_times(frames: list[Frame]) -> None:
    steps = np.diff([frame.time_s for frame in frames])
    assert (steps > 0).all()
    first, last = frames[-8], frames[-1]  # the first ones came while FFmpeg still looked at the stream
    assert last.time_s - first.time_s == pytest.approx((last.index - first.index) / RATE, rel=0.25)
    received_s = [frame.captured_s for frame in frames]
    assert np.diff(received_s) == pytest.approx(steps, abs=2e-3)
    assert {frame.epoch for frame in frames} == {0}


@pytest.mark.parametrize("with_length", [False, True])
def test_mjpeg_over_http_has_the_times_of_its_arrival(
    tmp_path: Path, with_length: bool, caplog: pytest.LogCaptureFixture
) -> None:
    path = raw_video(tmp_path / "raw.mjpeg", 8)
    with av.open(str(path)) as container:
        pictures = [bytes(packet) for packet in container.demux() if packet.size]

    def send(_, write):
        for i in range(200):
            jpeg = pictures[i % len(pictures)]
            length = f"Content-Length: {len(jpeg)}\r\n" if with_length else ""
            write(f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n".encode() + jpeg + b"\r\n")
            if server.closing.wait(1 / RATE):
                return

    server = HttpStream(send, content_type="multipart/x-mixed-replace; boundary=frame")
    with server, caplog.at_level(logging.INFO):
        check_times(arrivals(server.url(), 16))
    assert "the stream has no times; a frame's time is that of its arrival" in caplog.text


def test_raw_h264_over_tcp_has_the_times_of_its_arrival(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "raw.h264", 100, options={"bf": "0", "g": "10"})
    with av.open(str(path)) as container:
        packets = [bytes(packet) for packet in container.demux() if packet.size]
    closing = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            peer, _ = server.accept()
            with peer:
                for packet in packets:
                    peer.sendall(packet)
                    if closing.wait(1 / RATE):
                        return

        sender = threading.Thread(target=serve)
        sender.start()
        try:
            check_times(arrivals(f"tcp://127.0.0.1:{server.getsockname()[1]}", 40))  # FFmpeg looks at about 24
        finally:
            closing.set()
            sender.join()


def test_packets_that_were_queued_were_sent_one_step_after_another() -> None:
    clock = Clockless("x", Fraction(10), arrives=True, asked=False)
    now_s = time.perf_counter()
    assert clock.sent(now_s, 0.0) == now_s
    assert clock.sent(now_s + 0.3, 0.001) == pytest.approx(now_s + 0.1)
    assert clock.sent(now_s + 0.6, 0.001) == pytest.approx(now_s + 0.2)
    assert clock.sent(now_s + 0.9, 0.05) == pytest.approx(now_s + 0.9)  # it was waited for, so it was just sent
    assert clock.sent(now_s + 0.95, 0.001) == pytest.approx(now_s + 0.95)  # nothing was sent after it was read


def test_how_fast_packets_come_is_learned_from_those_that_were_waited_for() -> None:
    clock = Clockless("x", Fraction(30), arrives=True, asked=False)
    for i in range(9):  # 8 per second, while the video says 30
        clock.sent(100 + i / 8, 0.1)
    late_s = 103.0  # the reader was held up: the next ones are in the queue
    assert [clock.sent(late_s + i / 1000, 0.0) for i in range(3)] == pytest.approx([101.125, 101.25, 101.375])
