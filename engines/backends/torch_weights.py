"""Maps the torch model's weights to tensors in the ONNX graphs, so that a `.ks` file stores them once.

The exporter renames some tensors, transposes the matrices of linear layers, keeps one of several equal tensors and
drops zero biases. The map {parameter: (graph, initializer, transposed)} is found by value at export and stored with
the graphs.
"""

from collections.abc import Mapping

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from knowledge_spreader.arrays import F32
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import ModelError

Place = tuple[str, str, bool]
ZEROS: Place = ("", "", False)


def find_weights(wanted: Mapping[str, Tensor], graphs: Mapping[str, onnx.ModelProto]) -> dict[str, Place]:
    """The place of a bit-identical copy of each wanted tensor. Raises ModelError if one is not found."""
    places: dict[tuple[tuple[int, ...], bytes], Place] = {}
    for graph_name, graph in graphs.items():
        for name, array in _initializers(graph).items():
            places.setdefault(_key(array), (graph_name, name, False))
            if array.ndim == 2:
                places.setdefault(_key(array.T), (graph_name, name, True))
    found: dict[str, Place] = {}
    for name, x in wanted.items():
        place = places.get(_key(x.detach().cpu().numpy()), None if x.any() else ZEROS)
        if place is None:
            raise ModelError(f"the exporter changed {name}, so it cannot be read back; try another torch version")
        found[name] = place
    return found


def fill(wanted: Mapping[str, Tensor], model: ModelFile) -> None:
    """Copies the weights of a model file into the wanted tensors. Raises ModelError if one is missing."""
    graphs = {}
    for graph in {graph for graph, _, _ in model.torch_weights.values() if graph}:
        if graph not in model.sha256:
            raise ModelError(f"{model.path} refers to a graph {graph!r} that it does not contain; compile it again")
        graphs[graph] = _initializers(onnx.load_model_from_string(model.graph(graph)))
    for parameter, target in wanted.items():
        graph, name, turned = model.torch_weights.get(parameter, ("", parameter, False))
        if (graph, name, turned) == ZEROS:
            target.zero_()
            continue
        array = graphs.get(graph, {}).get(name)
        array = array.T if turned and array is not None else array
        if array is None or array.shape != tuple(target.shape):
            raise ModelError(f"{model.path} does not contain {parameter} {tuple(target.shape)}; compile it again")
        target.copy_(torch.from_numpy(np.array(array, order="C")))


def _initializers(graph: onnx.ModelProto) -> dict[str, F32]:
    return {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in graph.graph.initializer
        if tensor.data_type == onnx.TensorProto.FLOAT
    }


def _key(array: F32) -> tuple[tuple[int, ...], bytes]:
    return array.shape, np.ascontiguousarray(array).tobytes()
