"""A run in which anything was lost ends with 2 and a report that counts it, and what is good is whole."""

import json
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from knowledge_spreader.realtime.cli.main import main
from tests.realtime.clips import write_clip


def run(face_model: Path, folder: Path, *words: object) -> tuple[int, pd.DataFrame, dict[str, Any]]:
    out, report = folder / "out.csv", folder / "report.json"
    options = ("--no-progress", "--face-model", face_model, "--csv", out, "--report", report)
    code = main([str(word) for word in (*options, *words)])
    return code, pd.read_csv(out), json.loads(report.read_text())


def test_a_folder_with_one_bad_image(face_model: Path, tmp_path: Path) -> None:
    images = tmp_path / "images"
    images.mkdir()
    for i in range(1, 7):
        cv2.imwrite(str(images / f"img_{i:03}.jpg"), np.full((120, 160, 3), 100, np.uint8))
    bad = images / "img_003.jpg"
    bad.write_bytes(bad.read_bytes()[:400])
    code, table, report = run(face_model, tmp_path, "--source", images)
    table.columns = table.columns.str.strip()
    assert code == 2
    assert table["frame"].tolist() == [1, 2, 3, 4, 5, 6]
    assert table["reason"].str.strip().tolist() == ["no face"] * 2 + ["unreadable"] + ["no face"] * 3
    assert table["picture"].str.strip().tolist() == [f"img_{i:03}.jpg" for i in range(1, 7)]
    assert report["frames"] == {"in": 6, "analysed": 5, "dropped": {"unreadable": 1}}
    ((failure,)) = report["failures"]
    assert re.search(r"images: 1 of 6 images cannot be read", failure["error"])


@pytest.mark.parametrize("kind", ["cut off", "damaged"])
def test_a_video_with_a_loss_and_one_without(face_model: Path, tmp_path: Path, kind: str) -> None:
    path = write_clip(tmp_path / "hit.mkv", 100, noise=True, options={"g": "10", "bf": "0"})
    data = bytearray(path.read_bytes())
    if kind == "cut off":
        del data[len(data) // 2 :]
    else:
        data[len(data) // 2 : len(data) // 2 + 3000] = bytes(3000)
    path.write_bytes(data)
    whole = write_clip(tmp_path / "whole.mp4", 20)
    code, table, report = run(face_model, tmp_path, "--source", path, "--source", whole)
    table.columns = table.columns.str.strip()
    assert code == 2
    names = table["stream"].str.strip().tolist()
    assert names.count(str(whole)) == 20
    assert 30 < names.count(str(path)) < 100
    assert report["frames"]["analysed"] == len(table)
    ((failure,)) = report["failures"]
    assert failure["source"] == str(path)
    assert ("truncated" if kind == "cut off" else "") in failure["error"]


def test_a_source_that_cannot_be_read_beside_a_good_one(face_model: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video" * 100)
    whole = write_clip(tmp_path / "whole.mp4", 20)
    code, table, report = run(face_model, tmp_path, "--source", tmp_path / "bad.mp4", "--source", whole)
    assert (code, len(table)) == (2, 20)
    assert "bad.mp4: cannot read this as a video" in report["failures"][0]["error"]


def test_a_whole_run_ends_with_0(face_model: Path, tmp_path: Path) -> None:
    code, table, report = run(face_model, tmp_path, "--source", write_clip(tmp_path / "whole.mp4", 20))
    assert (code, len(table), report["failures"]) == (0, 20, [])
