"""open_engine: chooses the backend that runs a model, and records the reason. Backends are chosen here only.

    device        backend
    auto          with an NVIDIA GPU: TensorRT if installed, else torch with CUDA graphs if installed;
                  otherwise as cpu
    cuda          TensorRT if installed, else torch with CUDA graphs
    cpu           OpenVINO if installed, else ONNX Runtime
    a backend     that one: tensorrt, torch-cuda, openvino, onnxruntime, torch (on the CPU)

There is no silent fall-back: a backend that is given by name and cannot run is an error, and so is one that is
installed but broken. Precision auto is the one that ks-compile last made the file for on that backend. Without that it
is fp16 on a GPU and fp32 on a CPU, so that all CPUs give the same results.
"""

import ctypes
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.base import Engine, feature_width
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.engines.trt.build import Progress
from knowledge_spreader.errors import MissingError, ModelError

BACKENDS = ("tensorrt", "torch-cuda", "openvino", "onnxruntime", "torch")
DEVICES = ("auto", "cuda", "cpu", *BACKENDS)
PRECISIONS = {  # the first is the default
    "tensorrt": ("fp16", "fp32", "int8"),
    "torch-cuda": ("fp16", "bf16", "fp32"),
    "openvino": ("fp32", "bf16", "int8"),
    "onnxruntime": ("fp32", "int8"),
    "torch": ("fp32",),
}
INSTALL = {
    "tensorrt": "pip install 'knowledge-spreader[tensorrt]'",
    "torch-cuda": "pip install 'knowledge-spreader[gpu]'",
    "openvino": "pip install openvino",
    "onnxruntime": "pip install 'knowledge-spreader[onnx]'",
    "torch": "pip install 'knowledge-spreader[train]'",
}
_SAME = 0.05  # allowed difference between batch sizes, relative to the largest value; fp16 stays below it
_MODULES = {backend: backend.removesuffix("-cuda") for backend in BACKENDS}


def open_engine(
    model: str | Path | ModelFile,
    device: str = "auto",
    precision: str = "auto",
    *,
    threads: int = 0,
    plans: Path | None = None,
    trust_plan: bool = False,
    progress: Progress | None = None,
) -> Engine:
    """A model ready to run; engine.choice gives the backend and why it was chosen.

    threads: on a CPU; 0 = the backend's choice. plans: for TensorRT, a folder with encoder.plan and head.plan built
    elsewhere; a plan can run any code, so it needs trust_plan. progress: called during the build of a plan, from
    TensorRT's threads. Raises MissingError if there is no model or the backend is not installed, ModelError if the
    model or the plans cannot be used or the backend does not support the precision.
    """
    file = model if isinstance(model, ModelFile) else open_model(model)
    backend, why = pick(device)
    check_plans(backend, plans, trust_plan)
    wanted, why_precision = pick_precision(file, backend, precision)
    engine = _opener(backend, plans, trust_plan, progress)(file, wanted, f"{why}; {why_precision}", threads)
    try:
        try_out(engine)
    except ModelError:
        engine.close()
        raise
    return engine


def pick(device: str) -> tuple[str, str]:
    """The backend for a device, and why. Raises ModelError on an unknown device, MissingError if it is missing."""
    if device in BACKENDS:
        if not installed(device):
            raise MissingError(f"{device} is not installed; run: {INSTALL[device]}")
        if device in ("tensorrt", "torch-cuda") and not nvidia_gpus():
            raise MissingError(f"{device} needs an NVIDIA GPU and its driver, none found; use --device cpu")
        return device, "chosen by name"
    if device not in DEVICES:
        raise ModelError(f"--device must be one of {', '.join(DEVICES)}; got {device!r}")
    gpus = nvidia_gpus() if device != "cpu" else 0
    if gpus and installed("tensorrt"):
        return "tensorrt", "found an NVIDIA GPU and TensorRT"
    if gpus and installed("torch-cuda"):
        return "torch-cuda", "found an NVIDIA GPU and torch, no TensorRT"
    if device == "cuda":
        trouble = (
            f"TensorRT or torch, none installed; run: {INSTALL['torch-cuda']}"
            if gpus
            else "an NVIDIA GPU, none found; use --device cpu"
        )
        raise MissingError(f"--device cuda needs {trouble}")
    place = "no NVIDIA GPU" if not gpus else "neither TensorRT nor torch for the GPU"
    place = "CPU chosen" if device == "cpu" else place
    if installed("openvino"):
        return "openvino", f"{place}, found OpenVINO"
    if installed("onnxruntime"):
        return "onnxruntime", f"{place}, found ONNX Runtime, no OpenVINO"
    raise MissingError(f"no backend is installed; run: {INSTALL['openvino']}")


