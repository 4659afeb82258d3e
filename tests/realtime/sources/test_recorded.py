"""Recording: every frame of real files, in order, with its own time, upright; damage is said in one line."""

import logging
import os
import struct
import subprocess
import sys
import threading
from fractions import Fraction
from itertools import pairwise

import av
import cv2
import numpy as np
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from tests.paths import SHARED
from tests.realtime.clips import FIRST, STEP, number, numbers, write_clip, write_sound

MEDIA = SHARED / "media"


def frames_of(path, **options):
    (target,) = targets([str(path)], rate=options.pop("rate", 0.0))
    with Recording(target, **options) as recording:
        frames = list(recording.frames())
        assert recording.received == len(frames) + sum(recording.dropped.values())
    return frames


def refused(path):
    with pytest.raises(DataError) as caught:
        frames_of(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_every_frame_comes_once_in_order_with_its_time(tmp_path):
    frames = frames_of(write_clip(tmp_path / "a.mp4", 30, fps=25, options={"bf": "0"}))
    assert [number(f.image) for f in frames] == numbers(30)
    assert [f.index for f in frames] == list(range(30))
    assert [f.pts * f.time_base for f in frames] == [Fraction(i, 25) for i in range(30)]
    assert {(f.epoch, f.shift_s) for f in frames} == {(0, 0.0)}
    assert all(a.captured_s <= b.captured_s for a, b in pairwise(frames))
    stream = frames[0].stream
    assert (stream.rate, stream.live, stream.path) == (25, False, tmp_path / "a.mp4")
    assert stream.duration_s == pytest.approx(1.2)


def test_frames_that_lean_on_later_ones_come_in_the_order_of_showing(tmp_path):
    path = write_clip(tmp_path / "b.mkv", 40, options={"bf": "3", "b_strategy": "0", "g": "20"})
    with av.open(str(path)) as container:
        packets = [p for p in container.demux(video=0) if p.size]
    assert [p.pts for p in packets] != sorted(p.pts for p in packets)
    frames = frames_of(path)
    assert [number(f.image) for f in frames] == numbers(40)
    assert [f.pts for f in frames] == sorted(p.pts for p in packets)


def test_a_variable_rate_keeps_each_time_exactly(tmp_path):
    times_ms = [0, 10, 50, 51, 400, 1333, 1334, 9000, 25000, 25040]  # also a pause of 16 s, which is no restart
    frames = frames_of(write_clip(tmp_path / "vfr.mkv", 10, times_ms=times_ms))
    assert [round(f.pts * f.time_base * 1000) for f in frames] == times_ms
    assert {f.epoch for f in frames} == {0}
    assert [number(f.image) for f in frames] == numbers(10)


@pytest.mark.parametrize("size", [(64, 48), (63, 47), (17, 33), (2, 2)])
def test_odd_sizes_come_as_they_are(tmp_path, size):
    frames = frames_of(write_clip(tmp_path / "odd.mkv", 3, codec="ffv1", pix_fmt="yuv444p", size=size))
    assert {f.image.shape for f in frames} == {(size[1], size[0], 3)}
    assert [number(f.image) for f in frames] == numbers(3)
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.flags.c_contiguous


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [("libx264", "yuv420p10le"), ("libx265", "yuv420p10le"), ("ffv1", "yuv422p10le"), ("ffv1", "gray16le")],
)
def test_ten_bits_and_more_come_as_the_same_greys(tmp_path, codec, pix_fmt):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    frames = frames_of(write_clip(tmp_path / "deep.mkv", 12, codec=codec, pix_fmt=pix_fmt, options=options))
    assert [number(f.image) for f in frames] == numbers(12)
    assert np.ptp(frames[0].image.astype(int)) <= 4  # grey in all three channels


