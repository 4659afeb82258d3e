"""realtime/demo: the bundled clip is what its table and its script say."""

import csv
from fractions import Fraction

import av
import numpy as np
import pytest

from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.synth.dataset.demo import FPS, SCRIPT, SIZE
from tests.ks.synth.asset_folder import FACE_MODEL
from tests.paths import ROOT

FOLDER = ROOT / "realtime" / "demo"


def table():
    with (FOLDER / "clip.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def test_the_bundled_clip_is_small_and_of_a_kind_that_browsers_play():
    assert (FOLDER / "clip.mp4").stat().st_size < 700_000
    with av.open(str(FOLDER / "clip.mp4")) as container:
        video, audio = container.streams.video[0], container.streams.audio[0]
        assert (video.codec_context.name, video.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (video.width, video.height) == SIZE
        assert video.average_rate == FPS == Fraction(25)
        assert audio.codec_context.name == "aac"
        assert abs(container.duration / 1e6 - 7.8) < 0.1


def test_its_table_has_a_row_for_each_frame_and_the_script_in_it():
    rows = table()
    with av.open(str(FOLDER / "clip.mp4")) as container:
        times = [float(frame.pts * frame.time_base) for frame in container.decode(video=0)]
    assert len(rows) == len(times) == 195
    assert np.allclose([float(row["timestamp"]) for row in rows], times, atol=1e-3)
    for (start, onset, apex, _), peaks in SCRIPT:
        middle = rows[round((start + onset + apex / 2) * 25)]
        for au, peak in peaks.items():
            assert float(middle[f"AU{au:02d}"]) >= 0.95 * peak


@pytest.mark.slow
def test_a_detector_finds_the_face_on_every_frame():
    with FaceDetector(FACE_MODEL) as detector, av.open(str(FOLDER / "clip.mp4")) as container:
        found = [
            len(detector.find(np.ascontiguousarray(f.to_ndarray(format="rgb24")))) for f in container.decode(video=0)
        ]
    assert found == [1] * 195
