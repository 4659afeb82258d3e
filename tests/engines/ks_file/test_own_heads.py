"""model_file.py with own heads: whole, refused where they do not fit, and kept by whoever writes the file again."""

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from knowledge_spreader.adapt.heads import HeadSet, OwnHeads
from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.engines.cli import main as compile_main
from knowledge_spreader.engines.ks_file.model_file import MANIFEST, ModelFile, open_model, write_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.geometry.voice import FEATURES
from tests.engines.conftest import SPEC, some_faces


def a_set(points: int, tokens: int = feature_width(SPEC), n: int = 2) -> HeadSet:
    rng = np.random.default_rng(points)
    weights = (rng.normal(size=(n, width)).astype(np.float32) for width in (tokens, points))
    return HeadSet(*weights, np.zeros(n, np.float32), np.ones(n, np.float32), (0.3,) * n)


OWN = OwnHeads(SPEC.aus, (4, 25), a_set(0), a_set(len(FEATURES)), shown=(25,), notes={"labels": {"AU4": [3, 9]}})


def adapted(file: ModelFile, path: Path, own: OwnHeads | None = OWN) -> ModelFile:
    graphs = {name: file.graph(name) for name in file.sha256}
    return write_model(path, file.spec, graphs, file.torch_weights, file.precision, file.costs, own=own)


def test_own_heads_are_read_back_and_the_rest_of_the_file_is_as_it_was(tiny_file: ModelFile, tmp_path: Path) -> None:
    file = open_model(adapted(tiny_file, tmp_path / "mine.ks").path)
    assert file.own is not None
    assert file.own.to_dict() == OWN.to_dict()
    assert replace(file, own=None, path=tiny_file.path) == tiny_file
    assert {name: file.graph(name) for name in file.sha256} == {n: tiny_file.graph(n) for n in tiny_file.sha256}


def test_their_thresholds_hold_where_voices_are_heard(tiny_file: ModelFile, tmp_path: Path) -> None:
    file = adapted(tiny_file, tmp_path / "mine.ks")
    assert file.spec_heard(voices=True).thresholds == (0.5, 0.3, 0.5, 0.3)
    assert file.spec_heard(voices=False) == file.spec
    marked = replace(file, spec=replace(file.spec, experimental=(4, 25)))
    assert marked.spec_heard(voices=True).experimental == (4,)


def test_equal_heads_are_equal_bytes_and_other_heads_another_name_for_the_same_base(
    tiny_file: ModelFile, tmp_path: Path
) -> None:
    one, same = (adapted(tiny_file, tmp_path / name) for name in ("a.ks", "b.ks"))
    other = adapted(tiny_file, tmp_path / "c.ks", replace(OWN, learned=(1, 25)))
    assert one.path.read_bytes() == same.path.read_bytes()
    assert len({tiny_file.weights_id, one.weights_id, other.weights_id}) == 3
    assert {one.base_id, other.base_id} == {tiny_file.weights_id}


def test_a_file_without_own_heads_still_opens(tiny_file: ModelFile, tmp_path: Path) -> None:
    plain = adapted(tiny_file, tmp_path / "plain.ks", own=None)
    assert plain.path.read_bytes() == tiny_file.path.read_bytes()
    assert open_model(plain.path).own is None


def spoilt(file: ModelFile, path: Path, own: Any) -> Path:
    with zipfile.ZipFile(file.path) as old, zipfile.ZipFile(path, "w") as new:
        for info in old.infolist():
            data = old.read(info)
            if info.filename == MANIFEST:
                data = json.dumps(json.loads(data) | {"own": own}).encode()
            new.writestr(info.filename, data)
    return path


def with_crops(**changed: Any) -> dict[str, Any]:
    values = OWN.to_dict()
    return values | {"crops": values["crops"] | changed}


@pytest.mark.parametrize(
    "own",
    [
        None,
        "heads",
        [],
        OWN.to_dict() | {"of": [1, 2, 4, 25]},  # another model
        replace(OWN, crops=a_set(0, tokens=63)).to_dict(),
        replace(OWN, crops=a_set(3)).to_dict(),
        replace(OWN, points=a_set(len(FEATURES) - 1)).to_dict(),
        with_crops(bias={"shape": [2], "data": "@@@@"}),  # no base64
        with_crops(bias={"shape": [2], "data": "AACAPw=="}),  # half of it
        with_crops(token_weight={"shape": [2], "data": "AACAPwAAgD8="}),  # no columns
        with_crops(scale={"shape": [2], "data": "AADAfwAAwH8="}),  # nan
        with_crops(thresholds=[0.5, 0]),
    ],
)
def test_heads_that_do_not_fit_are_refused_in_one_line(tiny_file: ModelFile, tmp_path: Path, own: Any) -> None:
    with pytest.raises(ModelError, match="is damaged or not a model of ks-compile") as refused:
        open_model(spoilt(tiny_file, tmp_path / "spoilt.ks", own))
    assert "\n" not in str(refused.value)


def test_ks_compile_keeps_own_heads(tiny_file: ModelFile, tmp_path: Path) -> None:
    file = adapted(tiny_file, tmp_path / "mine.ks")
    assert compile_main([str(file.path), "--device", "onnxruntime", "--no-progress"]) == 0
    again = open_model(file.path)
    assert again.precision == {"onnxruntime": "fp32"}
    assert again.own is not None
    assert again.own.to_dict() == OWN.to_dict()
    assert again.weights_id == file.weights_id


@pytest.mark.slow
def test_int8_keeps_own_heads(tiny_file: ModelFile, tmp_path: Path) -> None:
    file, crops = adapted(tiny_file, tmp_path / "mine.ks"), tmp_path / "crops"
    crops.mkdir()
    for i, face in enumerate(some_faces(80, seed=3)):
        cv2.imwrite(str(crops / f"{i:03d}.png"), face)
    int8 = ["--precision", "int8", "--sample-crops", str(crops), "--aligned", "--allow-flips", "100%"]
    assert compile_main([str(file.path), "--device", "openvino", *int8]) == 0
    again = open_model(file.path)
    assert again.precision == {"openvino": "int8"}
    assert again.own is not None
    assert again.own.to_dict() == OWN.to_dict()
