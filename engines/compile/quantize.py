"""int8 of the encoder's convolutions, made from the fp32 ONNX for each backend.

    backend        activations                     weights, per channel   biases
    openvino       s8, symmetric, before a conv    s8 in 7 bits           fp32
    tensorrt       s8, symmetric, before a conv    s8                     fp32: its parser takes nothing else
    onnxruntime    u8, before and after a conv     s8 in 7 bits           s32: it is fast only so

7 bits: a CPU without VNNI adds two products of 8 x 8 bits in 16, which overflow; measured on one, with s8 weights in 8
bits logits went wrong by three times as much. Convolutions are nearly all of the work; the transformers stay as they
are, since they are tiny and their few large values are what eight bits lose first.
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
        f"int8 is made by onnx and ONNX Runtime ({exc}); run: pip install 'knowledge-spreader[onnx]'"
    ) from exc

CALIBRATION_CROPS = 32  # fewer do not show what range a layer has
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
    """Hands the crops to the calibration, some at a time."""

    def __init__(self, runs: Sequence[U8]) -> None:
        self._batches: Iterator[U8] = (run[i : i + _BATCH] for run in runs for i in range(0, len(run), _BATCH))

    def get_next(self) -> dict[str, U8] | None:
        batch = next(self._batches, None)
        return None if batch is None else {"faces": np.ascontiguousarray(batch)}


def int8_encoder(graph: bytes, runs: Sequence[U8], backend: str) -> bytes:
    """The fp32 encoder with its convolutions in int8, for a backend of INT8_BACKENDS.

    runs: real crops (T_i, side, side, 3) that show what faces the model will see. Raises DataError on too few.
    """
    n = sum(len(run) for run in runs)
    if n < CALIBRATION_CROPS:
        raise DataError(f"int8 is calibrated on {CALIBRATION_CROPS} faces or more; got {n}; give a longer video")
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
    """The quantiser recommends a pre-processing on the root logger; the exporter has done it."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)
    try:
        yield
    finally:
        root.setLevel(level)
