"""One NVIDIA GPU: its name, a stream of its own, device and pinned memory, graphs. No torch, no TensorRT."""

import ctypes
import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from knowledge_spreader.engines.trt.nvidia_api import CudaRuntime, load_cuda
from knowledge_spreader.errors import KSError, MissingError

log = logging.getLogger(__name__)


class GpuError(KSError):
    """The GPU or its driver could not do what was asked."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """What a plan depends on."""

    name: str  # "NVIDIA H200"
    compute_capability: str  # "9.0"
    driver: str  # CUDA version of the driver, "13.2"


class Cuda(AbstractContextManager["Cuda"]):
    """A GPU in use. Everything that it hands out is freed by close(), once. One thread at a time.

    Raises MissingError when there is no such GPU, GpuError when the driver refuses.
    """

    def __init__(self, device: int = 0, runtime: CudaRuntime | None = None) -> None:
        self._rt = runtime or load_cuda()
        self._device = device
        self._frees: list[tuple[Callable[[Any], tuple[Any, ...]], Any]] = []  # in the order of allocation
        self.gpu = self._describe()
        self.activate()
        # Not the default stream: it would wait for, and hold up, everybody else's work on this GPU.
        self.stream = self._own(
            self._rt.cudaStreamDestroy, self._rt.cudaStreamCreateWithFlags(self._rt.cudaStreamNonBlocking)
        )

    @property
    def stream_handle(self) -> int:
        """The stream as TensorRT takes it."""
        return int(self.stream)

    def activate(self) -> None:
        """Makes this GPU the calling thread's."""
        self._check(self._rt.cudaSetDevice(self._device))

    def device_memory(self, size_bytes: int) -> int:
        """Address of fresh device memory."""
        return int(self._own(self._rt.cudaFree, self._rt.cudaMalloc(size_bytes)))

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array in page-locked host memory, from and to which the GPU copies without the CPU."""
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = int(self._own(self._rt.cudaFreeHost, self._rt.cudaMallocHost(size_bytes)))
        raw = (ctypes.c_uint8 * size_bytes).from_address(address)
        return np.ctypeslib.as_array(raw).view(dtype).reshape(shape)

    def to_device(self, address: int, host: npt.NDArray[Any]) -> None:
        """Puts a copy of a pinned array on the stream."""
        kind = self._rt.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._check(self._rt.cudaMemcpyAsync(address, host.ctypes.data, host.nbytes, kind, self.stream))

    def to_host(self, host: npt.NDArray[Any], address: int) -> None:
        """Puts a copy into a pinned array on the stream."""
        kind = self._rt.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._check(self._rt.cudaMemcpyAsync(host.ctypes.data, address, host.nbytes, kind, self.stream))

    def synchronize(self) -> None:
        """Waits until the stream is empty."""
        self._check(self._rt.cudaStreamSynchronize(self.stream))

    def event(self) -> Any:
        """A mark for the stream; it knows when the GPU came by."""
        return self._own(self._rt.cudaEventDestroy, self._rt.cudaEventCreate())

    def record(self, event: Any) -> None:
        """Puts a mark on the stream."""
        self._check(self._rt.cudaEventRecord(event, self.stream))

    def wait_for(self, event: Any) -> None:
        """Waits until the GPU has come by a mark."""
        self._check(self._rt.cudaEventSynchronize(event))

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Between two marks that the GPU has come by."""
        return float(self._check(self._rt.cudaEventElapsedTime(start, end)))

    def capture(self, work: Callable[[], None]) -> Any:
        """A graph of what `work` puts on the stream; nothing of it runs yet."""
        # Thread-local: what other threads do with this GPU meanwhile neither enters the graph nor spoils it.
        mode = self._rt.cudaStreamCaptureMode.cudaStreamCaptureModeThreadLocal
        self._check(self._rt.cudaStreamBeginCapture(self.stream, mode))
        try:
            work()
        except BaseException:
            result = self._rt.cudaStreamEndCapture(self.stream)  # the stream must not stay in capture
            if not int(result[0]) and result[1]:
                self._rt.cudaGraphDestroy(result[1])
            raise
        graph = self._check(self._rt.cudaStreamEndCapture(self.stream))
        try:
            return self._own(self._rt.cudaGraphExecDestroy, self._rt.cudaGraphInstantiate(graph, 0))
        finally:
            self._check(self._rt.cudaGraphDestroy(graph))  # the executable graph does not need it

    def launch(self, graph: Any) -> None:
        """Puts a captured graph on the stream."""
        self._check(self._rt.cudaGraphLaunch(graph, self.stream))

    def close(self) -> None:
        """Frees everything, newest first, also after a failure of the GPU."""
        while self._frees:
            free, what = self._frees.pop()
            error = free(what)[0]
            if int(error):  # a GPU that failed once answers every later call with the same error
                log.debug("%s: %s", getattr(free, "__name__", "free"), error)

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _describe(self) -> Gpu:
        result = self._rt.cudaGetDeviceCount()
        if int(result[0]) or self._device >= result[1]:
            reason = self._explain(result[0]) if int(result[0]) else f"{result[1]} found, number {self._device} wanted"
            raise MissingError(f"no NVIDIA GPU to run on ({reason}); install NVIDIA's driver or take --device cpu")
        properties = self._check(self._rt.cudaGetDeviceProperties(self._device))
        version = int(self._check(self._rt.cudaDriverGetVersion()))  # 13020
        return Gpu(
            name=bytes(properties.name).rstrip(b"\0").decode(),
            compute_capability=f"{properties.major}.{properties.minor}",
            driver=f"{version // 1000}.{version % 1000 // 10}",
        )

    def _own(self, free: Callable[[Any], tuple[Any, ...]], result: tuple[Any, ...]) -> Any:
        what = self._check(result)
        self._frees.append((free, what))
        return what

    def _check(self, result: tuple[Any, ...]) -> Any:
        """The value of a call, or GpuError."""
        if int(result[0]):
            raise GpuError(f"the GPU failed: {self._explain(result[0])}")
        return result[1] if len(result) > 1 else None

    def _explain(self, error: Any) -> str:
        """'cudaErrorMemoryAllocation: out of memory'"""
        name, text = self._rt.cudaGetErrorName(error)[1], self._rt.cudaGetErrorString(error)[1]
        return f"{bytes(name).decode()}: {bytes(text).decode()}"
