"""One NVIDIA GPU: its name, its own stream, device and pinned memory, CUDA graphs. Without torch or TensorRT."""

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
    """A call to the GPU or its driver failed."""


@dataclass(frozen=True, slots=True)
class Gpu:
    """The properties of a GPU that a plan depends on."""

    name: str  # "NVIDIA H200"
    compute_capability: str  # "9.0"
    driver: str  # CUDA version of the driver, "13.2"


class Cuda(AbstractContextManager["Cuda"]):
    """A GPU in use. close() frees everything that was allocated through it. One thread at a time.

    Raises MissingError if there is no such GPU, GpuError if the driver fails.
    """

    def __init__(self, device: int = 0, runtime: CudaRuntime | None = None) -> None:
        self._rt = runtime or load_cuda()
        self._device = device
        self._frees: list[tuple[Callable[[Any], tuple[Any, ...]], Any]] = []  # in the order of allocation
        self.gpu = self._describe()
        self.activate()
        # Not the default stream, which would wait for, and block, other work on this GPU.
        self.stream = self._own(
            self._rt.cudaStreamDestroy, self._rt.cudaStreamCreateWithFlags(self._rt.cudaStreamNonBlocking)
        )

    @property
    def stream_handle(self) -> int:
        """The stream's handle for TensorRT."""
        return int(self.stream)

    def activate(self) -> None:
        """Selects this GPU for the calling thread."""
        self._check(self._rt.cudaSetDevice(self._device))

    def device_memory(self, size_bytes: int) -> int:
        """Address of newly allocated device memory."""
        return int(self._own(self._rt.cudaFree, self._rt.cudaMalloc(size_bytes)))

    def pinned(self, shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
        """An array in page-locked host memory, which the GPU can copy without the CPU."""
        size_bytes = int(np.prod(shape)) * np.dtype(dtype).itemsize
        address = int(self._own(self._rt.cudaFreeHost, self._rt.cudaMallocHost(size_bytes)))
        raw = (ctypes.c_uint8 * size_bytes).from_address(address)
        return np.ctypeslib.as_array(raw).view(dtype).reshape(shape)

    def to_device(self, address: int, host: npt.NDArray[Any]) -> None:
        """Enqueues a copy from a pinned array to device memory."""
        kind = self._rt.cudaMemcpyKind.cudaMemcpyHostToDevice
        self._check(self._rt.cudaMemcpyAsync(address, host.ctypes.data, host.nbytes, kind, self.stream))

    def to_host(self, host: npt.NDArray[Any], address: int) -> None:
        """Enqueues a copy from device memory to a pinned array."""
        kind = self._rt.cudaMemcpyKind.cudaMemcpyDeviceToHost
        self._check(self._rt.cudaMemcpyAsync(host.ctypes.data, address, host.nbytes, kind, self.stream))

    def synchronize(self) -> None:
        """Waits until the stream is empty."""
        self._check(self._rt.cudaStreamSynchronize(self.stream))

    def event(self) -> Any:
        """An event, which records when the GPU reaches it."""
        return self._own(self._rt.cudaEventDestroy, self._rt.cudaEventCreate())

    def record(self, event: Any) -> None:
        """Enqueues an event."""
        self._check(self._rt.cudaEventRecord(event, self.stream))

    def wait_for(self, event: Any) -> None:
        """Waits until the GPU has reached an event."""
        self._check(self._rt.cudaEventSynchronize(event))

    def elapsed_ms(self, start: Any, end: Any) -> float:
        """Time between two events that the GPU has reached."""
        return float(self._check(self._rt.cudaEventElapsedTime(start, end)))

    def capture(self, work: Callable[[], None]) -> Any:
        """A CUDA graph of what `work` enqueues; nothing runs yet."""
        # Thread-local: CUDA calls of other threads neither enter the graph nor break the capture.
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
        """Enqueues a captured graph."""
        self._check(self._rt.cudaGraphLaunch(graph, self.stream))

    def close(self) -> None:
        """Frees everything, newest first, even after a GPU failure."""
        while self._frees:
            free, what = self._frees.pop()
            error = free(what)[0]
            if int(error):  # after one failure, every later call returns the same error
                log.debug("%s: %s", getattr(free, "__name__", "free"), error)

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _describe(self) -> Gpu:
        result = self._rt.cudaGetDeviceCount()
        if int(result[0]) or self._device >= result[1]:
            reason = self._explain(result[0]) if int(result[0]) else f"{result[1]} found, number {self._device} wanted"
            raise MissingError(f"no NVIDIA GPU to run on ({reason}); install NVIDIA's driver or use --device cpu")
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
        """The value that a call returned. Raises GpuError if it failed."""
        if int(result[0]):
            raise GpuError(f"the GPU failed: {self._explain(result[0])}")
        return result[1] if len(result) > 1 else None

    def _explain(self, error: Any) -> str:
        """'cudaErrorMemoryAllocation: out of memory'"""
        name, text = self._rt.cudaGetErrorName(error)[1], self._rt.cudaGetErrorString(error)[1]
        return f"{bytes(name).decode()}: {bytes(text).decode()}"
