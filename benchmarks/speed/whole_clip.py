"""An encoder graph for whole clips, to measure the naive forward on any backend: N + 1 backbone passes per clip.

Without cached features each new frame sends the key frame through branch A and all N frames through branch B. The
encoder's graph runs both branches on every frame (2N passes). Here branch A gets only the newest frame of each clip:

    faces (B*N, H, W, 3) --+------------------------> branch B -> feature (B*N, C)
                           +-- every N-th, the last -> branch A -> o_a (B, U)
"""

from collections.abc import Set
from pathlib import Path

import numpy as np
import onnx
from onnx import helper, numpy_helper

from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile, write_model

_NEWEST = "newest_of_each_clip"


def whole_clip_model(model: ModelFile, path: Path) -> ModelFile:
    """The same model with every encoder made for whole clips: encode() takes B*N faces."""
    n = model.spec.n_frames
    graphs = {
        name: model.graph(name) if name == HEAD else whole_clip_encoder(model.graph(name), n) for name in model.sha256
    }
    assert ENCODER in graphs
    return write_model(path, model.spec, graphs, model.torch_weights, precision={}, costs={})


def whole_clip_encoder(graph: bytes, n_frames: int) -> bytes:
    """The encoder with branch A on frames N-1, 2N-1, ... and branch B on all."""
    model = onnx.load_model_from_string(graph)
    nodes = list(model.graph.node)
    faces = model.graph.input[0].name
    o_a, feature = (output.name for output in model.graph.output)
    made = {output for i in _needed(nodes, o_a) for output in nodes[i].output} - {o_a}
    branch_a = []
    for i in sorted(_needed(nodes, o_a)):  # branch A needs copies of all its nodes, normalisation included
        node = onnx.NodeProto()
        node.CopyFrom(nodes[i])
        node.name = f"a/{node.name}"
        node.input[:] = [_NEWEST if x == faces else f"a/{x}" if x in made else x for x in node.input]
        node.output[:] = [f"a/{x}" if x in made else x for x in node.output]
        branch_a.append(node)
    branch_b = [nodes[i] for i in sorted(_needed(nodes, feature))]
    places = {"begin": n_frames - 1, "end": np.iinfo(np.int64).max, "axis": 0, "step": n_frames}
    for name, value in places.items():
        model.graph.initializer.append(numpy_helper.from_array(np.array([value], np.int64), f"{_NEWEST}/{name}"))
    newest = helper.make_node("Slice", [faces, *(f"{_NEWEST}/{name}" for name in places)], [_NEWEST], _NEWEST)
    del model.graph.node[:], model.graph.value_info[:]
    model.graph.node.extend([newest, *branch_b, *branch_a])
    model.graph.output[0].type.tensor_type.shape.dim[0].dim_param = "clips"
    whole: bytes = model.SerializeToString()
    return whole


def _needed(nodes: list[onnx.NodeProto], output: str) -> Set[int]:
    """Indices of the nodes that compute an output."""
    maker = {name: i for i, node in enumerate(nodes) for name in node.output}
    found: set[int] = set()
    open_names = [output]
    while open_names:
        i = maker.get(open_names.pop())
        if i is not None and i not in found:
            found.add(i)
            open_names.extend(nodes[i].input)
    return found
