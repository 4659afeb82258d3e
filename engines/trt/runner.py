"""Runs a plan: buffers at fixed addresses, a context and a CUDA graph per batch size, one wait per call.

TensorRT's rules behind this: the first enqueue of a context after a change of shape updates its state and cannot be
captured, so it runs before the capture. A captured graph uses the state of its context, so each graph has its own
context. Contexts that never run at the same time can share scratch memory.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.engines.backends.gpu_timing import NO_TIME, Stages
from knowledge_spreader.engines.trt.build import Messages
from knowledge_spreader.engines.trt.cuda_buffers import Cuda
from knowledge_spreader.engines.trt.nvidia_api import TensorRT, TrtICudaEngine, TrtIExecutionContext
from knowledge_spreader.errors import KSError, ModelError

Array = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class TensorSpec:
    """An input or output of a graph; the shape is without the batch axis."""

    name: str
    shape: tuple[int, ...]
    dtype: type


@dataclass(slots=True, eq=False)
class _Ready:
    """What is prepared for one batch size."""

    context: TrtIExecutionContext
    graph: Any = None  # CUDA graph, once captured


class PlanRunner:
    """One plan on one GPU.

    Raises ModelError if the plan cannot be loaded or has other tensors than the model, GpuError if the GPU fails.
    graphs: False = without CUDA graphs, for comparison.
    """

    def __init__(
        self,
        trt: TensorRT,
        cuda: Cuda,
        plan: bytes,
        inputs: Sequence[TensorSpec],
        outputs: Sequence[TensorSpec],
        graphs: bool = True,
    ) -> None:
        self._trt, self._cuda, self._graphs = trt, cuda, graphs
        self._inputs, self._outputs = tuple(inputs), tuple(outputs)
        self._messages = Messages(trt)
        cuda.activate()
        self._runtime = trt.Runtime(self._messages.logger)
        self._engine = self._load(plan)
        self.largest_batches = _profiles(self._engine, inputs[0].name)  # of each profile
        self._scratch_bytes = max(self._engine.device_memory_size_v2, 1)
        self._scratch = cuda.device_memory(self._scratch_bytes)
        most = max(self.largest_batches)
        tensors = self._inputs + self._outputs
        self._host = {t.name: cuda.pinned((most, *t.shape), t.dtype) for t in tensors}
        self._device = {t.name: cuda.device_memory(self._host[t.name].nbytes) for t in tensors}
        self._ready: dict[tuple[int, int], _Ready] = {}
        self._marks: tuple[Any, ...] = ()  # four events, created when needed

    def run(self, *arrays: Array) -> list[Array]:
        """arrays: one per input, batch axis first, any size from 1. Batches above the largest are split."""
        most, batch = max(self.largest_batches), len(arrays[0])
        self._cuda.activate()
        parts = [self._run([x[i : i + most] for x in arrays]) for i in range(0, batch, most)]
        return parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]

    def stages_ms(self, *arrays: Array) -> Stages:
        """The stages of such a call, without its CUDA graph; summed over the parts of a split batch."""
        most = max(self.largest_batches)
        self._cuda.activate()
        self._marks = self._marks or tuple(self._cuda.event() for _ in range(4))
        parts = (self._stages_ms([x[i : i + most] for x in arrays]) for i in range(0, len(arrays[0]), most))
        return sum(parts, NO_TIME)

    def close(self) -> None:
        """Frees TensorRT's objects, contexts first; the Cuda object frees memory and graphs. Call it once."""
        self._ready.clear()
        del self._engine, self._runtime

    def _fill(self, arrays: Sequence[Array]) -> tuple[int, int]:
        """Copies the inputs to pinned memory. Returns the profile that runs them, and the batch size."""
        batch = len(arrays[0])
        for tensor, array in zip(self._inputs, arrays, strict=True):
            np.copyto(self._host[tensor.name][:batch], array)
        return next(i for i, largest in enumerate(self.largest_batches) if batch <= largest), batch

    def _run(self, arrays: Sequence[Array]) -> list[Array]:
        profile, batch = self._fill(arrays)
        ready = self._ready.get((profile, batch))
        if ready is not None and ready.graph is not None:
            self._cuda.launch(ready.graph)
        else:
            if ready is None:
                ready = self._ready[profile, batch] = _Ready(self._context(profile, batch))
            self._enqueue(ready.context, batch)
        self._cuda.synchronize()
        answers = [self._host[tensor.name][:batch].copy() for tensor in self._outputs]
        if self._graphs and ready.graph is None:
            context = ready.context
            ready.graph = self._cuda.capture(lambda: self._enqueue(context, batch))
        return answers

    def _stages_ms(self, arrays: Sequence[Array]) -> Stages:
        profile, batch = self._fill(arrays)
        if (profile, batch) not in self._ready:
            self._run(arrays)  # the first enqueue of a context is slower
        context = self._ready[profile, batch].context
        begun, copied_in, computed, copied_out = self._marks
        self._cuda.record(begun)
        self._copy_in(batch)
        self._cuda.record(copied_in)
        self._compute(context)
        self._cuda.record(computed)
        self._copy_out(batch)
        self._cuda.record(copied_out)
        self._cuda.wait_for(copied_out)
        elapsed_ms = self._cuda.elapsed_ms
        return Stages(elapsed_ms(begun, copied_in), elapsed_ms(copied_in, computed), elapsed_ms(computed, copied_out))

    def _enqueue(self, context: TrtIExecutionContext, batch: int) -> None:
        """Enqueues copy in, compute and copy out; also what a CUDA graph captures."""
        self._copy_in(batch)
        self._compute(context)
        self._copy_out(batch)

    def _copy_in(self, batch: int) -> None:
        for tensor in self._inputs:
            self._cuda.to_device(self._device[tensor.name], self._host[tensor.name][:batch])

    def _compute(self, context: TrtIExecutionContext) -> None:
        self._did(context.execute_async_v3(self._cuda.stream_handle), "run the plan")

    def _copy_out(self, batch: int) -> None:
        for tensor in self._outputs:
            self._cuda.to_host(self._host[tensor.name][:batch], self._device[tensor.name])

    def _context(self, profile: int, batch: int) -> TrtIExecutionContext:
        context = self._engine.create_execution_context(self._trt.ExecutionContextAllocationStrategy.USER_MANAGED)
        if context is None:
            raise KSError(f"TensorRT cannot make an execution context: {self._messages.last_error}")
        context.set_device_memory(self._scratch, self._scratch_bytes)
        self._did(context.set_optimization_profile_async(profile, self._cuda.stream_handle), f"take profile {profile}")
        for tensor in self._inputs:
            self._did(context.set_input_shape(tensor.name, (batch, *tensor.shape)), f"take a batch of {batch}")
        for name, address in self._device.items():
            self._did(context.set_tensor_address(name, address), f"take the address of {name}")
        return context

    def _load(self, plan: bytes) -> TrtICudaEngine:
        engine = self._runtime.deserialize_cuda_engine(plan)
        if engine is None:
            raise ModelError(f"TensorRT {self._trt.__version__} cannot load the plan: {self._messages.last_error}")
        wanted = {(t.name, t in self._inputs, t.shape, np.dtype(t.dtype)) for t in self._inputs + self._outputs}
        found = {self._describe(engine, engine.get_tensor_name(i)) for i in range(engine.num_io_tensors)}
        if found != wanted:
            other = ", ".join(f"{name} {dtype} {shape}" for name, _, shape, dtype in sorted(found - wanted, key=str))
            raise ModelError(
                f"the plan is not of this model: it has {other or 'too few tensors'}; build it from the model"
            )
        return engine

    def _describe(self, engine: TrtICudaEngine, name: str) -> tuple[str, bool, tuple[int, ...], np.dtype[Any]]:
        is_input = engine.get_tensor_mode(name) == self._trt.TensorIOMode.INPUT
        dtype = np.dtype(self._trt.nptype(engine.get_tensor_dtype(name)))
        return name, is_input, tuple(engine.get_tensor_shape(name))[1:], dtype

    def _did(self, answer: bool, what: str) -> None:
        if not answer:
            raise KSError(f"TensorRT could not {what}: {self._messages.last_error}")


def _profiles(engine: TrtICudaEngine, name: str) -> list[int]:
    """The largest batch of each profile. Raises ModelError unless all start at 1 and the largest increase."""
    shapes = [engine.get_tensor_profile_shape(name, i) for i in range(engine.num_optimization_profiles)]
    largest = [int(shape[2][0]) for shape in shapes]
    if not shapes or any(int(shape[0][0]) != 1 for shape in shapes) or largest != sorted(largest):
        raise ModelError(f"a plan's profiles must start at batch 1 and increase; got {[list(s) for s in shapes]}")
    return largest
