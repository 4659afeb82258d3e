"""TensorRT on an NVIDIA GPU, as an Engine: loads plans from the store, or builds them once."""

import logging
from collections.abc import Callable
from contextlib import ExitStack, closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.backends.gpu_timing import Stages
from knowledge_spreader.engines.base import Choice, Encoded, Prediction, check_faces, check_window, feature_width
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile
from knowledge_spreader.engines.trt.build import FILES, LIVE, Progress, build_plan
from knowledge_spreader.engines.trt.cuda_buffers import Cuda
from knowledge_spreader.engines.trt.graph import PRECISIONS, graph_for_tensorrt
from knowledge_spreader.engines.trt.nvidia_api import TensorRT, load_tensorrt
from knowledge_spreader.engines.trt.plan_cache import PlanFor, PlanStore, onnx_sha256, read_foreign_plan
from knowledge_spreader.engines.trt.runner import PlanRunner, TensorSpec
from knowledge_spreader.spec import ModelSpec

log = logging.getLogger(__name__)

PROFILES = (LIVE, FILES)


@dataclass(frozen=True, slots=True)
class TensorRTOptions:
    """Options that few users need to change."""

    device: int = 0  # number of the GPU
    graphs: bool = True  # use CUDA graphs; False for comparison
    store: Path | None = None  # folder of the plans; None = the user's cache
    foreign_plans: Path | None = None  # a folder with encoder.plan and head.plan built elsewhere
    trust_plan: bool = False  # their source is trusted: a plan can run any code
    say: Callable[[str], None] = log.warning  # gets a line before each long wait
    progress: Progress | None = None  # of a build


class TensorRTEngine:
    """An Engine (engines/base.py) with TensorRT; use it from one thread.

    The first start on a machine builds the plans, which takes minutes; later starts load them from the store. fp16 and
    int8 apply to the encoder; the head is tiny and stays in fp32. Raises MissingError without TensorRT or GPU,
    ModelError on a model or plan that cannot be used, GpuError if the GPU fails.
    """

    def __init__(
        self,
        model: ModelFile,
        precision: str = "fp16",
        *,
        why: str = "by name",
        options: TensorRTOptions | None = None,
    ) -> None:
        assert precision in PRECISIONS, precision
        options = options or TensorRTOptions()
        trt = load_tensorrt()
        self.spec = model.spec
        with ExitStack() as stack:
            cuda = stack.enter_context(Cuda(options.device))
            self.choice = Choice("tensorrt", cuda.gpu.name, precision, trt.__version__, why)
            plans = _Plans(trt, cuda, model, options)
            runners = []
            for part, part_precision in ((ENCODER, precision), (HEAD, "fp32")):
                inputs, outputs = tensors(part, model.spec)
                runner = PlanRunner(trt, cuda, plans.get(part, part_precision), inputs, outputs, options.graphs)
                runners.append(stack.enter_context(closing(runner)))
            self._encoder, self._head = runners
            self._resources = stack.pop_all()  # from here on close() frees them

    def encode(self, faces: U8) -> Encoded:
        check_faces(faces, self.spec)
        o_a, feature = self._encoder.run(faces)
        return Encoded(o_a, feature)

    def predict(self, o_a: F32, window: F32) -> Prediction:
        check_window(o_a, window, self.spec)
        probability, o_b, in_order = self._head.run(o_a, window)
        return Prediction(probability, o_b, in_order)

    def stages_ms(self, faces: U8) -> Stages:
        """The stages of one encode, see Staged in engines/backends/gpu_timing.py."""
        check_faces(faces, self.spec)
        return self._encoder.stages_ms(faces)

    def close(self) -> None:
        self._resources.close()


def tensors(part: str, spec: ModelSpec) -> tuple[list[TensorSpec], list[TensorSpec]]:
    """(inputs, outputs) of the encoder or the head."""
    u, c, side = len(spec.aus), feature_width(spec), spec.side_px
    o_a = TensorSpec("o_a", (u,), np.float32)
    if part == ENCODER:
        return [TensorSpec("faces", (side, side, 3), np.uint8)], [o_a, TensorSpec("feature", (c,), np.float32)]
    return [o_a, TensorSpec("window", (spec.n_frames, c), np.float32)], [
        TensorSpec("probability", (u,), np.float32),
        TensorSpec("o_b", (u,), np.float32),
        TensorSpec("in_order", (), np.float32),
    ]


class _Plans:
    """Gets the plan of a graph: from the store, from a new build, or from a folder given by the user."""

    def __init__(self, trt: TensorRT, cuda: Cuda, model: ModelFile, options: TensorRTOptions) -> None:
        self._trt, self._gpu, self._model, self._options = trt, cuda.gpu, model, options

    def get(self, part: str, precision: str) -> bytes:
        """The plan of the encoder or the head. Raises ModelError if it cannot be read or built."""
        options = self._options
        if options.foreign_plans is not None:
            return read_foreign_plan(options.foreign_plans / f"{part}.plan", options.trust_plan)
        onnx = self._model.int8_graph("tensorrt") if precision == "int8" else self._model.graph(part)
        wanted = PlanFor(
            part=part,
            onnx_sha256=onnx_sha256(onnx),
            precision=precision,
            profiles=tuple(map(str, PROFILES)),
            gpu=self._gpu.name,
            compute_capability=self._gpu.compute_capability,
            driver=self._gpu.driver,
            tensorrt=self._trt.__version__,
            spec=self._model.spec.to_json(),
        )
        store = PlanStore(options.store)

        def build() -> bytes:
            graph = graph_for_tensorrt(onnx, precision)
            built = build_plan(self._trt, graph, PROFILES, store.timing_cache(wanted), options.progress)
            store.save_timing_cache(wanted, built.timing_cache)
            return built.plan

        return store.load_or_build(wanted, build, options.say)
