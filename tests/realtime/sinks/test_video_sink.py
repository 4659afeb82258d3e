"""The annotated video: true times, true colours, the input's sound, and a file that plays whatever happens."""

import io
import os
import signal
import subprocess
import sys
import textwrap
from fractions import Fraction
from itertools import pairwise

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from knowledge_spreader.displayed import displayed
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink
from knowledge_spreader.realtime.types import Frame, FrameResult, Stream
from tests.paths import ROOT

COLOURS = [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (128, 128, 128), (200, 150, 120)]


def picture(index=0, width=160, height=120):
    """Stripes that move."""
    x = np.arange(width) + 5 * index
    row = np.stack([x % 256, (2 * x) % 256, np.full(width, 40 + index % 100)], axis=1)
    return np.broadcast_to(row, (height, width, 3)).astype(np.uint8)


def results(times, *, stream=None, time_base=Fraction(1, 90000), image=picture, **more):
    """A result for each time stamp, in units of time_base."""
    stream = stream or Stream("a", rate=Fraction(25))
    for i, pts in enumerate(times):
        yield FrameResult(Frame(image(i), stream, i, pts, time_base, 0.0, **more), (1,), ())


def save(path, given, **options):
    sink = VideoSink(path, **({"overlay": False} | options))
    for result in given:
        sink.write(result)
    sink.close()
    return path


def packets(path, kind="video"):
    """(time, bytes, is key frame) of each, in decoding order; the time stamps as the file counts them."""
    with av.open(str(path)) as container:
        stream = getattr(container.streams, kind)[0]
        return [(p.pts * p.time_base, bytes(p), p.is_keyframe) for p in container.demux(stream) if p.size]


def times(path):
    return [time for time, _, _ in packets(path)]


