"""Prepares an ONNX graph for TensorRT. The graph's types set the precision, not TensorRT's flags."""

import importlib
from types import ModuleType
from typing import Any

from knowledge_spreader.engines.trt.nvidia_api import INSTALL
from knowledge_spreader.errors import MissingError, ModelError

PRECISIONS = ("fp32", "fp16", "int8")


def graph_for_tensorrt(onnx_bytes: bytes, precision: str) -> bytes:
    """The graph to build. int8 needs an already quantised graph with Q/DQ nodes: signed, symmetric, no int32 bias.

    Raises ModelError if it is not quantised or not an ONNX graph, MissingError without onnx or onnxruntime.
    """
    assert precision in PRECISIONS, precision
    onnx, protobuf = _module("onnx"), _module("google.protobuf.message")
    try:
        model = onnx.load_model_from_string(onnx_bytes)
    except protobuf.DecodeError as exc:
        raise ModelError(f"the graph is damaged or not ONNX ({exc}); compile the model again") from exc
    if precision == "int8" and not any(node.op_type == "QuantizeLinear" for node in model.graph.node):
        raise ModelError("an int8 graph needs QuantizeLinear nodes, this one has none; run ks-compile --precision int8")
    _cast_first(model)
    if precision == "fp16":
        model = _in_half(model)
    data: bytes = model.SerializeToString()
    return data


def _cast_first(model: Any) -> None:
    """Moves the cast of a uint8 input before its transposition: TensorRT can only cast uint8."""
    onnx = _module("onnx")
    for graph_input in model.graph.input:
        name = graph_input.name
        users = [node for node in model.graph.node if name in node.input]
        if graph_input.type.tensor_type.elem_type != onnx.TensorProto.UINT8 or all(n.op_type == "Cast" for n in users):
            continue
        as_float = f"{name}_as_float"
        for node in users:
            node.input[:] = [as_float if used == name else used for used in node.input]
        model.graph.node.insert(
            0, onnx.helper.make_node("Cast", [name], [as_float], as_float, to=onnx.TensorProto.FLOAT)
        )
        del model.graph.value_info[:]  # they still declare the later tensors as uint8


def _in_half(model: Any) -> Any:
    """The graph in fp16, with unchanged types of inputs and outputs."""
    return _module("onnxruntime.transformers.float16").convert_float_to_float16(model, keep_io_types=True)


def _module(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ImportError as exc:
        raise MissingError(f"{name} is not installed ({exc}); {INSTALL}") from exc
