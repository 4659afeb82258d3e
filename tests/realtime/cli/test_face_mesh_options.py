"""ks-live --pose, --landmarks, --blendshapes, --draw-face, on the bundled clip."""

import json
from pathlib import Path

import av
import numpy as np
import pandas as pd
import pytest

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.cli.arguments import options_of, parser
from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.watch import table
from tests.paths import ROOT
from tests.realtime.clips import piece

CLIP = ROOT / "realtime" / "demo" / "clip.mp4"


def live(*args: object) -> int:
    return main(["--no-progress", "--demo", "--duration", "0.4", *map(str, args)])


@pytest.mark.parametrize(
    ("args", "wanted"),
    [
        ([], (True, "none", False, True)),
        (["--no-pose"], (False, "none", False, False)),
        (["--no-pose", "--landmarks", "68"], (False, "68", False, True)),
        (["--no-pose", "--blendshapes"], (False, "none", True, True)),
        (["--no-pose", "--draw-face"], (True, "none", False, True)),
    ],
    ids=str,
)
def test_options_say_whether_the_mesh_is_needed(args: list[str], wanted: tuple[object, ...]) -> None:
    options = options_of(parser().parse_args(["--demo", *args]))
    assert (options.pose, options.landmarks, options.blendshapes, options.needs_mesh) == wanted


def test_other_landmarks_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match="--landmarks must be one of none, 68, 478; got '98'"):
        Options(landmarks="98")
    assert live("--landmarks", "98") == 2
    assert "--landmarks" in capsys.readouterr().err


def test_a_run_writes_pose_and_gaze_by_itself_and_more_where_asked(tmp_path: Path) -> None:
    csv, jsonl, plain = tmp_path / "o.csv", tmp_path / "o.jsonl", tmp_path / "p.csv"
    assert live("--csv", csv, "--jsonl", jsonl, "--landmarks", "68", "--blendshapes") == 0
    assert live("--csv", plain) == 0
    full, short = pd.read_csv(csv), pd.read_csv(plain)
    assert full.filter(regex="^(pose_|head_|x_|y_|blendshape_)").notna().all(axis=None)
    assert full[["head_yaw_deg", "head_roll_deg"]].abs().max().max() < 8  # the person looks into the camera
    assert short["head_yaw_deg"].tolist() == full["head_yaw_deg"].tolist()
    assert not list(short.filter(regex="^(x_|blendshape_|mesh_x_)"))
    (face,) = json.loads(jsonl.read_text().splitlines()[0])["faces"]
    assert face["head"]["yaw_deg"] == full["head_yaw_deg"][0]
    assert face["landmarks_px"][30] == [full["x_30"][0], full["y_30"][0]]


def test_without_the_mesh_its_columns_are_empty(tmp_path: Path) -> None:
    assert live("--csv", tmp_path / "o.csv", "--no-pose") == 0
    found = pd.read_csv(tmp_path / "o.csv")
    assert found.filter(regex="^(gaze_|pose_|head_|mesh_)").isna().all(axis=None)
    assert found["success"].all()


@pytest.mark.slow
def test_the_table_has_what_its_options_say_and_the_drawn_video_differs(tmp_path: Path) -> None:
    opens_the_mouth = piece(CLIP, tmp_path / "piece.mp4", range(130, 146))
    found = table(opens_the_mouth, options=Options(landmarks="478", blendshapes=True))
    assert found["mesh_x_477"].notna().all()
    assert found["blendshape_jawOpen"].max() > 0.3
    assert live("--save", tmp_path / "bare.mp4") == live("--save", tmp_path / "face.mp4", "--draw-face") == 0
    first = []
    for name in ("bare.mp4", "face.mp4"):
        with av.open(str(tmp_path / name)) as container:
            first.append(next(container.decode(video=0)).to_ndarray(format="rgb24").astype(int))
    assert (np.abs(first[0] - first[1]).max(2) > 60).sum() > 300  # pixels of points and lines
