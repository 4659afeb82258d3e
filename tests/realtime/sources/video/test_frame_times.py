"""Each picture has the time at which it is shown, whatever its container knows about time."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.sources.video.frame_times import FrameTimes

MS = Fraction(1, 1000)


def test_presentation_times_are_taken_as_they_are() -> None:
    times = FrameTimes(Fraction(25))
    times.look([0, 40, 80])
    assert [times.shown(pts, MS) for pts in (0, 40, 80)] == [0, 40, 80]


def test_times_that_go_back_are_replaced_by_the_decoding_times_in_order() -> None:
    """I P B B in coding order: the packets' times are those of the coding order, shifted by a frame."""
    times = FrameTimes(Fraction(25))
    for dts in (0, 40, 80, 120):
        times.sent(dts)
    shown = (40, 120, 160, 80)  # the packets of I, B, B, P as their pictures are shown
    times.look(shown)
    assert [times.shown(pts, MS) for pts in shown] == [0, 40, 80, 120]


def test_a_packet_that_gave_no_picture_takes_its_time_along() -> None:
    times = FrameTimes(Fraction(25), by_decoding=True)
    for dts in (0, 40, 80):
        times.sent(dts)
    times.lost(40)
    assert [times.shown(pts, MS) for pts in (0, 80)] == [0, 80]


def test_pictures_without_any_time_follow_at_the_average_rate() -> None:
    times = FrameTimes(Fraction(25))
    assert [times.shown(pts, MS) for pts in (200, None, None)] == [200, 240, 280]


def bframes(path: Path, frames: int = 30, rate: int = 30) -> Path:
    """H.264 with three B-frames in a row, grey levels that grow by the frame."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate, options={"bf": "3", "b-adapt": "0", "crf": "20"})
        stream.width = stream.height = 64
        for i in range(frames):
            picture = av.VideoFrame.from_ndarray(np.full((64, 64, 3), 8 * i, np.uint8))
            picture.pts, picture.time_base = i, Fraction(1, rate)
            container.mux(stream.encode(picture))
        container.mux(stream.encode())
    return path


@pytest.mark.parametrize("ending", ["avi", "mp4", "mkv", "mov", "ts", "flv"])
def test_recordings_with_b_frames_have_times_that_step_evenly_in_every_container(tmp_path: Path, ending: str) -> None:
    path = bframes(tmp_path / f"talk.{ending}")
    with Recording(targets([str(path)])[0]) as recording:
        frames = list(recording.frames())
    times = np.array([frame.time_s for frame in frames])
    assert len(times) == 30
    np.testing.assert_allclose(np.diff(times), 1 / 30, atol=0.0011)  # Matroska and FLV round to milliseconds
    assert {frame.epoch for frame in frames} == {0}
    levels = [int(frame.image[32, 32, 0]) for frame in frames]
    assert levels == sorted(levels), "pictures come in the order in which they are shown"


def test_a_videos_first_time_is_its_own_in_avi_too(tmp_path: Path) -> None:
    path = bframes(tmp_path / "talk.avi")
    with Recording(targets([str(path)])[0]) as recording:
        assert next(iter(recording.frames())).time_s == 0
