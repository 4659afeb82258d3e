"""ks-bench live: real runs of the pipeline on the bundled clip, and MediaPipe's beside it."""

import json
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.benchmarks.cli import main
from knowledge_spreader.benchmarks.speed.live_videos import SIZE_PX, write_video
from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.realtime.demo import demo_clip
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


@pytest.mark.slow
def test_the_whole_bench_runs_and_its_figures_hang_together(tmp_path: Path, face_model: Path) -> None:
    path = tmp_path / "live.json"
    command = ["live", "--quick", "--streams", "1", "--faces", "1", "--precisions", "fp32,bf16"]
    command += ["--outputs", "default,all,no-pose", "--no-progress"]
    command += ["--device", "openvino", "--face-model", str(face_model), "--json", str(path)]
    command += ["--landmarker", str(SHARED / "face_landmarker.task")]
    assert main(command) == 0
    result = json.loads(path.read_text())
    rows = {row["what"]: row for row in result["end_to_end"]}
    ours = {"fp32", "fp32, all", "fp32, no-pose"}
    theirs = {"times_mediapipe": "MediaPipe FaceLandmarker"}
    theirs["times_mediapipe_ahead"] = "MediaPipe FaceLandmarker, decoded ahead"
    assert set(rows) == {*ours, "bf16", "bf16, all", "bf16, no-pose", *theirs.values()}
    for name in ours:
        for key, beside in theirs.items():
            assert rows[name][key] == pytest.approx(rows[name]["fps"] / rows[beside]["fps"], abs=1e-3)  # of one turn
    assert rows[theirs["times_mediapipe_ahead"]]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    assert rows["fp32"]["fps"] > 0
    assert rows["fp32"]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    assert {"read", "find", "encode", "predict"} <= set(rows["fp32"]["stages_ms"])
    assert rows["MediaPipe FaceLandmarker"]["answers_per_frame"] == pytest.approx(1, abs=0.05)
    assert "bfloat16" in rows["bf16"].get("error", "bfloat16")  # refused in words, or run where the CPU has it
    (capacity,) = result["capacity"]
    assert 0 < capacity["fps"] <= 1.05 * capacity["rate"]
    assert capacity["latency_ms"]["p50"] <= capacity["latency_ms"]["p99"]


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
