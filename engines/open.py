"""open_engine: the one place that picks what runs a model, and says what and why.

    device        runs
    auto          TensorRT where an NVIDIA GPU and TensorRT are, else torch with CUDA graphs where torch and a GPU are,
                  else as cpu
    cuda          TensorRT if it is there, else torch with CUDA graphs
    cpu           OpenVINO if it is there, else ONNX Runtime
    a backend     that one: tensorrt, torch-cuda, openvino, onnxruntime, torch (on the CPU)

There is no silent fall-back: what is asked for by name and cannot run is an error, and so is a backend that is
installed but broken. precision auto is what ks-compile last made the file for on that backend; without that fp16 on a
GPU and fp32 on a CPU, where every machine then answers alike.
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
_SAME = 0.05  # of the largest logit; half precision differs less between batch sizes, a fault more
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
    """A model ready to run; engine.choice says with what and why.

    threads: on a CPU, 0 = the backend's choice. plans: of TensorRT, a folder with encoder.plan and head.plan made
    elsewhere; a plan can run any code, so trust_plan must say that their maker is known. progress: of a plan's build,
    called from TensorRT's threads. Raises MissingError when what was asked for is not installed or there is no model,
    ModelError when the model or the plans cannot be used or the backend does not do this precision.
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
    """The backend for a device, and why. Raises ModelError on an unknown device, MissingError where it is not there."""
    if device in BACKENDS:
        if not installed(device):
            raise MissingError(f"{device} is not installed; run: {INSTALL[device]}")
        if device in ("tensorrt", "torch-cuda") and not nvidia_gpus():
            raise MissingError(f"{device} needs an NVIDIA GPU and its driver, and there is none; use --device cpu")
        return device, "asked for by name"
    if device not in DEVICES:
        raise ModelError(f"a device is one of {', '.join(DEVICES)}; got {device!r}")
    gpus = nvidia_gpus() if device != "cpu" else 0
    if gpus and installed("tensorrt"):
        return "tensorrt", "an NVIDIA GPU and TensorRT are here"
    if gpus and installed("torch-cuda"):
        return "torch-cuda", "an NVIDIA GPU and torch are here, TensorRT is not"
    if device == "cuda":
        trouble = (
            f"neither TensorRT nor torch is here; run: {INSTALL['torch-cuda']}" if gpus else "there is no NVIDIA GPU"
        )
        raise MissingError(f"cuda was asked for, and {trouble}")
    place = "no NVIDIA GPU" if not gpus else "neither TensorRT nor torch for the GPU"
    place = "the CPU was asked for" if device == "cpu" else place
    if installed("openvino"):
        return "openvino", f"{place}, OpenVINO is here"
    if installed("onnxruntime"):
        return "onnxruntime", f"{place}, ONNX Runtime is here, OpenVINO is not"
    raise MissingError(f"nothing that runs a model is installed; run: {INSTALL['openvino']}")


def pick_precision(file: ModelFile, backend: str, precision: str) -> tuple[str, str]:
    """The precision, and why. Raises ModelError when the backend does not do it."""
    offered = PRECISIONS[backend]
    if precision == "auto":
        compiled = file.precision.get(backend, "")
        if compiled in offered:
            return compiled, f"{compiled} is what the file was compiled for"
        return offered[0], f"{offered[0]} is this backend's default"
    if precision not in offered:
        raise ModelError(f"{backend} computes in {', '.join(offered)}; got {precision!r}")
    return precision, f"{precision} was asked for"


def check_plans(backend: str, plans: Path | None, trust_plan: bool) -> None:
    """Raises ModelError unless these plans from elsewhere may be loaded by this backend; None and False always pass."""
    if plans is None and not trust_plan:
        return
    if backend != "tensorrt":
        raise ModelError(
            f"--plans and --trust-plan are for tensorrt alone, and {backend} is to run here; leave them out, or use "
            "--device tensorrt"
        )
    if plans is None:
        raise ModelError("--trust-plan is about the plans of a folder; give it too: --plans DIR")
    if not trust_plan:
        raise ModelError(
            f"the plans in {plans} were not built here, and a plan can run any code; leave --plans out and they are "
            "built here, or, if you know who made them, add --trust-plan"
        )
    if not plans.is_dir():
        raise ModelError(f"no folder of plans at {plans}; --plans DIR holds encoder.plan and head.plan")


def installed(backend: str) -> bool:
    """Whether its library can be found; nothing is imported."""
    try:
        return importlib.util.find_spec(_MODULES[backend]) is not None
    except ValueError:  # a module that was put there without a spec
        return _MODULES[backend] in sys.modules


def nvidia_gpus() -> int:
    """NVIDIA GPUs that the driver shows to this process; no CUDA library but the driver's own is needed."""
    try:
        driver = ctypes.CDLL("nvcuda.dll" if sys.platform == "win32" else "libcuda.so.1")
    except OSError:
        return 0
    count = ctypes.c_int()
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def try_out(engine: Engine) -> None:
    """A first look at a grey face, alone and beside another. Raises ModelError on answers that cannot be right.

    A wrong shape is a file that lies; an answer that depends on how many faces are asked for is a fault of the backend.
    """
    spec = engine.spec
    u, c = len(spec.aus), feature_width(spec)
    pair = np.full((2, spec.side_px, spec.side_px, 3), 90, np.uint8)
    pair[1, ::2] = 200
    try:
        alone, both = _answers(engine, pair[:1]), _answers(engine, pair)
        shapes = [array.shape for array in both]
        if shapes != [(2, u), (2, c), (2, u), (2, u), (2,)]:
            raise ModelError(f"its answers have the shapes {shapes}, not those of {u} AUs")
        if not all(np.isfinite(array).all() for array in both):
            raise ModelError(f"its answers are not finite in {engine.choice.precision}")
        for one, two in zip(alone, both, strict=True):
            if np.abs(one[0] - two[0]).max() > _SAME * max(1.0, float(np.abs(one).max())):
                raise ModelError(f"{engine.choice.backend} answers otherwise for two faces than for one")
    except (ModelError, ValueError) as exc:  # ValueError: another number of outputs
        raise ModelError(f"this model does not run as it describes itself ({exc}); compile it anew") from exc


def _answers(engine: Engine, faces: U8) -> list[F32]:
    encoded = engine.encode(faces)
    answer = engine.predict(encoded.o_a, np.repeat(encoded.feature[:, None], engine.spec.n_frames, 1))
    return [encoded.o_a, encoded.feature, answer.probability, answer.o_b, answer.in_order]


def _opener(
    backend: str, plans: Path | None, trust_plan: bool, progress: Progress | None
) -> Callable[[ModelFile, str, str, int], Engine]:
    """Imports one backend, and no other."""
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
