"""to_onnx.py: what leaves torch answers like torch, or does not leave."""

import copy
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import knowledge_spreader.engines.export.to_onnx
from knowledge_spreader.engines.backends.torch_model import answering_weights, folded
from knowledge_spreader.engines.backends.torch_weights import fill
from knowledge_spreader.engines.export.to_onnx import SPEC_KEY, check, export
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import SPEC, make_tiny, some_faces


def graph_of(file: ModelFile, name: str) -> onnx.ModelProto:
    return onnx.load_model_from_string(file.graph(name))


def shapes(graph: onnx.ModelProto) -> dict[str, list[str | int]]:
    return {
        value.name: [d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim]
        for value in [*graph.graph.input, *graph.graph.output]
    }


def test_the_graphs_take_any_batch_and_are_named_as_the_contract_says(tiny_file: ModelFile) -> None:
    encoder, head = graph_of(tiny_file, ENCODER), graph_of(tiny_file, HEAD)
    batch = shapes(encoder)["faces"][0]
    assert isinstance(batch, str)
    assert shapes(encoder) == {"faces": [batch, 32, 32, 3], "o_a": [batch, 4], "feature": [batch, 64]}
    assert encoder.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.UINT8
    assert {name: shape[1:] for name, shape in shapes(head).items()} == {
        "o_a": [4],
        "window": [5, 64],
        "probability": [4],
        "o_b": [4],
        "in_order": [],
    }


def test_a_graph_that_lies_alone_still_says_what_it_computes(tiny_file: ModelFile) -> None:
    for name in (ENCODER, HEAD):
        metadata = {entry.key: entry.value for entry in graph_of(tiny_file, name).metadata_props}
        assert json.loads(metadata[SPEC_KEY]) == json.loads(SPEC.to_json())


def test_batch_norms_are_part_of_their_convolutions(tiny: KSModel, tiny_file: ModelFile) -> None:
    assert "BatchNormalization" not in {node.op_type for node in graph_of(tiny_file, ENCODER).graph.node}
    faces = torch.from_numpy(some_faces(2))
    with torch.no_grad():
        torch.testing.assert_close(folded(tiny).encode(faces).o_a, tiny.encode(faces).o_a, rtol=0, atol=1e-5)
    assert any(isinstance(m, torch.nn.BatchNorm2d) for m in tiny.modules()), "the model that was given stays as it was"


def test_every_weight_is_read_back_to_the_last_bit(tiny: KSModel, tiny_file: ModelFile) -> None:
    wanted = answering_weights(folded(tiny))
    read = {name: torch.full_like(x, 9.0) for name, x in wanted.items()}
    fill(read, tiny_file)
    assert all(torch.equal(read[name], wanted[name]) for name in wanted)
    assert not wanted["base_a.layers.1.0.bias"].any(), "one bias is zero; the exporter drops such"


def test_graphs_that_answer_otherwise_are_refused(tiny_file: ModelFile) -> None:
    graphs = {name: tiny_file.graph(name) for name in (ENCODER, HEAD)}
    with pytest.raises(ModelError, match=r"o_a differs by .* nothing was written"):
        check(make_tiny(seed=1), SPEC, graphs)


def test_a_model_that_answers_nan_is_refused(tiny: KSModel, tiny_file: ModelFile) -> None:
    broken = copy.deepcopy(tiny)
    with torch.no_grad():
        broken.get_parameter("spatial_teacher.logit_bias").fill_(np.nan)
    graphs = {name: tiny_file.graph(name) for name in (ENCODER, HEAD)}
    with pytest.raises(ModelError, match="differs by nan"):
        check(broken, SPEC, graphs)


def test_real_crops_are_looked_at_too(tiny: KSModel, tiny_file: ModelFile, monkeypatch: pytest.MonkeyPatch) -> None:
    graphs = {name: tiny_file.graph(name) for name in (ENCODER, HEAD)}
    seen: list[int] = []
    session_run = knowledge_spreader.engines.export.to_onnx.Session.run

    def run(self: knowledge_spreader.engines.export.to_onnx.Session, *arrays: np.ndarray) -> list[np.ndarray]:
        seen.append(len(arrays[0]))
        return session_run(self, *arrays)

    monkeypatch.setattr(knowledge_spreader.engines.export.to_onnx.Session, "run", run)
    assert check(tiny, SPEC, graphs, [some_faces(9)]) < 1e-5
    assert seen == [1, 1, 3, 3, 8, 8, 1, 1]  # random 1 and 3, real 8 + 1; encoder and head each


def test_a_refused_export_writes_nothing(
    tiny: KSModel, tiny_file: ModelFile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    graphs = {name: graph_of(tiny_file, name) for name in (ENCODER, HEAD)}
    monkeypatch.setattr(
        knowledge_spreader.engines.export.to_onnx, "to_onnx", lambda model, spec: graphs
    )  # saves the exporter's seconds
    monkeypatch.setattr(knowledge_spreader.engines.export.to_onnx, "TOLERANCE", 0.0)
    with pytest.raises(ModelError, match="nothing was written"):
        export(tiny, SPEC, tmp_path / "tiny.ks")
    assert list(tmp_path.iterdir()) == []
