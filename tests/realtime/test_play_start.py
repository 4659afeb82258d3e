"""Events and the saved video count from where players start a recording, whatever its clock says."""

from fractions import Fraction
from pathlib import Path

import av
import pandas as pd
import pytest

from knowledge_spreader.realtime.play_start import play_start_s
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.video.video_sink import VideoSink
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.types import Event, FrameResult
from tests.realtime.clips import write_clip
from tests.realtime.sinks.test_events_sink import spans


def moved(source: Path, path: Path, *, pictures_s: float = 0.0, sound_s: float = 0.0) -> Path:
    """The same packets, each track later by so many seconds."""
    with av.open(str(source)) as container, av.open(str(path), "w") as out:
        tracks = {track.index: out.add_stream_from_template(track) for track in container.streams}
        for packet in container.demux():
            if packet.size:
                by = round(Fraction(pictures_s if packet.stream.type == "video" else sound_s) / packet.time_base)
                packet.pts, packet.dts = packet.pts + by, packet.dts + by
                packet.stream = tracks[packet.stream.index]
                out.mux(packet)
    return path


def results(path: Path, **options: bool) -> list[FrameResult]:
    (target,) = targets([str(path)])
    with Recording(target, **options) as recording:
        return [FrameResult(frame, (12,), ()) for frame in recording.frames()]


def first_picture_s(path: Path) -> float:
    """When players show the first picture."""
    first = results(path)[0].frame
    return round(first.time_s - float(play_start_s(first)), 3)


@pytest.mark.parametrize("suffix", [".ts", ".mts", ".mkv", ".mpg", ".flv"])
@pytest.mark.parametrize("sound", [True, False])
def test_a_clock_that_starts_anywhere_is_counted_from_the_first_picture(tmp_path, suffix, sound):
    """Beside it: the sound's first packet, 64 ms before the pictures, which AAC needs to begin."""
    codec = "mpeg2video" if suffix == ".mpg" else "libx264"
    clip = write_clip(tmp_path / "zero.mp4", 10, codec=codec, sound=sound and suffix != ".mpg", options={"bf": "0"})
    assert first_picture_s(clip) == 0
    late = moved(clip, tmp_path / f"late{suffix}", pictures_s=1.4, sound_s=1.4)
    assert results(late)[0].frame.time_s > 1.3
    assert first_picture_s(late) == 0


@pytest.mark.parametrize("suffix", [".ts", ".mkv", ".mp4"])
def test_sound_that_starts_earlier_starts_the_recording(tmp_path, suffix):
    """A second of sound before the first picture, and AAC's first packet of 64 ms where no edit list hides it."""
    clip = write_clip(tmp_path / "zero.mp4", 10, sound=True)
    late = moved(clip, tmp_path / f"late{suffix}", pictures_s=2.0, sound_s=1.0)
    assert first_picture_s(late) == {".ts": 1.064, ".mkv": 1.064, ".mp4": 2.0}[suffix]


def test_mp4_says_itself_where_0_is(tmp_path):
    """Its edit list holds the pictures back by a second: VLC, QuickTime and browsers show the first at 1.0 s."""
    late = moved(write_clip(tmp_path / "zero.mp4", 10), tmp_path / "late.mp4", pictures_s=1.0)
    assert first_picture_s(late) == 1.0


def test_a_pipe_and_a_file_that_is_gone_count_from_the_first_frame(tmp_path):
    late = moved(write_clip(tmp_path / "zero.mp4", 10), tmp_path / "late.ts", pictures_s=1.4)
    (first, *_) = results(late)
    late.unlink()
    assert play_start_s(first.frame) == first.frame.pts * first.frame.time_base


@pytest.mark.parametrize("suffix", [".mp4", ".ts", ".mkv"])
@pytest.mark.parametrize("saved", [".mp4", ".mkv"])
def test_events_and_the_saved_video_are_in_step(tmp_path, suffix, saved):
    """AU12 comes with picture 5 of 25 a second and goes with picture 15: 0.2 to 0.6 s in all outputs."""
    clip = write_clip(tmp_path / "zero.mp4", 30, sound=True)
    source = clip if suffix == ".mp4" else moved(clip, tmp_path / f"late{suffix}", pictures_s=1.4, sound_s=1.4)
    given = results(source, audio=True)
    stream, onset_s, end_s = given[0].frame.stream, given[5].frame.time_s, given[15].frame.time_s
    events = {5: Event(stream, 0, 12, onset_s, None, 0.9), 15: Event(stream, 0, 12, onset_s, end_s, 0.9)}
    sinks = [
        EventsSink(tmp_path / "e.eaf", (12,)),
        EventsSink(tmp_path / "e.tsv", (12,)),
        VideoSink(tmp_path / f"out{saved}", overlay=False),
    ]
    for i, result in enumerate(given):
        for sink in sinks:
            sink.write(FrameResult(result.frame, (12,), (), (events[i],) if i in events else ()))
    for sink in sinks:
        sink.close()
    assert [span[:2] for span in spans(tmp_path / "e.eaf")["AU12 face 0"]] == [(200, 600)]
    (row,) = pd.read_csv(tmp_path / "e.tsv", sep="\t").to_dict("records")
    assert (row["onset"], row["duration"]) == pytest.approx((0.2, 0.4), abs=1e-6)
    with av.open(str(tmp_path / f"out{saved}")) as container:
        shown = [frame.time for frame in container.decode(video=0)]
    assert (shown[0], shown[5], shown[15]) == pytest.approx((0.0, 0.2, 0.6), abs=0.001)
