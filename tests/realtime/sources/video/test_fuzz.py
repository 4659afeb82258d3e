"""Videos of many kinds: every picture once, at its time, upright, square and unmirrored, live and in training alike."""

import json
import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.displayed import square_size
from knowledge_spreader.frame_reader import read_pictures
from knowledge_spreader.realtime.sources.recorded import Recording
from knowledge_spreader.realtime.sources.source_spec import targets
from knowledge_spreader.realtime.types import Frame
from tests.realtime.sources.video.fuzz_videos import KINDS, SIZE, Case, cases, expected, write

QUICK, ALL = 22, 132  # two and twelve of each container
CASES = list(cases(seed=19, count=ALL))


def recorded(path: Path, *, audio: bool) -> list[Frame]:
    (target,) = targets([str(path)])
    with Recording(target, audio=audio) as recording:
        frames = list(recording.frames())
        assert recording.loss == ""
        assert recording.received == len(frames)
    return frames


def quarters(image: np.ndarray) -> list[float]:
    """Grey in the middle of each quarter, in reading order."""
    height, width = image.shape[:2]
    parts = [image[height * y // 8 :, width * x // 8 :][: height // 8, : width // 8] for y in (1, 5) for x in (1, 5)]
    return [float(part.mean()) for part in parts]


@pytest.mark.parametrize(
    "case",
    [pytest.param(case, id=str(case), marks=[] if i < QUICK else [pytest.mark.slow]) for i, case in enumerate(CASES)],
)
def test_a_video_of_any_kind_comes_whole(case: Case, tmp_path: Path) -> None:
    path = write(case, tmp_path)
    frames = recorded(path, audio=bool(case.sound))
    assert len(frames) == len(case.times)
    assert [frame.index for frame in frames] == list(range(len(frames)))
    check_times(case, frames, path)
    width, height = square_size(*SIZE, case.aspect)
    shape = (height, width, 3) if case.matrix[0] else (width, height, 3)
    for i, frame in enumerate(frames):
        assert frame.image.shape == shape
        assert quarters(frame.image) == pytest.approx(expected(case, i), abs=6)
    for frame, (index, picture) in zip(frames, read_pictures(path, np.arange(len(frames))), strict=True):
        assert index == frame.index
        assert np.array_equal(picture, frame.image)  # training sees what the live pipeline sees


def check_times(case: Case, frames: list[Frame], path: Path) -> None:
    assert {frame.epoch for frame in frames} == {0}
    assert all(earlier.time_s < later.time_s for earlier, later in pairwise(frames))
    start_s = frames[0].time_s
    wanted = [float(time_s) for time_s in case.times]
    avi = case.suffix == ".avi"
    if not (avi and case.sound == "libmp3lame"):  # the writer leaves out a time after the first picture
        assert [frame.time_s - start_s for frame in frames] == pytest.approx(wanted, abs=1.01 * case.tick_s)
    if ffprobe := shutil.which("ffprobe"):
        best_s = best_effort_s(ffprobe, path)
        assert len(best_s) == len(frames)
        # With B-frames in AVI, ffmpeg counts the decoder's delay of two pictures into the times. Players do not.
        delay_s = (best_s[0] or 0.0) if avi else 0.0
        for frame, best in zip(frames, best_s, strict=True):
            assert best is None or frame.time_s == pytest.approx(best - delay_s, abs=2e-6)


def best_effort_s(ffprobe: str, path: Path) -> list[float | None]:
    """FFmpeg's own time of each picture; None where it has none."""
    command = [ffprobe, "-v", "error", "-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    done = subprocess.run([*command, "-of", "json", f"file:{path}"], capture_output=True, check=True)
    times = [frame.get("best_effort_timestamp_time") for frame in json.loads(done.stdout)["frames"]]
    return [None if time_s is None else float(time_s) for time_s in times]


def test_the_cases_cover_what_they_should() -> None:
    assert {case.suffix for case in CASES[:QUICK]} == set(KINDS)
    assert {(case.suffix, case.codec) for case in CASES} == {(s, c) for s, kind in KINDS.items() for c in kind[1]}
    assert {case.sound for case in CASES} == {"", *(sound for kind in KINDS.values() for sound in kind[2])}
    assert len({case.matrix for case in CASES}) == 8
    assert len({case.aspect for case in CASES}) == 4
    assert len({case.name for case in CASES}) == 10
    assert sum(case.b_frames for case in CASES) > 20
