"""Types for the parts of TensorRT and the CUDA runtime that are used here.

mypy rejects every name that is not declared here, and the tests compare every declaration with NVIDIA's own modules.
`TrtX` is `tensorrt.X`; `CudaRuntime` is `cuda.bindings.runtime`, whose functions return a tuple that starts with an
error code. TensorRT 10.12 to 11.x: networks are strongly typed, and the ONNX graph sets the precision.
"""
# ruff: noqa: N802, N803, N815 (NVIDIA's names)

import importlib
from collections.abc import Callable, Sequence
from typing import Any, Protocol, cast

from knowledge_spreader.errors import MissingError

OLDEST, NEWEST = (10, 12), (11, 999)  # TensorRT versions that this file describes
INSTALL = 'pip install "knowledge-spreader[tensorrt]"'

Shape = Sequence[int]


class TrtIHostMemory(Protocol):
    """A buffer; bytes() copies it."""

    nbytes: int


class TrtITensor(Protocol):
    name: str
    shape: Shape


class TrtINetworkDefinition(Protocol):
    num_inputs: int

    def get_input(self, index: int) -> TrtITensor: ...


class TrtIOptimizationProfile(Protocol):
    def set_shape(self, input: str, min: Shape, opt: Shape, max: Shape) -> None: ...


class TrtITimingCache(Protocol):
    def serialize(self) -> TrtIHostMemory: ...


class TrtBuilderFlag(Protocol):
    TF32: Any


class TrtIBuilderConfig(Protocol):
    progress_monitor: object

    def add_optimization_profile(self, profile: TrtIOptimizationProfile) -> int: ...
    def clear_flag(self, flag: object) -> None: ...
    def create_timing_cache(self, serialized_timing_cache: bytes) -> TrtITimingCache: ...
    def set_timing_cache(self, cache: TrtITimingCache, ignore_mismatch: bool) -> bool: ...
    def get_timing_cache(self) -> TrtITimingCache: ...


class TrtNetworkDefinitionCreationFlag(Protocol):
    STRONGLY_TYPED: Any


class TrtBuilder(Protocol):
    def create_network(self, flags: int = 0) -> TrtINetworkDefinition: ...
    def create_builder_config(self) -> TrtIBuilderConfig: ...
    def create_optimization_profile(self) -> TrtIOptimizationProfile: ...
    def build_serialized_network(
        self, network: TrtINetworkDefinition, config: TrtIBuilderConfig
    ) -> TrtIHostMemory | None: ...


class TrtParserError(Protocol):
    def desc(self) -> str: ...


class TrtOnnxParser(Protocol):
    num_errors: int

    def parse(self, model: bytes) -> bool: ...
    def get_error(self, index: int) -> TrtParserError: ...


class TrtExecutionContextAllocationStrategy(Protocol):
    USER_MANAGED: Any


class TrtTensorIOMode(Protocol):
    INPUT: Any


class TrtIExecutionContext(Protocol):
    def set_device_memory(self, memory: int, size: int) -> None: ...
    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool: ...
    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool: ...
    def set_tensor_address(self, name: str, memory: int) -> bool: ...
    def execute_async_v3(self, stream_handle: int) -> bool: ...


class TrtICudaEngine(Protocol):
    num_io_tensors: int
    num_optimization_profiles: int
    device_memory_size_v2: int

    def get_tensor_name(self, index: int) -> str: ...
    def get_tensor_mode(self, name: str) -> object: ...
    def get_tensor_dtype(self, name: str) -> object: ...
    def get_tensor_shape(self, name: str) -> Shape: ...
    def get_tensor_profile_shape(self, name: str, profile_index: int) -> Sequence[Shape]: ...
    def create_execution_context(self, strategy: object) -> TrtIExecutionContext | None: ...


class TrtRuntime(Protocol):
    def deserialize_cuda_engine(self, serialized_engine: bytes) -> TrtICudaEngine | None: ...


