"""The roofline: how close an engine comes to the machine's limit.

    attainable = min(peak of a large matrix product, FLOP per byte x speed of a large copy)

The limits are measured here. The work is counted from the ONNX graphs: convolutions and matrix products, which are
nearly all of it. A multiply and an add are two FLOP. The bytes are the weights once per call, and the values that each
node reads and writes per face.
"""

import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from knowledge_spreader.benchmarks.speed.workers import threads_environment
from knowledge_spreader.errors import KSError, MissingError

try:
    import onnx
except ImportError as exc:
    raise MissingError(f"counting the work of the ONNX graphs needs onnx ({exc}); run: pip install onnx") from exc

BYTES = {"fp32": 4, "bf16": 2, "fp16": 2, "int8": 1}
_MATRIX, _COPY_BYTES = 1536, 1 << 28


@dataclass(frozen=True, slots=True)
class Work:
    """The work of one call on one face. A batch of B has B times the FLOP and moved values, but the weights once."""

    flop: int
    moved: int  # number of values read and written
    weights: int  # number of values

    def __add__(self, other: "Work") -> "Work":
        return Work(self.flop + other.flop, self.moved + other.moved, self.weights + other.weights)


@dataclass(frozen=True, slots=True)
class Peak:
    """The machine's measured peak rates."""

    flop_per_s: float
    bytes_per_s: float
    of: str  # the matrix product that was measured, in words

    def to_dict(self) -> dict[str, Any]:
        return {
            "gflop_per_s": round(self.flop_per_s / 1e9, 1),
            "gb_per_s": round(self.bytes_per_s / 1e9, 1),
            "of": self.of,
        }


def count(graph: bytes) -> Work:
    """The work of one of our ONNX graphs on a batch of one."""
    model = onnx.load_model_from_string(graph)
    for tensor in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        for dim in tensor.type.tensor_type.shape.dim:
            if dim.dim_param:
                dim.dim_value = 1
    model = onnx.shape_inference.infer_shapes(model)
    shapes: dict[str, tuple[int, ...]] = {x.name: tuple(x.dims) for x in model.graph.initializer}
    weights = set(shapes)
    for tensor in (*model.graph.input, *model.graph.output, *model.graph.value_info):
        shapes[tensor.name] = tuple(dim.dim_value for dim in tensor.type.tensor_type.shape.dim)
    total = Work(0, 0, 0)
    for node in model.graph.node:
        if node.op_type in ("Conv", "MatMul", "Gemm"):
            total += _work(node, shapes, weights)
    return total


def _work(node: onnx.NodeProto, shapes: dict[str, tuple[int, ...]], weights: set[str]) -> Work:
    left, right, out = shapes[node.input[0]], shapes[node.input[1]], shapes[node.output[0]]
    if node.op_type == "Conv":
        depth = math.prod(right[1:])  # weight (out, in / groups, kh, kw)
    else:
        turned = any(a.name == "transA" and a.i for a in node.attribute)
        depth = left[0] if turned else left[-1]
    constant = sum(math.prod(shapes[name]) for name in node.input if name in weights)
    flowing = sum(math.prod(shapes[name]) for name in node.input if name and name not in weights)
    return Work(2 * math.prod(out) * depth, flowing + math.prod(out), constant)


def attainable_flop_per_s(work: Work, batch: int, precision: str, peak: Peak) -> float:
    """The roof for this work."""
    moved_bytes = BYTES[precision] * (work.moved * batch + work.weights)
    return min(peak.flop_per_s, work.flop * batch / moved_bytes * peak.bytes_per_s)


def share_of_roof(work: Work, batch: int, precision: str, seconds: float, peak: Peak) -> float:
    """Achieved FLOP/s as a share of the roof."""
    return work.flop * batch / seconds / attainable_flop_per_s(work, batch, precision, peak)


def cpu_peak(seconds: float = 0.5) -> Peak:
    """Peak of numpy's fp32 matrix product, and of a copy too large for the caches (bytes read and written)."""
    rng = np.random.default_rng(0)
    a = rng.random((_MATRIX, _MATRIX), np.float32)
    product = np.empty_like(a)
    source = np.zeros(_COPY_BYTES // 4, np.float32)
    target = np.ones_like(source)
    multiply_s = _best(lambda: np.matmul(a, a, out=product), seconds)
    copy_s = _best(lambda: np.copyto(target, source), seconds)
    return Peak(2 * _MATRIX**3 / multiply_s, 2 * _COPY_BYTES / copy_s, "fp32 matrix product on the CPU (numpy)")


def gpu_peak(precision: str, seconds: float = 0.5) -> Peak:
    """The same on the GPU, with torch in this precision; int8 is compared with fp16."""
    import torch

    kind = {"fp32": torch.float32, "bf16": torch.bfloat16}.get(precision, torch.float16)
    a = torch.randn(8192, 8192, device="cuda", dtype=kind)
    source = torch.zeros(1 << 30, device="cuda", dtype=torch.uint8)
    target = torch.empty_like(source)

    def waited(call: Callable[[], object]) -> Callable[[], object]:
        def both() -> None:
            call()
            torch.cuda.synchronize()

        return both

    multiply_s = _best(waited(lambda: a @ a), seconds)
    copy_s = _best(waited(lambda: target.copy_(source)), seconds)
    words = f"{str(kind).removeprefix('torch.')} matrix product on the GPU (torch)"
    return Peak(2 * 8192**3 / multiply_s, 2 * (1 << 30) / copy_s, words)


def _best(call: Callable[[], object], seconds: float) -> float:
    """Seconds of the shortest call, after one to warm up."""
    call()
    best, end_s = math.inf, time.perf_counter() + seconds
    while time.perf_counter() < end_s or math.isinf(best):
        begun_s = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - begun_s)
    return best


def measured_apart(kind: str, threads: int) -> Peak:
    """cpu_peak, or gpu_peak of the precision `kind`, in a separate process with this number of threads."""
    environment = {**os.environ, **threads_environment(threads)}
    command = [sys.executable, "-m", "knowledge_spreader.benchmarks.speed.roofline", kind]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise KSError(f"the machine's peak could not be measured: {done.stderr.strip().splitlines()[-1:]}")
    return Peak(**json.loads(done.stdout))


def best_of(peaks: Iterable[Peak]) -> Peak:
    """The highest of each rate: on a shared machine a single measurement may be disturbed."""
    seen = list(peaks)
    return Peak(max(p.flop_per_s for p in seen), max(p.bytes_per_s for p in seen), seen[0].of)


if __name__ == "__main__":
    print(json.dumps(asdict(cpu_peak() if sys.argv[1] == "cpu" else gpu_peak(sys.argv[1]))))
