"""Weights as fp16 on disk: half the file, the same graph for everyone who reads it."""

import json
import math
import re
import zipfile
from contextlib import closing, suppress
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import numpy_helper

from knowledge_spreader.checkpoint import Checkpoint, save_checkpoint
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.backends.torch_model import answering_weights, folded, round_to_half
from knowledge_spreader.engines.backends.torch_weights import fill
from knowledge_spreader.engines.cli import main as compile_main
from knowledge_spreader.engines.compile.compile_model import CompileConfig, compile_model
from knowledge_spreader.engines.compile.parity import answers
from knowledge_spreader.engines.compile.quantize import int8_encoder
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.half_storage import LEAST_VALUES, cut, whole
from knowledge_spreader.engines.ks_file.model_file import (
    ENCODER,
    FORMAT,
    FORMAT_HALF,
    HEAD,
    MANIFEST,
    ModelFile,
    open_model,
    write_model,
)
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.errors import KSError, ModelError
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import SPEC, already_exported, some_faces
from tests.shared import once


@pytest.fixture(scope="module")
def half_file(tiny: KSModel, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    made = once(tmp_path_factory, "half.ks", lambda path: export(tiny, SPEC, path, [some_faces(4)], half=True))
    return open_model(made)


def rounded(model: KSModel) -> KSModel:
    model = folded(model)
    round_to_half(model)
    return model


def manifest_of(path: Path) -> dict[str, object]:
    with zipfile.ZipFile(path) as archive:
        manifest: dict[str, object] = json.loads(archive.read(MANIFEST))
    return manifest


def graph_with(*tensors: np.ndarray) -> bytes:
    initializers = [numpy_helper.from_array(tensor, f"t{i}") for i, tensor in enumerate(tensors)]
    data: bytes = onnx.helper.make_model(onnx.helper.make_graph([], "g", [], [], initializers)).SerializeToString()
    return data


def test_a_half_file_has_nearly_half_the_weights_bytes_and_the_same_tensors(
    tiny: KSModel, tiny_file: ModelFile, half_file: ModelFile
) -> None:
    tensors = [t for n in (ENCODER, HEAD) for t in onnx.load_model_from_string(tiny_file.graph(n)).graph.initializer]
    sizes = [math.prod(t.dims) for t in tensors if t.data_type == onnx.TensorProto.FLOAT]
    with zipfile.ZipFile(half_file.path) as archive:
        stored = sum(info.file_size for info in archive.infolist() if info.filename != MANIFEST)
    saved = sum(len(tiny_file.graph(n)) for n in (ENCODER, HEAD)) - stored
    assert saved == 2 * sum(size for size in sizes if size >= LEAST_VALUES) > 0.9 * 2 * sum(sizes)
    wanted = answering_weights(rounded(tiny))
    read = {name: torch.full_like(x, 9.0) for name, x in wanted.items()}
    fill(read, half_file)
    assert all(torch.equal(read[name], wanted[name]) for name in wanted)


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime", "torch"])
def test_every_engine_answers_as_the_rounded_model_does(tiny: KSModel, half_file: ModelFile, backend: str) -> None:
    model, faces = rounded(tiny), some_faces(6, seed=5)
    with closing(open_engine(half_file, backend, "fp32")) as engine:
        got = answers(engine, [faces])
    with torch.inference_mode():
        encoded = model.encode(torch.from_numpy(faces))
        rows = np.maximum(np.arange(6)[:, None] + np.arange(-4, 1), 0)
        expected = model.predict(encoded.o_a, encoded.feature[torch.from_numpy(rows)]).output.sigmoid()
    np.testing.assert_allclose(got, expected.numpy(), rtol=0, atol=1e-6)


def test_rounding_the_weights_changes_the_answers_a_little(tiny_file: ModelFile, half_file: ModelFile) -> None:
    faces = [some_faces(6, seed=5)]
    with closing(open_engine(tiny_file, "openvino")) as full, closing(open_engine(half_file, "openvino")) as half:
        difference = np.abs(answers(full, faces) - answers(half, faces)).max()
    assert 0 < difference < 1e-3


def test_int8_is_made_of_a_half_file_and_the_weights_stay_fp16(half_file: ModelFile, tmp_path: Path) -> None:
    graphs = {name: half_file.graph(name) for name in (ENCODER, HEAD)}
    graphs["encoder-int8-openvino"] = int8_encoder(graphs[ENCODER], [some_faces(40)], "openvino")
    file = write_model(tmp_path / "m.ks", SPEC, graphs, half_file.torch_weights, {}, {})
    assert file.weights_id == half_file.weights_id
    assert {ENCODER, HEAD} <= set(file.halves)
    with closing(open_engine(file, "openvino", "int8")) as engine:
        assert engine.choice.precision == "int8"
    initializers = onnx.load_model_from_string(file.int8_graph("openvino")).graph.initializer
    assert (
        sum(x.data_type == onnx.TensorProto.INT8 and len(x.dims) == 4 for x in initializers) == 9
    )  # 4 a backbone, and S_a's projection


def test_files_without_halves_keep_the_format_that_older_readers_know(
    tiny_file: ModelFile, half_file: ModelFile
) -> None:
    assert manifest_of(tiny_file.path)["format"] == FORMAT
    assert not tiny_file.halves
    assert manifest_of(half_file.path)["format"] == FORMAT_HALF
    with zipfile.ZipFile(half_file.path) as archive:
        assert archive.namelist() == [MANIFEST, "encoder.onnx-half", "head.onnx-half"]
    assert open_model(half_file.path) == half_file


@pytest.mark.parametrize(
    ("spans", "message"),
    [
        ([[0, 10**12]], "do not fit"),
        ([[-5, 1]], "do not fit"),
        ([[100, 2], [50, 2]], "do not fit"),
        ([[100, -2]], "do not fit"),
        ([[100, 2]], "another checksum"),
        ([[1]], "its manifest"),
        (7, "its manifest"),
    ],
)
def test_a_manifest_that_lies_about_its_halves_is_one_line(
    half_file: ModelFile, tmp_path: Path, spans: object, message: str
) -> None:
    path = tmp_path / "m.ks"
    manifest = json.loads(json.dumps(manifest_of(half_file.path)))
    manifest["graphs"][ENCODER]["half"] = spans
    with zipfile.ZipFile(half_file.path) as old, zipfile.ZipFile(path, "w") as new:
        new.writestr(MANIFEST, json.dumps(manifest))
        for name in ("encoder.onnx-half", "head.onnx-half"):
            new.writestr(name, old.read(name))
    with pytest.raises(ModelError, match=message) as error:
        open_model(path).graph(ENCODER)
    assert "\n" not in str(error.value)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_spoilt_half_file_is_one_line_or_the_same_model(
    data: st.DataObject, half_file: ModelFile, tmp_path: Path
) -> None:
    spoilt = bytearray(half_file.path.read_bytes())
    at = data.draw(st.one_of(st.integers(0, 6000), st.integers(0, len(spoilt) - 1)))
    spoilt[at] ^= data.draw(st.integers(1, 255))
    path = tmp_path / "spoilt.ks"
    path.write_bytes(spoilt)
    message = ""
    try:
        file = open_model(path)
        graphs = {name: file.graph(name) for name in file.sha256}
    except KSError as exc:
        message = str(exc)
    assert "\n" not in message
    assert message or graphs == {name: half_file.graph(name) for name in half_file.sha256}


def test_the_command_rounds_a_checkpoint_and_says_what_that_moves(
    tiny: KSModel,
    half_file: ModelFile,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    already_exported(monkeypatch, half_file)
    config = TrainConfig(data="manifest", root="r", out="o", backbone="tiny", side_px=32)
    tensors = {f"model.{name}": x for name, x in tiny.state_dict().items()}
    save_checkpoint(tmp_path / "best.safetensors", Checkpoint(SPEC, config, tensors))
    assert compile_main([str(tmp_path), "--device", "openvino", "--half"]) == 0
    said = re.search(r"rounding to fp16 changes a probability by at most (\S+)", capsys.readouterr().err)
    assert said
    assert 0 < float(said[1]) < 1e-3
    file = open_model(tmp_path / "best.ks")
    assert {ENCODER, HEAD} == set(file.halves)
    assert file.costs["openvino fp32"]["max_difference"] < 1e-5


def test_a_weight_beyond_fp16_is_refused(tiny: KSModel) -> None:
    plain = folded(tiny)
    with torch.no_grad():
        plain.get_parameter("spatial_teacher.project.weight")[0, 0] = 1e5
    with pytest.raises(ModelError, match=r"project.weight has weights beyond fp16's range, 1.0e\+05; leave --half out"):
        round_to_half(plain)


def test_tensors_are_cut_where_fp16_holds_them_to_the_last_bit() -> None:
    exact = np.full(LEAST_VALUES, 0.5, np.float32)
    exact[3] = -0.0
    small, inexact = exact[1:], exact + np.float32(1e-7)
    infinite = np.full(LEAST_VALUES, 1e30, np.float32)
    graph = graph_with(inexact, exact, small, infinite, exact.astype(np.int32), exact)
    stored, spans = cut(graph)
    assert [count for _, count in spans] == [LEAST_VALUES] * 2
    assert len(stored) == len(graph) - 2 * 2 * LEAST_VALUES
    assert whole(stored, spans) == graph


@given(st.binary(max_size=200), st.lists(st.tuples(st.integers(-9, 300), st.integers(-9, 300)), max_size=3))
@settings(max_examples=150, deadline=None)
def test_no_bytes_and_no_spans_do_worse_than_a_value_error(data: bytes, spans: list[tuple[int, int]]) -> None:
    assert cut(data) == (data, ())
    with suppress(ValueError):
        whole(data, spans)


def test_a_truncated_graph_is_stored_as_it_is() -> None:
    graph = graph_with(np.zeros(LEAST_VALUES, np.float32))
    for end in (len(graph) - 1, len(graph) // 2, 5):
        stored, spans = cut(graph[:end])
        assert whole(stored, spans) == graph[:end]


def test_half_of_a_model_that_is_made_already_is_one_line(copied: ModelFile) -> None:
    with pytest.raises(ModelError, match="--half rounds the weights of a checkpoint"):
        compile_model(CompileConfig(copied.path, device="openvino", half=True))
