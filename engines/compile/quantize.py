"""Quantises the encoder's convolutions to int8, from the fp32 ONNX graph, for each backend.

    backend        activations                     weights, per channel   biases
    openvino       s8, symmetric, before a conv    s8 in 7 bits           fp32
    tensorrt       s8, symmetric, before a conv    s8                     fp32: its parser accepts nothing else
    onnxruntime    u8, before and after a conv     s8 in 7 bits           s32: slow otherwise

7 bits: a CPU without VNNI adds two 8 x 8 bit products in 16 bits, which can overflow; measured on one, 8-bit weights
tripled the error of the logits. Convolutions are nearly all of the work. The transformers stay in fp32: they are tiny,
and eight bits lose their few large values first.
"""

import logging
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.errors import DataError, MissingError

try:
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        CalibrationMethod,
        QuantFormat,
        QuantType,
        quantize_static,
    )
except ImportError as exc:
    raise MissingError(
        f"int8 needs onnx and ONNX Runtime ({exc}); run: pip install 'knowledge-spreader[onnx]'"
    ) from exc

CALIBRATION_CROPS = 32  # fewer do not show the range of a layer's activations
_BATCH = 4
_SIGNED = {
    "ActivationSymmetric": True,
    "WeightSymmetric": True,
    "QuantizeBias": False,
    "OpTypesToExcludeOutputQuantization": ["Conv"],
}
_OPTIONS: dict[str, dict[str, Any]] = {
    "openvino": {"activation_type": QuantType.QInt8, "reduce_range": True, "extra_options": _SIGNED},
    "tensorrt": {"activation_type": QuantType.QInt8, "reduce_range": False, "extra_options": _SIGNED},
    "onnxruntime": {
        "activation_type": QuantType.QUInt8,
        "reduce_range": True,
        "extra_options": {"WeightSymmetric": True},
    },
}


class _Crops(CalibrationDataReader):  # type: ignore[misc]
    """Gives the crops to ONNX Runtime's quantiser, in batches."""

    def __init__(self, runs: Sequence[U8]) -> None:
        self._batches: Iterator[U8] = (run[i : i + _BATCH] for run in runs for i in range(0, len(run), _BATCH))

    def get_next(self) -> dict[str, U8] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"faces": np.ascontiguousarray(batch)}


def int8_encoder(graph: bytes, runs: Sequence[U8], backend: str) -> bytes:
    """The fp32 encoder with its convolutions in int8, for a backend of INT8_BACKENDS.

    runs: real crops (T_i, side, side, 3) like the faces to analyse. Raises DataError if there are too few.
    """
    n = sum(len(run) for run in runs)
    if n < CALIBRATION_CROPS:
        raise DataError(f"int8 needs {CALIBRATION_CROPS} faces or more; got {n}; give a longer video")
    with tempfile.TemporaryDirectory() as folder, _quiet():
        target = Path(folder) / "int8.onnx"
        quantize_static(
            onnx.load_model_from_string(graph),
            target,
            _Crops(runs),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=["Conv"],
            per_channel=True,
            weight_type=QuantType.QInt8,
            calibrate_method=CalibrationMethod.MinMax,
            **_OPTIONS[backend],
        )
        return target.read_bytes()


@contextmanager
def _quiet() -> Iterator[None]:
    """Hides the quantiser's advice to preprocess the graph (on the root logger): the exporter has done it."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