@pytest.mark.parametrize(("pix_fmt", "codec"), [("yuv420p", "mpeg4"), ("yuvj420p", "mjpeg")])
def test_limited_and_full_range_give_the_same_greys(tmp_path, pix_fmt, codec):
    frames = frames_of(write_clip(tmp_path / "range.avi", 24, codec=codec, pix_fmt=pix_fmt))
    greys = [float(np.median(f.image)) for f in frames]
    np.testing.assert_allclose(greys, [FIRST + STEP * i for i in range(24)], atol=3)


@pytest.mark.parametrize(
    ("matrix", "shape", "light"),
    [((1, 0, 0, 1), (48, 64), (0, 0)), ((0, 1, -1, 0), (64, 48), (0, 1)), ((-1, 0, 0, -1), (48, 64), (1, 1))],
)
def test_a_phones_rotation_is_honoured(tmp_path, matrix, shape, light):
    """The light corner goes where the file's matrix (a, b, c, d) says: x' = a x + c y, y' = b x + d y, y downwards."""
    path = tmp_path / "phone.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        picture = np.full((48, 64, 3), 40, np.uint8)
        picture[:24, :32] = 220
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        container.mux(stream.encode(None))
    data = path.read_bytes()
    one, last = 0x10000, 0x40000000
    at = data.index(struct.pack(">9i", one, 0, 0, 0, one, 0, 0, 0, last), data.index(b"tkhd"))
    a, b, c, d = (value * one for value in matrix)
    path.write_bytes(data[:at] + struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, last) + data[at + 36 :])
    image = frames_of(path)[1].image
    assert image.shape == (*shape, 3)
    rows, columns = image.shape[0] // 2, image.shape[1] // 2
    for i in (0, 1):
        for j in (0, 1):
            part = image[i * rows + 4 : (i + 1) * rows - 4, j * columns + 4 : (j + 1) * columns - 4]
            assert (part.mean() > 150) == ((i, j) == light)


def test_one_frame_is_a_recording(tmp_path):
    (frame,) = frames_of(write_clip(tmp_path / "one.mp4", 1))
    assert (frame.index, frame.pts, number(frame.image)) == (0, 0, 0)


def test_an_animated_gif_keeps_its_pauses(tmp_path):
    times_ms = [0, 100, 300, 600, 1000]
    frames = frames_of(write_clip(tmp_path / "a.gif", 5, codec="gif", pix_fmt="rgb8", times_ms=times_ms))
    assert [round(f.pts_s * 1000) for f in frames] == times_ms


def test_a_stream_without_any_times_is_numbered_at_its_rate(tmp_path):
    frames = frames_of(write_clip(tmp_path / "raw.h264", 20, options={"bf": "0"}))
    assert [number(f.image) for f in frames] == numbers(20)
    assert np.diff([f.pts_s for f in frames]) == pytest.approx(np.full(19, 0.04))


def test_a_file_whose_clock_restarts_runs_on_in_a_new_epoch(tmp_path):
    part = write_clip(tmp_path / "part.ts", 25, options={"bf": "0"}).read_bytes()
    (tmp_path / "twice.ts").write_bytes(part + part)
    frames = frames_of(tmp_path / "twice.ts")
    assert [f.epoch for f in frames] == [0] * 25 + [1] * 25
    assert [number(f.image) for f in frames] == numbers(25) * 2
    assert np.diff([f.time_s for f in frames]) == pytest.approx(np.full(49, 0.04))


@pytest.mark.parametrize("name", ["größe 顔 и.mp4", "with space & 'quotes'.mp4", "100%.mp4", "a:b@c.mp4", "-dash.mp4"])
def test_any_name_is_a_name(tmp_path, name):
    assert len(frames_of(write_clip(tmp_path / name, 3))) == 3


def test_a_name_with_a_colon_is_no_address(tmp_path, monkeypatch):
    write_clip(tmp_path / "cam:1.mp4", 3)
    monkeypatch.chdir(tmp_path)
    assert len(frames_of("cam:1.mp4")) == 3


# --- damage


