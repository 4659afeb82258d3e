"""OpenVINO on a CPU: the default backend without a GPU."""

from typing import Any

import numpy.typing as npt

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.base import Choice, Encoded, Prediction, check_faces, check_window
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile
from knowledge_spreader.errors import ModelError, one_line
from knowledge_spreader.quiet_openvino import core as shared_core
from knowledge_spreader.quiet_openvino import openvino

PRECISIONS = ("fp32", "bf16", "int8")


class OpenVINOEngine:
    """An Engine (engines/base.py) with OpenVINO. threads: 0 = OpenVINO's choice, one per physical core.

    Raises ModelError if it cannot run the graphs, and on bf16 if the CPU has no bfloat16 instructions.
    """

    def __init__(self, model: ModelFile, precision: str = "fp32", *, threads: int = 0, why: str = "by name") -> None:
        assert precision in PRECISIONS, precision
        core = shared_core()
        if precision == "bf16" and "BF16" not in capabilities(core):
            there = ", ".join(capabilities(core))
            raise ModelError(f"{cpu_name(core)} has no bfloat16 instructions (OpenVINO reports {there}); use fp32")
        self.spec = model.spec
        version = openvino.__version__.split("-")[0]
        threads_text = f", {threads} threads" if threads else ""
        self.choice = Choice("openvino", f"CPU{threads_text} ({cpu_name(core)})", precision, version, why)
        properties: dict[str, Any] = {
            # OpenVINO's default is bf16 if the CPU supports it.
            "INFERENCE_PRECISION_HINT": "bf16" if precision == "bf16" else "f32",
            "PERFORMANCE_HINT": "LATENCY",
            "NUM_STREAMS": "1",
            # Pinned, every model binds its first thread to the first core, and two models share that one.
            "ENABLE_CPU_PINNING": False,
        }
        if threads:
            properties["INFERENCE_NUM_THREADS"] = threads
        encoder = model.int8_graph("openvino") if precision == "int8" else model.graph(ENCODER)
        self._encoder = _request(core, encoder, properties)
        self._head = _request(core, model.graph(HEAD), properties)

    def encode(self, faces: U8) -> Encoded:
        check_faces(faces, self.spec)
        o_a, feature = _run(self._encoder, faces)
        return Encoded(o_a, feature)

    def predict(self, o_a: F32, window: F32) -> Prediction:
        check_window(o_a, window, self.spec)
        probability, o_b, in_order = _run(self._head, o_a, window)
        return Prediction(probability, o_b, in_order)

    def close(self) -> None:
        del self._encoder, self._head


def capabilities(core: openvino.Core) -> tuple[str, ...]:
    """The precisions that OpenVINO supports on this CPU: FP32, INT8, BF16, ..."""
    return tuple(core.get_property("CPU", "OPTIMIZATION_CAPABILITIES"))


def cpu_name(core: openvino.Core) -> str:
    return str(core.get_property("CPU", "FULL_DEVICE_NAME"))


def _request(core: openvino.Core, graph: bytes, properties: dict[str, Any]) -> openvino.InferRequest:
    try:
        return core.compile_model(core.read_model(graph), "CPU", properties).create_infer_request()
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot read this graph ({one_line(exc)}); compile the model again") from exc


def _run(request: openvino.InferRequest, *arrays: npt.NDArray[Any]) -> list[F32]:
    """Runs the request. Inputs are not copied; outputs are, so that the next call does not overwrite them."""
    try:
        results = request.infer(list(arrays), share_inputs=True, share_outputs=False)
    except RuntimeError as exc:
        raise ModelError(f"OpenVINO cannot run this graph ({one_line(exc)}); compile the model again") from exc
    return [results[i] for i in range(len(results))]
