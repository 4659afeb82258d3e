"""ONNX Runtime on a CPU: checks exported graphs, and is a backend itself."""

import os
from collections.abc import Sequence
from typing import Any

import numpy.typing as npt

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.base import Choice, Encoded, Prediction, check_faces, check_window
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile
from knowledge_spreader.errors import MissingError, ModelError, one_line

try:
    import onnxruntime
    from onnxruntime.capi import onnxruntime_pybind11_state as _state
except ImportError as exc:
    raise MissingError(f"ONNX Runtime is not installed ({exc}); run: pip install 'knowledge-spreader[onnx]'") from exc

PRECISIONS = ("fp32", "int8")
_ERRORS = (
    _state.Fail,
    _state.InvalidArgument,
    _state.InvalidGraph,
    _state.InvalidProtobuf,
    _state.NotImplemented,
    _state.RuntimeException,
    RuntimeError,
)


class Session:
    """One graph in ONNX Runtime, with numpy arrays as inputs and outputs."""

    def __init__(self, graph: bytes, inputs: Sequence[str], threads: int = 0) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # 0: one per core
        options.inter_op_num_threads = 1
        options.log_severity_level = 3  # errors only
        # Encoder and head share the cores: spinning threads of one would slow the other down.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._inputs = inputs
        try:
            self._session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        except _ERRORS as exc:
            raise ModelError(f"ONNX Runtime cannot read this graph ({one_line(exc)}); compile the model again") from exc

    def run(self, *arrays: npt.NDArray[Any]) -> list[F32]:
        """The graph's outputs, in their order. Raises ModelError if it does not accept these inputs."""
        try:
            outputs: list[F32] = self._session.run(None, dict(zip(self._inputs, arrays, strict=True)))
        except _ERRORS as exc:
            raise ModelError(f"ONNX Runtime cannot run this graph ({one_line(exc)}); compile the model again") from exc
        return outputs


class OnnxEngine:
    """An Engine (engines/base.py) with ONNX Runtime. threads: 0 = one per core.

    Raises ModelError if it cannot run the graphs.
    """

    def __init__(self, model: ModelFile, precision: str = "fp32", *, threads: int = 0, why: str = "by name") -> None:
        assert precision in PRECISIONS, precision
        self.spec = model.spec
        self.choice = Choice(
            "onnxruntime", f"CPU, {threads or os.cpu_count()} threads", precision, onnxruntime.__version__, why
        )
        encoder = model.graph(ENCODER) if precision == "fp32" else model.int8_graph("onnxruntime")
        self._encoder = Session(encoder, ("faces",), threads)
        self._head = Session(model.graph(HEAD), ("o_a", "window"), threads)

    def encode(self, faces: U8) -> Encoded:
        check_faces(faces, self.spec)
        o_a, feature = self._encoder.run(faces)
        return Encoded(o_a, feature)

    def predict(self, o_a: F32, window: F32) -> Prediction:
        check_window(o_a, window, self.spec)
        probability, o_b, in_order = self._head.run(o_a, window)
        return Prediction(probability, o_b, in_order)

    def close(self) -> None:
        del self._encoder, self._head