class TensorRT(Protocol):
    """The module `tensorrt`."""

    __version__: str
    ILogger: type
    IProgressMonitor: type
    NetworkDefinitionCreationFlag: TrtNetworkDefinitionCreationFlag
    BuilderFlag: TrtBuilderFlag
    TensorIOMode: TrtTensorIOMode
    ExecutionContextAllocationStrategy: TrtExecutionContextAllocationStrategy
    Builder: Callable[[object], TrtBuilder]
    OnnxParser: Callable[[TrtINetworkDefinition, object], TrtOnnxParser]
    Runtime: Callable[[object], TrtRuntime]

    def nptype(self, trt_type: object) -> type: ...


class CudaDeviceProp(Protocol):
    name: bytes
    major: int
    minor: int


class CudaMemcpyKind(Protocol):
    cudaMemcpyHostToDevice: Any
    cudaMemcpyDeviceToHost: Any


class CudaStreamCaptureMode(Protocol):
    cudaStreamCaptureModeThreadLocal: Any


class CudaRuntime(Protocol):
    """The module `cuda.bindings.runtime`."""

    cudaStreamNonBlocking: int
    cudaMemcpyKind: CudaMemcpyKind
    cudaStreamCaptureMode: CudaStreamCaptureMode

    def cudaGetErrorName(self, error: Any) -> tuple[Any, ...]: ...
    def cudaGetErrorString(self, error: Any) -> tuple[Any, ...]: ...
    def cudaGetDeviceCount(self) -> tuple[Any, ...]: ...
    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]: ...
    def cudaDriverGetVersion(self) -> tuple[Any, ...]: ...
    def cudaSetDevice(self, device: int) -> tuple[Any, ...]: ...
    def cudaMalloc(self, size: int) -> tuple[Any, ...]: ...
    def cudaFree(self, devPtr: int) -> tuple[Any, ...]: ...
    def cudaMallocHost(self, size: int) -> tuple[Any, ...]: ...
    def cudaFreeHost(self, ptr: int) -> tuple[Any, ...]: ...
    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any, ...]: ...
    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]: ...
    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any, ...]: ...
    def cudaStreamDestroy(self, stream: Any) -> tuple[Any, ...]: ...
    def cudaEventCreate(self) -> tuple[Any, ...]: ...
    def cudaEventRecord(self, event: Any, stream: Any) -> tuple[Any, ...]: ...
    def cudaEventSynchronize(self, event: Any) -> tuple[Any, ...]: ...
    def cudaEventElapsedTime(self, start: Any, end: Any) -> tuple[Any, ...]: ...
    def cudaEventDestroy(self, event: Any) -> tuple[Any, ...]: ...
    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> tuple[Any, ...]: ...
    def cudaStreamEndCapture(self, stream: Any) -> tuple[Any, ...]: ...
    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, ...]: ...
    def cudaGraphLaunch(self, graphExec: Any, stream: Any) -> tuple[Any, ...]: ...
    def cudaGraphDestroy(self, graph: Any) -> tuple[Any, ...]: ...
    def cudaGraphExecDestroy(self, graphExec: Any) -> tuple[Any, ...]: ...


def load_tensorrt() -> TensorRT:
    """The module `tensorrt`. Raises MissingError if it is not installed or its version is not supported."""
    try:
        trt = cast(TensorRT, importlib.import_module("tensorrt"))
    except (ImportError, OSError) as exc:  # OSError: the wheel is installed, but a library that it needs is missing
        raise MissingError(f"TensorRT is not installed ({exc}); {INSTALL}") from exc
    version = tuple(int(part) for part in trt.__version__.split(".")[:2])
    if not OLDEST <= version <= NEWEST:
        raise MissingError(f"TensorRT {trt.__version__} is installed, 10.12 to 11.x is wanted; {INSTALL}")
    return trt


def load_cuda() -> CudaRuntime:
    """The module `cuda.bindings.runtime`. Raises MissingError if it is not installed."""
    try:
        return cast(CudaRuntime, importlib.import_module("cuda.bindings.runtime"))
    except (ImportError, OSError) as exc:
        raise MissingError(f"NVIDIA's cuda-bindings are not installed ({exc}); {INSTALL}") from exc
