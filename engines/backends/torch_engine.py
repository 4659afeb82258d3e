"""torch: the reference on a CPU; on an NVIDIA GPU, one CUDA graph per batch size that includes the copies."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.backends.batch_sizes import BUCKETS, bucket, parts
from knowledge_spreader.engines.backends.gpu_timing import NO_TIME, Stages
from knowledge_spreader.engines.base import Choice, Encoded, Prediction, check_faces, check_window, feature_width
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import MissingError, ModelError

try:
    import torch
    from torch import Tensor, nn

    from knowledge_spreader.engines.backends.torch_model import Encoder, Head, answering_weights, folded
    from knowledge_spreader.engines.backends.torch_weights import fill
    from knowledge_spreader.method.network import KSModel, make_model
except ImportError as exc:
    raise MissingError(f"torch is not fully installed ({exc}); run: pip install 'knowledge-spreader[gpu]'") from exc

PRECISIONS = {"torch": ("fp32",), "torch-cuda": ("fp16", "bf16", "fp32")}
_DTYPES = {"fp32": torch.float32, "fp16": torch.float16, "bf16": torch.bfloat16}
_WARM_UPS = 3  # cuDNN selects its kernels, libraries allocate their workspaces

Call = Callable[..., list[F32]]


class TorchEngine:
    """An Engine (engines/base.py) with torch; backend is "torch" (CPU) or "torch-cuda".

    threads: 0 = torch's setting; another number changes it for the whole process. Raises ModelError if the file does
    not contain the weights, MissingError without a GPU that torch can use.
    """

    def __init__(
        self,
        model: ModelFile,
        precision: str = "fp32",
        *,
        backend: str = "torch",
        threads: int = 0,
        why: str = "by name",
    ) -> None:
        assert precision in PRECISIONS[backend], (backend, precision)
        if backend == "torch-cuda" and not torch.cuda.is_available():
            raise MissingError("torch finds no NVIDIA GPU that it can use; check nvidia-smi, or use --device cpu")
        if threads:
            torch.set_num_threads(threads)
        self.spec = model.spec
        self.choice = Choice(backend, _device_name(backend), precision, torch.__version__, why)
        network = folded(make_model(model.spec))
        with torch.no_grad():
            fill(answering_weights(network), model)
        network = network.requires_grad_(False).to(memory_format=torch.channels_last)
        self._encode, self._predict = self._cuda(network) if backend == "torch-cuda" else _eager(network)

    def encode(self, faces: U8) -> Encoded:
        check_faces(faces, self.spec)
        o_a, feature = self._encode(faces)
        return Encoded(o_a, feature)

    def predict(self, o_a: F32, window: F32) -> Prediction:
        check_window(o_a, window, self.spec)
        probability, o_b, in_order = self._predict(o_a, window)
        return Prediction(probability, o_b, in_order)

    def stages_ms(self, faces: U8) -> Stages:
        """The stages of one encode, see Staged in gpu_timing.py. Raises ModelError on a CPU, which copies nothing."""
        check_faces(faces, self.spec)
        if not isinstance(self._encode, Graphs):
            raise ModelError("stages can only be measured on a GPU; this engine runs on the CPU")
        return self._encode.stages_ms(faces)

    def close(self) -> None:
        del self._encode, self._predict

    def _cuda(self, network: KSModel) -> tuple[Call, Call]:
        spec, dtype = self.spec, _DTYPES[self.choice.precision]
        network = network.to("cuda", dtype)
        stream, pool = torch.cuda.Stream(), torch.cuda.graph_pool_handle()  # type: ignore[no-untyped-call]
        encode = Graphs(Encoder(network), [((spec.side_px, spec.side_px, 3), torch.uint8)], dtype, stream, pool)
        window = (spec.n_frames, feature_width(spec))
        head = [((len(spec.aus),), torch.float32), (window, torch.float32)]
        predict = Graphs(Head(network), head, dtype, stream, pool)
        encode.capture(1)  # the usual batch size of live video, so that no frame waits for it
        predict.capture(1)
        return encode, predict


class Graphs:
    """A module as CUDA graphs, one for each batch size of BUCKETS, captured at its first use.

    One launch copies the inputs from pinned memory, computes, and copies the outputs back. Calls share the stream, the
    pool and the buffers, so use it from one thread.
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: list[tuple[tuple[int, ...], torch.dtype]],
        dtype: torch.dtype,
        stream: torch.cuda.Stream,
        pool: Any,
    ) -> None:
        self._module, self._inputs, self._dtype = module.eval(), inputs, dtype
        self._stream, self._pool = stream, pool
        self._ready: dict[int, tuple[torch.cuda.CUDAGraph, list[Tensor], list[Tensor], list[Tensor]]] = {}

    def __call__(self, *arrays: npt.NDArray[Any]) -> list[F32]:
        """arrays (F, ...) -> outputs (F, ...), float32. A batch above the largest bucket is split."""
        turns = [self._turn([array[part] for array in arrays]) for part in parts(len(arrays[0]))]
        return [np.concatenate(answers) for answers in zip(*turns, strict=True)]

    def _turn(self, arrays: list[npt.NDArray[Any]]) -> list[F32]:
        n = len(arrays[0])
        size = bucket(n)
        if size not in self._ready:
            self.capture(size)
        graph, pinned_in, _, pinned_out = self._ready[size]
        for pinned, array in zip(pinned_in, arrays, strict=True):
            pinned.numpy()[:n] = array  # the padding keeps old faces; their outputs are dropped
        with torch.cuda.stream(self._stream):
            graph.replay()
        self._stream.synchronize()
        return [pinned.numpy()[:n].copy() for pinned in pinned_out]

    def stages_ms(self, *arrays: npt.NDArray[Any]) -> Stages:
        """The stages of such a call, without its CUDA graph; summed over the parts of a split batch."""
        turns = (self._stages_ms([array[part] for array in arrays]) for part in parts(len(arrays[0])))
        return sum(turns, NO_TIME)

    @torch.inference_mode()
    def _stages_ms(self, arrays: list[npt.NDArray[Any]]) -> Stages:
        self._turn(arrays)  # fills the pinned memory, and captures the graph if needed
        _, pinned_in, on_gpu, pinned_out = self._ready[bucket(len(arrays[0]))]
        begun, copied_in, computed, copied_out = (
            torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
            for _ in range(4)
        )
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)
        with exact, torch.cuda.stream(self._stream):
            begun.record()
            for target, source in zip(on_gpu, pinned_in, strict=True):
                target.copy_(source, non_blocking=True)
            copied_in.record()
            answers = self._forward(on_gpu)
            computed.record()
            for target, source in zip(pinned_out, answers, strict=True):
                target.copy_(source, non_blocking=True)
            copied_out.record()
        copied_out.synchronize()
        marks = ((begun, copied_in), (copied_in, computed), (computed, copied_out))
        return Stages(*(start.elapsed_time(end) for start, end in marks))

    @torch.inference_mode()
    def capture(self, size: int) -> None:
        """Captures the graph of one batch size. All memory is allocated first: it must not be during a capture."""
        pinned_in = [torch.zeros(size, *shape, dtype=dtype).pin_memory() for shape, dtype in self._inputs]
        on_gpu = [x.cuda() for x in pinned_in]
        torch.cuda.synchronize()
        exact = torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False)  # fp32 means fp32
        with exact, torch.cuda.stream(self._stream):
            for _ in range(_WARM_UPS):
                answers = self._forward(on_gpu)
            pinned_out = [x.cpu().pin_memory() for x in answers]
        torch.cuda.synchronize()
        graph = torch.cuda.CUDAGraph()
        # thread_local: CUDA calls of other threads must not break the capture.
        recording = torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local")
        with torch.backends.cudnn.flags(enabled=True, benchmark=True, allow_tf32=False), recording:
            for target, source in zip(on_gpu, pinned_in, strict=True):
                target.copy_(source, non_blocking=True)
            for target, source in zip(pinned_out, self._forward(on_gpu), strict=True):
                target.copy_(source, non_blocking=True)
        self._ready[size] = (graph, pinned_in, on_gpu, pinned_out)

    def _forward(self, on_gpu: list[Tensor]) -> list[Tensor]:
        inputs = [x if x.dtype == torch.uint8 else x.to(self._dtype) for x in on_gpu]
        return [answer.float() for answer in self._module(*inputs)]


def _eager(network: KSModel) -> tuple[Call, Call]:
    """encode and predict on the CPU."""

    def call(module: nn.Module) -> Call:
        @torch.inference_mode()
        def run(*arrays: npt.NDArray[Any]) -> list[F32]:
            return [answer.numpy() for answer in module(*(torch.from_numpy(np.ascontiguousarray(a)) for a in arrays))]

        return run

    return call(Encoder(network).eval()), call(Head(network).eval())


def _device_name(backend: str) -> str:
    if backend == "torch-cuda":
        return f"{torch.cuda.get_device_name()}, CUDA graphs for batches of {', '.join(map(str, BUCKETS))}"
    return f"CPU, {torch.get_num_threads()} threads"
