"""The sound of a saved video: copied where players take it, else AAC, in step; or refused at once."""

import io
import logging
from fractions import Fraction

import av
import numpy as np
import pytest
from av.audio.resampler import AudioResampler

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.cli.arguments import options_of, parser
from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.sinks.video.encoded_sound import aac_form
from knowledge_spreader.realtime.sinks.video.sound import check_recording
from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink
from knowledge_spreader.realtime.types import Frame, FrameResult, Stream

FPS, SECONDS, BLOCK = 25, 2, 1024
CLICK_S = 1.0  # where the sound becomes loud, and the picture white


def recording(path, codec, *, video="mpeg4", rate=48_000, layout="mono", start_s=0.0, gap_s=0.0, **how):
    """Two seconds: silence and black, then a tone and white. gap_s: so much of the silence is missing, from 0.5 s."""
    with av.open(str(path), "w", **how) as out:
        pictures = out.add_stream(video, rate=FPS)
        pictures.width, pictures.height, pictures.pix_fmt = 64, 48, "yuvj420p" if video == "mjpeg" else "yuv420p"
        sound = out.add_stream(codec, rate=rate, layout=layout, options={"strict": "experimental"})
        sound.codec_context.bit_rate = 128_000
        sound.codec_context.open()
        form = sound.codec_context.format.name
        convert = AudioResampler(form, layout, rate, sound.codec_context.frame_size or rate // FPS)
        share = rate // FPS
        for i in range(SECONDS * FPS):
            loud = i >= CLICK_S * FPS
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 255 * loud, np.uint8), "rgb24")
            frame.pts, frame.time_base = i + round(start_s * FPS), Fraction(1, FPS)
            out.mux(pictures.encode(frame))
            if 0.5 <= i / FPS < 0.5 + gap_s:
                continue
            tone = np.sin(np.arange(share * i, share * (i + 1)) * 2 * np.pi * 440 / rate) * loud / 2
            block = av.AudioFrame("fltp", layout, share)
            for plane in block.planes[: sound.channels]:
                plane.update(tone.astype(np.float32))
            block.pts, block.time_base = share * i + round(start_s * rate), Fraction(1, rate)
            block.sample_rate = rate
            for piece in convert.resample(block) if not gap_s else (whole(convert, block)):
                out.mux(sound.encode(piece))
        for piece in convert.resample(None):
            out.mux(sound.encode(piece))
        out.mux(pictures.encode(None))
        out.mux(sound.encode(None))
    return path


def whole(convert, block):
    """The block in the codec's form, without waiting for the next."""
    return AudioResampler(convert.format, convert.layout, convert.rate).resample(block)


def read(path):
    """As a source hands frames out: with the sound packets that came since the last, and those left at the end."""
    with av.open(str(path)) as container:
        video, sound = container.streams.video[0], container.streams.audio[0]
        template = av.open(io.BytesIO(), "w", format="null").add_stream_from_template(sound)
        stream = Stream(str(path), path=path, rate=video.average_rate, audio=template)
        came, frames = [], []
        for packet in container.demux(video, sound):
            if packet.stream is sound:
                came += [packet] if packet.size else []
                continue
            for frame in packet.decode():
                image = frame.to_ndarray(format="rgb24")
                frames.append((image, frame.pts, frame.time_base, tuple(came)))
                came = []
        for i, (image, pts, time_base, audio) in enumerate(frames):
            audio = audio if i + 1 < len(frames) else (*audio, *came)
            yield FrameResult(Frame(image, stream, i, pts, time_base, 0.0, audio=audio), (1,), ())


def save(path, given):
    sink = VideoSink(path, overlay=False)
    for result in given:
        sink.write(result)
    sink.close()
    return path


def heard(path):
    """Codec, sample rate, channels, number of samples, and when they become loud, in seconds."""
    with av.open(str(path)) as container:
        track = container.streams.audio[0]
        samples, times = [], []
        for frame in container.decode(track):
            loudest = np.abs(AudioResampler("fltp", "mono", frame.sample_rate).resample(frame)[0].to_ndarray()[0])
            samples.append(loudest)
            begin = times[-1][-1] if frame.time is None else frame.time  # ASF has one time for several blocks
            times.append(begin + np.arange(len(loudest)) / frame.sample_rate)
        context = track.codec_context
        rate, channels, codec = context.sample_rate, context.layout.nb_channels, context.codec.canonical_name
    loud = np.concatenate(times)[np.flatnonzero(np.concatenate(samples) > 0.1)[0]]
    return codec, rate, channels, sum(map(len, samples)), loud


def white_s(path):
    with av.open(str(path)) as container:
        return next(f.time for f in container.decode(video=0) if f.to_ndarray(format="gray").mean() > 128)