def test_a_file_cut_off_gives_what_came_before_and_a_warning(tmp_path, caplog):
    whole = write_clip(tmp_path / "whole.mkv", 100, noise=True, options={"g": "10"}).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(whole[: len(whole) // 2])
    with caplog.at_level(logging.WARNING):
        frames = frames_of(tmp_path / "cut.mkv")
    assert 30 < len(frames) < 70
    assert [f.index for f in frames] == list(range(len(frames)))
    (record,) = caplog.records
    assert "cut.mkv" in record.getMessage()
    assert "of its stated 4.0 s" in record.getMessage()


def test_damage_in_the_middle_leaves_out_what_it_hit_and_says_how_much(tmp_path, caplog):
    path = write_clip(tmp_path / "hit.mkv", 100, noise=True, options={"g": "10", "bf": "0"})
    data = bytearray(path.read_bytes())
    data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    with caplog.at_level(logging.WARNING):
        frames = frames_of(path)
    assert 60 < len(frames) < 100
    assert any("hit.mkv" in record.getMessage() for record in caplog.records)
    assert frames[-1].pts_s == pytest.approx(3.96)
    assert number(frames[-1].image) == 99 % 24


def test_an_mp4_that_was_never_finished_is_one_line(tmp_path):
    whole = write_clip(tmp_path / "whole.mp4", 50, noise=True).read_bytes()
    (tmp_path / "cut.mp4").write_bytes(whole[: len(whole) // 2])
    assert "cut.mp4: cannot read this as a video" in refused(tmp_path / "cut.mp4")


def test_sound_alone_is_one_line(tmp_path):
    assert "it has audio but no video track" in refused(write_sound(tmp_path / "song.m4a"))


@pytest.mark.parametrize("content", [b"", b"hello world\n" * 100, bytes(5000), os.urandom(5000)])
def test_what_is_no_video_is_one_line(tmp_path, content):
    (tmp_path / "not.mp4").write_bytes(content)
    assert "not.mp4" in refused(tmp_path / "not.mp4")


def test_what_holds_no_picture_that_can_be_decoded_is_one_line(tmp_path):
    path = write_clip(tmp_path / "hollow.avi", 5, codec="mpeg4")
    data = bytearray(path.read_bytes())
    start = data.index(b"movi") + 4
    data[start : data.rindex(b"idx1")] = bytes(data.rindex(b"idx1") - start)
    path.write_bytes(data)
    assert "hollow.avi" in refused(path)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_no_permission_is_one_line(tmp_path):
    path = write_clip(tmp_path / "mine.mp4", 2)
    path.chmod(0)
    assert "no permission" in refused(path)


# --- images


def test_a_folder_of_images_is_one_recording_at_its_rate(tmp_path):
    for i in (3, 20, 100):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((20, 30, 3), i, np.uint8))
    frames = frames_of(tmp_path, rate=12.5)
    assert [int(f.image[0, 0, 0]) for f in frames] == [3, 20, 100]
    assert [f.pts_s for f in frames] == pytest.approx([0.0, 0.08, 0.16])
    assert frames[0].stream.rate == Fraction(25, 2)
    assert frames[0].stream.duration_s == pytest.approx(0.24)


def test_an_image_is_a_recording_of_one_frame(tmp_path):
    for i in range(3):
        cv2.imwrite(str(tmp_path / f"{i}.png"), np.full((20, 30, 3), i, np.uint8))
    (frame,) = frames_of(tmp_path / "1.png")
    assert int(frame.image[0, 0, 0]) == 1


# --- sound


def test_all_sound_travels_with_the_frames_and_can_be_copied_after_the_file_is_closed(tmp_path):
    path = write_clip(tmp_path / "talk.mp4", 50, sound=True)
    with av.open(str(path)) as container:
        expected = [bytes(p) for p in container.demux(audio=0) if p.size]
    frames = frames_of(path, audio=True)
    packets = [packet for frame in frames for packet in frame.audio]
    assert [bytes(p) for p in packets] == expected
    assert len(frames) == 50
    with av.open(str(tmp_path / "copy.mp4"), "w") as out:
        copy = out.add_stream_from_template(frames[0].stream.audio)
        for packet in packets:
            packet.stream = copy
            out.mux(packet)
    with av.open(str(tmp_path / "copy.mp4")) as container:
        assert [bytes(p) for p in container.demux(audio=0) if p.size] == expected


def test_sound_is_not_read_unless_asked_for(tmp_path):
    frames = frames_of(write_clip(tmp_path / "talk.mp4", 10, sound=True))
    assert frames[0].stream.audio is None
    assert all(f.audio == () for f in frames)


# --- stdin, memory, threads


def test_a_video_can_be_piped_in(tmp_path):
    path = write_clip(tmp_path / "a.mkv", 12)
    code = (
        "from knowledge_spreader.realtime.sources.source_spec import targets\n"
        "from knowledge_spreader.realtime.sources.recorded import Recording\n"
        "with Recording(targets(['-'])[0]) as r: print(r.stream.name, sum(1 for _ in r.frames()))"
    )
    with path.open("rb") as file:
        done = subprocess.run([sys.executable, "-c", code], stdin=file, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["stdin", "12"]


def test_frames_end_when_the_recording_is_closed(tmp_path, caplog):
    (target,) = targets([str(write_clip(tmp_path / "a.mkv", 60))])
    with Recording(target) as recording:
        frames = recording.frames()
        next(frames)
    assert len(list(frames)) < 59  # those that were decoded already
    assert not caplog.records


def test_a_recording_leaves_no_thread_and_no_file_behind(tmp_path):
    path = write_clip(tmp_path / "a.mkv", 60)
    frames_of(path)
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0, threading.active_count()
    (target,) = targets([str(path)])
    for _ in range(5):
        with Recording(target) as recording:
            frames = recording.frames()
            next(frames)  # and no more of it
    after = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0, threading.active_count()
    assert after == before


@pytest.mark.parametrize(
    ("name", "n"),
    [
        ("intel_asl_yes.mkv", 65),
        ("intel_head-pose-face-detection-female.gif", 23),
        ("pyfeat_face_noface.mov", 169),
        ("pyfeat_no_face.mp4", 95),
    ],
)
def test_real_recordings_give_the_times_that_their_packets_carry(name, n):
    path = MEDIA / name
    if not path.is_file():
        pytest.skip(f"no {path}")
    with av.open(str(path)) as container:
        expected = sorted(p.pts for p in container.demux(video=0) if p.size and not p.is_discard)
    frames = frames_of(path)
    assert [f.pts for f in frames] == expected
    assert len(frames) == n


def test_a_whole_file_whose_audio_lasts_longer_is_not_called_cut_off(tmp_path, caplog):
    """Matroska's own length is that of its longest track."""
    path = tmp_path / "talk.mkv"
    with av.open(str(path), "w") as container:
        video, audio = container.add_stream("libx264", 25), container.add_stream("aac", 16000)
        video.width = video.height = 64
        for i in range(25):
            frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 5 * i, np.uint8))
            frame.pts, frame.time_base = i, Fraction(1, 25)
            container.mux(video.encode(frame))
        for i in range(80):  # five seconds
            sound = av.AudioFrame.from_ndarray(np.zeros((1, 1000), np.float32), format="fltp", layout="mono")
            sound.sample_rate, sound.pts, sound.time_base = 16000, 1000 * i, Fraction(1, 16000)
            container.mux(audio.encode(sound))
        container.mux(video.encode())
        container.mux(audio.encode())
    with Recording(targets([str(path)])[0]) as recording:
        assert sum(1 for _ in recording.frames()) == 25
        assert recording.stream.duration_s == pytest.approx(1.0, abs=0.05)
    assert not caplog.records