def pictures(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def boxes(path):
    """The types of an MP4's outermost boxes."""
    data, names, at = path.read_bytes(), [], 0
    while at + 8 <= len(data):
        names.append(data[at + 4 : at + 8].decode())
        size = int.from_bytes(data[at : at + 4], "big")
        at += size if size > 1 else int.from_bytes(data[at + 8 : at + 16], "big")
    return names


@pytest.mark.parametrize("suffix", [".mp4", ".mov"])
@pytest.mark.parametrize(
    ("time_base", "stamps"),
    [
        (Fraction(1, 90000), [0, 3000, 9000, 9001, 30000, 93000, 300000]),  # a variable rate, with a gap of seconds
        (Fraction(1, 90000), [126631 + 3003 * i for i in range(70)]),  # 29.97 a second, from 1.407 s
        (Fraction(1001, 30000), list(range(40))),
        (Fraction(1, 1000), [7, 40, 81, 120, 161]),
        (Fraction(1, 15360), [512 * i + 3 for i in range(30)]),
        (Fraction(1, 1_000_000), [1_234_567 + 33_367 * i for i in range(30)]),
    ],
)
def test_every_time_stamp_is_the_inputs_own_from_the_first_picture(tmp_path, suffix, time_base, stamps):
    path = save(tmp_path / f"out{suffix}", results(stamps, time_base=time_base))
    assert times(path) == [(pts - stamps[0]) * time_base for pts in stamps]


def test_matroska_keeps_times_to_half_a_millisecond(tmp_path):
    stamps = [126631 + 3003 * i for i in range(30)]
    path = save(tmp_path / "out.mkv", results(stamps))
    moved = [abs(got - Fraction(pts - stamps[0], 90000)) for got, pts in zip(times(path), stamps, strict=True)]
    assert max(moved) <= Fraction(1, 2000)


def test_time_runs_on_through_a_reconnect_and_never_stands_still(tmp_path):
    """Epoch 1 counts from 0 again and is shifted by 2 s; then a frame comes with a time stamp of the past."""
    first = list(results([0, 3600, 7200]))
    later = list(results([0, 3600, 3600], epoch=1, shift_s=2.0))
    path = save(tmp_path / "out.mp4", first + later)
    assert [time * 90000 for time in times(path)] == [0, 3600, 7200, 180000, 183600, 183601]


def test_a_live_streams_video_begins_at_zero_whatever_its_clock_says(tmp_path):
    live = Stream("camera", live=True)
    path = save(tmp_path / "out.mp4", results([900_000_000, 900_003_600, 900_010_000], stream=live))
    assert [time * 90000 for time in times(path)] == [0, 3600, 10000]


def test_browsers_can_play_it(tmp_path):
    """H.264 High, 4:2:0, BT.709, limited range, no B-frames; a plain MP4 with its index, not fragments."""
    path = save(tmp_path / "out.mp4", results(range(0, 90000, 3600)))
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        frame = next(container.decode(video=0))
        assert (context.name, context.profile, context.pix_fmt) == ("h264", "High", "yuv420p")
        assert not context.has_b_frames
        assert (frame.colorspace, frame.color_range, frame.color_trc, frame.color_primaries) == (1, 1, 1, 1)
    assert boxes(path) == ["ftyp", "free", "mdat", "moov"]


def test_there_is_a_key_frame_at_least_each_second_also_at_a_variable_rate(tmp_path):
    stamps = np.cumsum(np.random.default_rng(0).integers(1000, 60000, 60)).tolist()
    found = [time for time, _, key in packets(save(tmp_path / "out.mp4", results(stamps))) if key]
    spans = [b - a for a, b in pairwise([*found, Fraction(stamps[-1], 90000)])]
    assert max(spans) <= 1 + Fraction(60000, 90000)  # the first frame that comes a second later is one


def test_colours_are_what_they_were(tmp_path):
    """Flat fields, far from their edges, come back within 2 of 255: 8-bit limited range cannot do better than 1."""
    image = np.repeat(np.repeat(np.array([COLOURS], np.uint8), 64, axis=0), 32, axis=1)
    path = save(tmp_path / "out.mp4", results([0, 3600], image=lambda i: image), crf=1)
    shown = pictures(path)[0].astype(int)
    for i, colour in enumerate(COLOURS):
        assert np.abs(shown[8:-8, i * 32 + 8 : i * 32 + 24] - colour).max() <= 2, colour


@pytest.mark.parametrize(("width", "height"), [(161, 121), (161, 120), (1, 1), (2, 2)])
def test_an_odd_picture_gets_its_last_row_and_column_twice(tmp_path, width, height):
    path = save(tmp_path / "out.mp4", results([0, 3600], image=lambda i: picture(i, width, height)), crf=1)
    shown = pictures(path)[0]
    assert shown.shape == (height + height % 2, width + width % 2, 3)
    assert np.abs(shown[:height, :width].astype(int) - picture(0, width, height)).mean() < 12  # chroma is halved


def test_a_picture_of_another_size_is_scaled_between_bars(tmp_path):
    """160 x 120, then 100 x 100 white: 120 x 120 in the middle, 20 black columns at each side."""
    sizes = [picture(), np.full((100, 100, 3), 255, np.uint8)]
    shown = pictures(save(tmp_path / "out.mp4", results([0, 3600], image=lambda i: sizes[i]), crf=1))
    assert [each.shape for each in shown] == [(120, 160, 3)] * 2
    assert shown[1][:, 24:-24].min() > 240
    assert max(shown[1][:, :16].max(), shown[1][:, -16:].max()) < 16


def test_a_rotated_video_comes_out_upright_and_without_a_tag(tmp_path):
    source = save(tmp_path / "turned.mp4", results([0, 3600, 7200]))
    data = bytearray(source.read_bytes())
    matrix = data.rindex(b"tkhd") + 4 + 40  # ISO/IEC 14496-12, 8.3.2: of the first track, version 0
    quarter_turn = (0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    data[matrix : matrix + 36] = b"".join(value.to_bytes(4, "big", signed=True) for value in quarter_turn)
    source.write_bytes(data)
    with av.open(str(source)) as container:
        frames = list(container.decode(video=0))
    assert frames[0].rotation % 180 == 90
    turned = [displayed(frame) for frame in frames]
    path = save(tmp_path / "out.mp4", results([0, 3600, 7200], image=lambda i: turned[i]), crf=1)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    assert (frame.width, frame.height, frame.rotation) == (120, 160, 0)
    assert np.abs(frame.to_ndarray(format="rgb24").astype(int) - turned[0]).mean() < 5


def make_with_sound(path, container, codec, start_s=0.0, rate=48000):
    """Three seconds at a trembling 25 a second, with B-frames, and a tone."""
    with av.open(str(path), "w", format=container) as out:
        video = out.add_stream("libx264", options={"bf": "2"})
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        video.codec_context.framerate = Fraction(25)
        video.codec_context.time_base = video.time_base = Fraction(1, 90000)
        sound = out.add_stream(codec, rate=rate)
        sound.layout = "mono"
        frame_size = sound.codec_context.frame_size or 400
        convert = AudioResampler(sound.codec_context.format.name, "mono", rate, frame_size)
        share = rate // 25
        for i in range(75):
            frame = av.VideoFrame.from_ndarray(picture(i), "rgb24")
            frame.pts, frame.time_base = round(start_s * 90000) + 3600 * i + 900 * (i % 4 == 1), Fraction(1, 90000)
            out.mux(video.encode(frame))
            tone = 8000 * np.sin(np.arange(share * i, share * (i + 1)) * 2 * np.pi * 440 / rate)
            block = av.AudioFrame.from_ndarray(tone.astype(np.int16)[None], "s16", "mono")
            block.sample_rate, block.pts, block.time_base = rate, round(start_s * rate) + share * i, Fraction(1, rate)
            for piece in convert.resample(block):
                out.mux(sound.encode(piece))
        out.mux(video.encode(None))
        out.mux(sound.encode(None))
    return path


def read_with_sound(path, shift_s=0.0, epoch=0):
    """As a source hands frames out: with the sound packets that came since the last."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        template = av.open(io.BytesIO(), "w", format="nut").add_stream_from_template(sound)
        stream = Stream(str(path), path=path, rate=video.average_rate, audio=template)
        came, index = [], 0
        for packet in container.demux(video, sound):
            if packet.stream is sound:
                came += [packet] if packet.size else []
                continue
            for frame in packet.decode():
                image, audio = frame.to_ndarray(format="rgb24"), tuple(came)
                came = []
                given = Frame(image, stream, index, frame.pts, frame.time_base, 0.0, epoch, shift_s, audio)
                yield FrameResult(given, (1,), ())
                index += 1


@pytest.mark.parametrize("start_s", [0.0, 1.4])
@pytest.mark.parametrize(
    ("container", "codec", "rate", "suffix"),
    [
        ("mp4", "aac", 44100, ".mp4"),
        ("mp4", "aac", 44100, ".mov"),
        ("mp4", "aac", 44100, ".mkv"),
        ("mpegts", "aac", 48000, ".mp4"),
        ("mpegts", "aac", 48000, ".mkv"),
        ("matroska", "libopus", 48000, ".mp4"),
        ("matroska", "libopus", 48000, ".mkv"),
        ("mov", "pcm_mulaw", 8000, ".mov"),
    ],
)
def test_sound_is_copied_bit_for_bit_and_in_time(tmp_path, container, codec, rate, suffix, start_s):
    """No sound packet moves by more than 1 ms against the pictures; "no packet" is not "in time"."""
    source = make_with_sound(tmp_path / "source", container, codec, start_s, rate)
    given = list(read_with_sound(source))
    path = save(tmp_path / f"out{suffix}", given)
    sent = [packet for result in given for packet in result.frame.audio]
    got = packets(path, "audio")
    first = given[0].frame
    zero_s = 0 if container in ("mp4", "mov") else first.pts * first.time_base  # only these say where 0 is
    header = 7 if container == "mpegts" else 0  # of ADTS, which only broadcasts carry
    assert b"".join(bytes(packet)[header:] for packet in sent) == b"".join(data for _, data, _ in got)
    assert len(sent) > 50 or codec == "pcm_mulaw"
    if codec != "pcm_mulaw":  # there a packet is what the reader makes of it
        came = [packet.pts * packet.time_base - zero_s for packet in sent]
        assert max(abs(a - time) for a, (time, _, _) in zip(came, got, strict=True)) <= Fraction(1, 1000)
    stamps = [result.frame.pts * result.frame.time_base - zero_s for result in given]
    assert max(abs(a - b) for a, b in zip(stamps, times(path), strict=True)) <= (
        Fraction(1, 2000) if suffix == ".mkv" else 0
    )


def test_sound_of_a_later_epoch_moves_with_its_pictures_and_the_senders_packets_stay_as_they_are(tmp_path):
    source = make_with_sound(tmp_path / "source.mp4", "mp4", "aac", rate=44100)
    first, again = list(read_with_sound(source)), list(read_with_sound(source, shift_s=10.0, epoch=1))
    before = [(p.pts, p.time_base, p.stream) for result in first for p in result.frame.audio]
    path = save(tmp_path / "out.mp4", first + again)
    assert [(p.pts, p.time_base, p.stream) for result in first for p in result.frame.audio] == before
    got = [time for time, _, _ in packets(path, "audio")]
    half = len(before)
    shifts = {round(float(b - a), 3) for a, b in zip(got[:half], got[half:], strict=False)}
    assert shifts == {10.0}


def test_each_stream_has_a_file_of_its_own(tmp_path):
    path = tmp_path / "zwei Gesichter é.mp4"
    sink = VideoSink(path)
    streams = [Stream("a"), Stream("b", number=1), Stream("c", number=2)]
    for i in range(3):
        for stream in streams[: 3 - i]:
            sink.write(next(results([3600 * i], stream=stream)))
    sink.close()
    sink.close()
    assert [len(times(tmp_path / f"zwei Gesichter é{end}.mp4")) for end in ("", "-2", "-3")] == [3, 2, 1]


def test_the_overlay_is_stored_unless_it_is_not_wanted(tmp_path):
    given = [next(results([0], image=lambda i: np.full((240, 320, 3), 200, np.uint8)))]
    bare, drawn = (pictures(save(tmp_path / f"{on}.mp4", given, overlay=on))[0] for on in (False, True))
    assert bare.min() > 180
    assert drawn[-10:, :100].min() < 80  # the status line's ground


WRITE_ON = """
    import sys
    from pathlib import Path
    sys.path[:0] = [{root!r}]
    from tests.realtime.sinks import test_video_sink as t
    sink = t.VideoSink(Path({path!r}), overlay=False)
    for i, result in enumerate(t.results(range(0, 10**9, 3600))):
        sink.write(result)
        print(i, flush=True)
"""


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_a_killed_process_leaves_a_video_that_plays_up_to_the_last_second(tmp_path, suffix):
    """At 25 a second: of the n pictures that were written, at least n - 25 are there."""
    path = tmp_path / f"out{suffix}"
    script = textwrap.dedent(WRITE_ON.format(root=str(ROOT), path=str(path)))
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as process:
        for line in process.stdout:
            if int(line) == 130:
                process.send_signal(signal.SIGKILL)
                break
    written = 131
    assert process.returncode == -signal.SIGKILL
    assert len(pictures(path)) >= written - 25
    assert times(path)[:100] == [Fraction(3600 * i, 90000) for i in range(100)]


FILL_UP = """
    import resource, signal, sys
    from pathlib import Path
    sys.path[:0] = [{root!r}]
    import numpy as np
    from tests.realtime.sinks import test_video_sink as t
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, ({limit}, {limit}))
    noise = np.random.default_rng(0).integers(0, 256, (120, 160, 3), np.uint8)
    sink = t.VideoSink(Path({path!r}), overlay=False)
    told = written = 0
    try:
        for result in t.results(range(0, 3600 * {frames}, 3600), image=lambda i: np.roll(noise, i, axis=1)):
            sink.write(result)
            written += 1
    except t.DataError as exc:
        told += 1
        print(exc, file=sys.stderr)
    for _ in range(2):
        try:
            sink.close()
        except t.DataError as exc:
            told += 1
            print(exc, file=sys.stderr)
    print(written, told)
"""


def fill_up(path, limit, frames):
    """Writes until the system refuses a byte beyond the limit. How many pictures were taken, failures, their text."""
    script = textwrap.dedent(FILL_UP.format(root=str(ROOT), path=str(path), limit=limit, frames=frames))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    written, told = map(int, done.stdout.split())
    return written, told, done.stderr


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_full_disk_is_told_once_in_one_line_and_what_is_there_still_plays(tmp_path, suffix):
    path = tmp_path / f"out{suffix}"
    written, told, text = fill_up(path, 500_000, 10_000)
    assert told == 1
    assert text.count("\n") == 1
    assert "cannot continue this video (File too large)" in text
    assert len(pictures_until_cut(path)) >= written - 25 > 0


@pytest.mark.slow
def test_a_disk_that_is_full_just_at_the_end_costs_a_second_at_most(tmp_path):
    """All fragments fit, the index that close() adds does not."""
    written, told, text = fill_up(tmp_path / "whole.mp4", 10**9, 60)
    assert (written, told, text) == (60, 0, "")
    whole = (tmp_path / "whole.mp4").stat().st_size
    written, told, _ = fill_up(tmp_path / "cut.mp4", whole - 100, 60)
    assert (written, told) == (60, 1)
    assert len(pictures_until_cut(tmp_path / "cut.mp4")) >= 60 - 25


def pictures_until_cut(path):
    """All that plays, of a file whose last piece may be torn."""
    found = []
    with av.open(str(path)) as container:
        try:
            for frame in container.decode(video=0):
                found.append(frame.pts)
        except av.FFmpegError:
            pass
    return found


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("no/such/out.mp4", "there is no folder"),
        ("out.avi", r"saved as \.mp4"),
        (".", r"saved as \.mp4"),
        ("folder.mp4", "this is a folder"),
        ("x" * 300 + ".mp4", "File name too long"),
    ],
)
def test_a_place_that_cannot_be_written_to_is_refused_in_one_line(tmp_path, name, reason):
    (tmp_path / "folder.mp4").mkdir()
    with pytest.raises(DataError, match=reason) as caught:
        VideoSink(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_device_that_is_full_is_refused(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("no /dev/full on this system")
    (tmp_path / "out.mp4").symlink_to("/dev/full")
    with pytest.raises(DataError, match="No space left on device"):
        save(tmp_path / "out.mp4", results(range(0, 360000, 3600)))


def test_the_video_that_is_being_read_is_never_overwritten(tmp_path):
    source = save(tmp_path / "in.mp4", results([0, 3600]))
    before = source.read_bytes()
    with pytest.raises(DataError, match="being read"):
        save(source, results([0], stream=Stream("in.mp4", path=source)))
    assert source.read_bytes() == before


def test_nothing_is_printed(tmp_path, capfd):
    save(tmp_path / "out.mp4", results(range(0, 90000, 3600)))
    assert capfd.readouterr() == ("", "")