def lengths_s(path):
    """Length of each track as the file states it, or as its packets give it."""
    found = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                end = float((packet.pts + (packet.duration or 0)) * packet.time_base)
                found[packet.stream.type] = max(found.get(packet.stream.type, 0), end)
    return found


AAC, SAME = "aac", ""


@pytest.mark.parametrize(
    ("container", "codec", "rate", "layout", "in_mp4", "in_mov", "in_mkv"),
    [
        ("avi", "pcm_s16le", 44_100, "stereo", AAC, SAME, SAME),
        ("avi", "pcm_u8", 8_000, "mono", AAC, AAC, SAME),
        ("avi", "pcm_s24le", 48_000, "5.1", AAC, SAME, SAME),
        ("avi", "pcm_mulaw", 8_000, "mono", AAC, SAME, AAC),
        ("avi", "adpcm_ms", 22_050, "mono", AAC, AAC, AAC),
        ("avi", "libmp3lame", 44_100, "stereo", SAME, SAME, SAME),
        ("avi", "mp2", 44_100, "stereo", AAC, AAC, SAME),
        ("avi", "ac3", 48_000, "stereo", SAME, SAME, SAME),
        ("asf", "wmav2", 44_100, "stereo", AAC, AAC, AAC),
        ("asf", "wmav1", 44_100, "mono", AAC, AAC, AAC),
        ("mov", "pcm_s16be", 48_000, "stereo", AAC, SAME, SAME),
        ("mov", "alac", 48_000, "stereo", SAME, SAME, SAME),
        ("matroska", "vorbis", 48_000, "stereo", AAC, AAC, SAME),
        ("matroska", "libopus", 48_000, "mono", SAME, AAC, SAME),
        ("matroska", "flac", 48_000, "mono", SAME, AAC, SAME),
        ("mpegts", "mp2", 48_000, "mono", AAC, AAC, SAME),
    ],
)
def test_sound_is_copied_or_encoded_so_that_players_take_it(
    tmp_path, container, codec, rate, layout, in_mp4, in_mov, in_mkv
):
    """In step within 10 ms, and not a sample lost: a codec's first and last block may have more of them, of silence."""
    source = recording(tmp_path / "source", codec, rate=rate, layout=layout, format=container)
    given = list(read(source))
    name, _, channels, n, loud_s = heard(source)
    for suffix, expected in ((".mp4", in_mp4), (".mov", in_mov), (".mkv", in_mkv)):
        path = save(tmp_path / f"out{suffix}", given)
        got = heard(path)
        assert got[:3] == (expected or name, rate, channels), suffix
        assert abs(got[3] - n) <= 2 * BLOCK, suffix
        assert abs((got[4] - white_s(path)) - (loud_s - white_s(source))) < 0.010, suffix
        tracks = lengths_s(path)
        assert abs(tracks["audio"] - tracks["video"]) < 0.1, suffix


@pytest.mark.parametrize(("rate", "expected"), [(37_800, 44_100), (192_000, 96_000), (6_000, 7_350)])
def test_a_rate_that_aac_does_not_know_becomes_the_next(tmp_path, rate, expected):
    source = recording(tmp_path / "source.avi", "pcm_s16le", rate=rate)
    codec, got, _, n, loud_s = heard(save(tmp_path / "out.mp4", read(source)))
    assert (codec, got) == ("aac", expected)
    assert abs(n - SECONDS * expected) <= 2 * BLOCK
    assert abs(loud_s - CLICK_S) < 0.01