def pick_precision(file: ModelFile, backend: str, precision: str) -> tuple[str, str]:
    """The precision, and why. Raises ModelError if the backend does not support it."""
    offered = PRECISIONS[backend]
    if precision == "auto":
        compiled = file.precision.get(backend, "")
        if compiled in offered:
            return compiled, f"the file was compiled for {compiled}"
        return offered[0], f"{offered[0]} is this backend's default"
    if precision not in offered:
        raise ModelError(f"{backend} computes in {', '.join(offered)}; got {precision!r}; use one of those")
    return precision, f"{precision} chosen"


def check_plans(backend: str, plans: Path | None, trust_plan: bool) -> None:
    """Raises ModelError unless this backend may load these plans from elsewhere; None and False always pass."""
    if plans is None and not trust_plan:
        return
    if backend != "tensorrt":
        raise ModelError(
            f"--plans and --trust-plan are for tensorrt only, but the backend is {backend}; leave them out, or give "
            "--device tensorrt"
        )
    if plans is None:
        raise ModelError("--trust-plan needs --plans FOLDER; give both")
    if not trust_plan:
        raise ModelError(
            f"the plans in {plans} were not built on this machine, and a plan can run any code; leave --plans out to "
            "build them here or, if you trust their source, add --trust-plan"
        )
    if not plans.is_dir():
        raise ModelError(f"no folder of plans at {plans}; give --plans a folder with encoder.plan and head.plan")


def installed(backend: str) -> bool:
    """Whether the backend's library is installed; nothing is imported."""
    try:
        return importlib.util.find_spec(_MODULES[backend]) is not None
    except ValueError:  # a module without a spec
        return _MODULES[backend] in sys.modules


def nvidia_gpus() -> int:
    """Number of NVIDIA GPUs visible to this process; needs only the driver, no CUDA toolkit."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def try_out(engine: Engine) -> None:
    """Runs a grey face, alone and in a batch of two. Raises ModelError on outputs that cannot be right.

    A wrong shape means that the file's spec is wrong; a dependence on the batch size is a fault of the backend.
    """
    spec = engine.spec
    u, c = len(spec.aus), feature_width(spec)
    pair = np.full((2, spec.side_px, spec.side_px, 3), 90, np.uint8)
    pair[1, ::2] = 200
    try:
        alone, both = _answers(engine, pair[:1]), _answers(engine, pair)
        shapes = [array.shape for array in both]
        if shapes != [(2, u), (2, c), (2, u), (2, u), (2,)]:
            raise ModelError(f"its outputs have the shapes {shapes}, not those of {u} AUs")
        if not all(np.isfinite(array).all() for array in both):
            raise ModelError(f"its outputs are not finite in {engine.choice.precision}")
        for one, two in zip(alone, both, strict=True):
            if np.abs(one[0] - two[0]).max() > _SAME * max(1.0, float(np.abs(one).max())):
                raise ModelError(f"{engine.choice.backend} gives different outputs for a batch of two and of one")
    except (ModelError, ValueError) as exc:  # ValueError: wrong number of outputs
        raise ModelError(f"this model does not match its description ({exc}); compile it again") from exc


def _answers(engine: Engine, faces: U8) -> list[F32]:
    encoded = engine.encode(faces)
    answer = engine.predict(encoded.o_a, np.repeat(encoded.feature[:, None], engine.spec.n_frames, 1))
    return [encoded.o_a, encoded.feature, answer.probability, answer.o_b, answer.in_order]


def _opener(
    backend: str, plans: Path | None, trust_plan: bool, progress: Progress | None
) -> Callable[[ModelFile, str, str, int], Engine]:
    """The constructor of a backend's engine; imports only that backend."""
    if backend == "openvino":
        from knowledge_spreader.engines.backends.openvino_engine import OpenVINOEngine

        return lambda file, precision, why, threads: OpenVINOEngine(file, precision, threads=threads, why=why)
    if backend == "onnxruntime":
        from knowledge_spreader.engines.backends.onnx_engine import OnnxEngine

        return lambda file, precision, why, threads: OnnxEngine(file, precision, threads=threads, why=why)
    if backend == "tensorrt":
        from knowledge_spreader.engines.trt.tensorrt_engine import TensorRTEngine, TensorRTOptions

        options = TensorRTOptions(foreign_plans=plans, trust_plan=trust_plan, progress=progress)
        return lambda file, precision, why, threads: TensorRTEngine(file, precision, why=why, options=options)
    from knowledge_spreader.engines.backends.torch_engine import TorchEngine

    return lambda file, precision, why, threads: TorchEngine(file, precision, backend=backend, threads=threads, why=why)
