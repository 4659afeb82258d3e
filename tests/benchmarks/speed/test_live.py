"""ks-bench live: real runs of the pipeline on the bundled clip, and MediaPipe's beside it."""

import json
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.speed.live import OUTPUTS, LiveBenchConfig, bench_live
from knowledge_spreader.benchmarks.speed.live_videos import SIZE_PX, write_video
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from tests.paths import SHARED

SHARED = SHARED / "models"


@pytest.mark.parametrize("faces", [1, pytest.param(4, marks=pytest.mark.slow)])
def test_a_video_shows_as_many_faces_as_were_asked_for_and_lasts(tmp_path: Path, face_model: Path, faces: int) -> None:
    path = tmp_path / "v.mp4"
    rate = write_video(demo_clip(), path, faces=faces, seconds=1.0)
    with av.open(str(path)) as container:
        pictures = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    assert len(pictures) == round(rate)
    assert pictures[0].shape == (SIZE_PX[1], SIZE_PX[0], 3)
    with FaceDetector(face_model) as detector:
        assert len(detector.find(np.ascontiguousarray(pictures[0]))) == faces


@pytest.mark.long
def test_the_whole_bench_runs_and_its_figures_hang_together(tmp_path: Path, face_model: Path) -> None:
    path = tmp_path / "live.json"
    command = ["live", "--quick", "--streams", "1", "--faces", "1", "--precisions", "fp32"]
    command += ["--outputs", "default,all", "--no-progress"]
    command += ["--device", "openvino", "--face-model", str(face_model), "--json", str(path)]
    command += ["--landmarker", str(SHARED / "face_landmarker.task")]
    assert main(command) == 0
    result = json.loads(path.read_text())
    rows = {row["what"]: row for row in result["end_to_end"]}
    ours = {"fp32", "fp32, all"}
    theirs = {"times_mediapipe": "MediaPipe FaceLandmarker"}
    theirs["times_mediapipe_ahead"] = "MediaPipe FaceLandmarker, decoded ahead"
    assert set(rows) == {*ours, *theirs.values()}
    for name in ours:
        for key, beside in theirs.items():
            assert rows[name][key] == pytest.approx(rows[name]["fps"] / rows[beside]["fps"], abs=1e-3)  # of one turn
    assert rows[theirs["times_mediapipe_ahead"]]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    assert rows["fp32"]["fps"] > 0
    assert rows["fp32"]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    assert {"read", "find", "encode", "predict"} <= set(rows["fp32"]["stages_ms"])
    assert rows["MediaPipe FaceLandmarker"]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    (capacity,) = result["capacity"]
    assert 0 < capacity["fps"] <= 1.05 * capacity["rate"]
    assert capacity["latency_ms"]["p50"] <= capacity["latency_ms"]["p99"]


@pytest.mark.slow
def test_bf16_is_refused_in_words_or_run_where_the_cpu_has_it(face_model: Path) -> None:
    config = LiveBenchConfig(bundled_model(), demo_clip(), "openvino", ("bf16",), streams=(), seconds=0.4, rounds=1)
    (row,) = bench_live(replace(config, faces=(), face_model=str(face_model)))["end_to_end"]
    assert row["what"] == "bf16"
    assert "bfloat16" in row["error"] if "error" in row else row["fps"] > 0


@pytest.mark.parametrize(
    ("name", "pose", "landmarks", "blendshapes"),
    [("default", True, "none", False), ("all", True, "478", True), ("crops", False, "none", False)],
)
def test_outputs_have_the_options_that_their_names_say(
    name: str, pose: bool, landmarks: str, blendshapes: bool
) -> None:
    options = Options(**OUTPUTS[name])
    assert (options.pose, options.landmarks, options.blendshapes) == (pose, landmarks, blendshapes)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--model", "no_such.ks"], "no_such.ks"),
        (["--clip", "no_such.mp4"], "no_such.mp4"),
        (["--json", "."], "folder"),
        (["--outputs", "all,faces"], "faces"),
    ],
)
def test_bad_input_is_one_line(
    args: list[str], said: str, face_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["live", "--quick", "--no-progress", "--face-model", str(face_model), *args]) == 2
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert said in err