def test_one_line_says_that_it_is_encoded(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    save(tmp_path / "out.mp4", read(recording(tmp_path / "source.avi", "pcm_s16le")))
    (line,) = [record.getMessage() for record in caplog.records]
    assert line == f"{tmp_path}/out.mp4: the sound (pcm_s16le) is encoded to AAC, as few players open pcm_s16le in .mp4"
    caplog.clear()
    save(tmp_path / "out.mkv", read(tmp_path / "source.avi"))
    assert not caplog.records


@pytest.mark.parametrize("start_s", [0.0, 1.4])
def test_a_gap_is_filled_with_silence(tmp_path, start_s):
    source = recording(tmp_path / "source.mkv", "pcm_s16le", gap_s=0.2, start_s=start_s)
    path = save(tmp_path / "out.mp4", read(source))
    _, rate, _, n, loud_s = heard(path)
    assert abs(loud_s - white_s(path)) < 0.01
    assert abs(n - SECONDS * rate) <= 2 * BLOCK


def test_a_later_epoch_moves_its_sound_with_its_pictures_and_a_long_gap_stays_empty(tmp_path):
    """Two seconds, then the same two again, 60 s later: the file lasts 64 s but holds 4 s of samples."""
    given = list(read(recording(tmp_path / "source.avi", "pcm_s16le")))
    again = [Frame(r.frame.image, r.frame.stream, r.frame.index + 50, r.frame.pts, r.frame.time_base, 0.0, 1, 62.0,
                   r.frame.audio) for r in given]  # fmt: skip
    path = save(tmp_path / "out.mp4", [*given, *(FrameResult(frame, (1,), ()) for frame in again)])
    _, rate, _, n, loud_s = heard(path)
    assert abs(n - 2 * SECONDS * rate) <= 3 * BLOCK
    assert abs(loud_s - CLICK_S) < 0.01
    with av.open(str(path)) as container:
        later = [frame.time for frame in container.decode(audio=0) if frame.time > 61]
        assert later[0] == pytest.approx(62.0, abs=0.03)
    assert lengths_s(path)["audio"] == pytest.approx(64.0, abs=0.1)


def test_packets_that_cannot_be_decoded_become_silence(tmp_path):
    given = list(read(recording(tmp_path / "source.mkv", "vorbis", layout="stereo")))
    broken = []
    for result in given:
        if 10 <= result.frame.index < 15:
            for packet in result.frame.audio:
                packet.update(b"\xff" * packet.size)
        broken.append(result)
    path = save(tmp_path / "out.mp4", broken)
    assert abs(heard(path)[4] - white_s(path)) < 0.02


def unknown_sound(path):
    """An AVI whose sound has a format number that nobody knows."""
    data = bytearray(recording(path, "pcm_s16le").read_bytes())
    at = data.index(b"strf", data.index(b"auds")) + 8  # WAVEFORMATEX, wFormatTag
    data[at : at + 2] = b"\x77\x77"
    path.write_bytes(data)
    return path


def test_what_can_be_neither_copied_nor_encoded_is_refused_with_an_option_that_exists(tmp_path):
    with pytest.raises(DataError, match="sound is of an unknown kind; give --no-sound to save") as caught:
        check_recording(unknown_sound(tmp_path / "unknown.avi"), tmp_path / "out.mp4")
    assert "\n" not in str(caught.value)
    assert not options_of(parser().parse_args(["--save", "out.mp4", "--no-sound"])).audio
    many = recording(tmp_path / "many.mkv", "pcm_s16le", layout="22.2")
    with pytest.raises(DataError, match=r"\(pcm_s16le\).* save as \.mkv or with --no-sound$"):
        check_recording(many, tmp_path / "out.mp4")
    check_recording(many, tmp_path / "out.mov")


def test_a_run_refuses_it_before_the_first_frame_and_leaves_no_file(tmp_path, face_model, capsys):
    clip = unknown_sound(tmp_path / "unknown.avi")
    run = ["--no-progress", "--face-model", str(face_model), "--source", str(clip)]
    run += ["--csv", str(tmp_path / "o.csv"), "--save", str(tmp_path / "o.mp4")]
    assert main(run) == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["unknown.avi"]
    (line,) = [line for line in capsys.readouterr().err.splitlines() if "error" in line]
    assert "--no-sound" in line
    assert main([*run, "--no-sound"]) == 0
    with av.open(str(tmp_path / "o.mp4")) as container:
        assert not container.streams.audio


def test_an_earlier_video_stays_when_the_new_one_is_refused(tmp_path):
    given = list(read(recording(tmp_path / "source.mkv", "pcm_s16le", layout="22.2")))
    (tmp_path / "out.mp4").write_bytes(b"yesterday")
    with pytest.raises(DataError, match="--no-sound"):
        save(tmp_path / "out.mp4", given)
    assert (tmp_path / "out.mp4").read_bytes() == b"yesterday"


def test_aac_keeps_rate_and_channels(tmp_path):
    with av.open(str(recording(tmp_path / "a.mkv", "pcm_s16le", rate=16_000, layout="7.1"))) as container:
        form = aac_form(container.streams.audio[0])
    assert (form.rate, form.layout) == (16_000, "7.1")


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_track_without_a_packet_leaves_a_video_that_plays(tmp_path, suffix):
    given = read(recording(tmp_path / "source.avi", "adpcm_ms", rate=22_050))
    silent = [FrameResult(Frame(f.image, f.stream, f.index, f.pts, f.time_base, 0.0), (1,), ())
              for f in (result.frame for result in given)]  # fmt: skip
    path = save(tmp_path / f"out{suffix}", silent)
    with av.open(str(path)) as container:
        assert len(list(container.decode(video=0))) == SECONDS * FPS
