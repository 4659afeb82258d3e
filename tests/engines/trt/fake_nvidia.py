"""Fakes of TensorRT and the CUDA runtime that compute, record each call, and enforce NVIDIA's rules.

Device memory is host memory. A stream works at once, or records while it is captured. The signatures are those that
nvidia_api.py declares (test_tensorrt_proof.py compares both with NVIDIA's). Breaking a rule fails an assertion here:
an enqueue without an address, a capture before a plain run, a graph that outlives its context's shape, memory freed
twice or used after its release or beyond its end, use of the default stream.
"""
# ruff: noqa: N802, N803, N815 (NVIDIA's names)

import ctypes
import json
import math
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import onnx

Call = tuple[str, tuple[Any, ...]]
CODES = {2: b"cudaErrorMemoryAllocation", 35: b"cudaErrorInsufficientDriver", 700: b"cudaErrorIllegalAddress"}
TEXTS = {2: b"out of memory", 35: b"CUDA driver version is insufficient", 700: b"an illegal memory access"}
COPY_MS, PLAN_MS = 1.0, 5.0
DTYPES = {onnx.TensorProto.UINT8: "uint8", onnx.TensorProto.FLOAT: "float32"}


class Stream(int):
    """A stream's handle, and what is captured on it."""

    recording: list[Callable[[], None]] | None = None


class FakeCudaRuntime:
    """cuda.bindings.runtime on one fake GPU. fail: name of a function -> the error code that it returns."""

    cudaStreamNonBlocking = 1
    cudaMemcpyKind = SimpleNamespace(cudaMemcpyHostToDevice=1, cudaMemcpyDeviceToHost=2)
    cudaStreamCaptureMode = SimpleNamespace(cudaStreamCaptureModeThreadLocal=1)

    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.fail: dict[str, int] = {}
        self.gpus = 1
        self.memory: dict[int, Any] = {}  # address -> buffer, while it is allocated
        self.streams: dict[int, Stream] = {}
        self.graphs: dict[int, list[Callable[[], None]]] = {}
        self.events: dict[int, float | None] = {}  # when the stream came by
        self.clock_ms = 0.0  # of the GPU: a copy takes COPY_MS, a plan PLAN_MS
        self._handles = iter(range(1000, 10**9))

    def _call(self, name: str, *args: Any) -> int:
        self.calls.append((name, args))
        return self.fail.get(name, 0)

    def held(self) -> int:
        """Resources that are not freed yet."""
        return len(self.memory) + len(self.streams) + len(self.graphs) + len(self.events)

    def span(self, address: int) -> int:
        """The bytes from an address to the end of its allocation."""
        for start, buffer in self.memory.items():
            if start <= address < start + len(buffer):
                return start + len(buffer) - address
        raise AssertionError(f"{address} is not allocated")

    def put(self, stream: int, work: Callable[[], None], takes_ms: float = 0.0) -> None:
        assert stream in self.streams, "not the default stream, nor one that is gone"

        def timed() -> None:
            work()
            self.clock_ms += takes_ms

        recording = self.streams[stream].recording
        timed() if recording is None else recording.append(timed)

    def cudaGetErrorName(self, error: Any) -> tuple[Any, ...]:
        return 0, CODES[error]

    def cudaGetErrorString(self, error: Any) -> tuple[Any, ...]:
        return 0, TEXTS[error]

    def cudaGetDeviceCount(self) -> tuple[Any, ...]:
        return self._call("cudaGetDeviceCount"), self.gpus

    def cudaGetDeviceProperties(self, device: int) -> tuple[Any, ...]:
        code = self._call("cudaGetDeviceProperties", device)
        return code, SimpleNamespace(name=b"NVIDIA Pretence" + bytes(8), major=9, minor=0)

    def cudaDriverGetVersion(self) -> tuple[Any, ...]:
        return self._call("cudaDriverGetVersion"), 13020

    def cudaSetDevice(self, device: int) -> tuple[Any, ...]:
        return (self._call("cudaSetDevice", device),)

    def cudaMalloc(self, size: int) -> tuple[Any, ...]:
        return self._allocate("cudaMalloc", size)

    def cudaMallocHost(self, size: int) -> tuple[Any, ...]:
        return self._allocate("cudaMallocHost", size)

    def _allocate(self, name: str, size: int) -> tuple[Any, ...]:
        assert size > 0
        if code := self._call(name, size):
            return code, None
        buffer = (ctypes.c_uint8 * size)()
        self.memory[ctypes.addressof(buffer)] = buffer
        return 0, ctypes.addressof(buffer)

    def cudaFree(self, devPtr: int) -> tuple[Any, ...]:
        return (self._free("cudaFree", devPtr, self.memory),)

    def cudaFreeHost(self, ptr: int) -> tuple[Any, ...]:
        return (self._free("cudaFreeHost", ptr, self.memory),)

    def _free(self, name: str, what: int, where: dict[int, Any]) -> int:
        assert what in where, f"{name}: freed twice"
        del where[what]
        return self._call(name, what)

    def cudaMemcpyAsync(self, dst: int, src: int, count: int, kind: Any, stream: Any) -> tuple[Any, ...]:
        assert count <= min(self.span(dst), self.span(src))
        self.put(stream, lambda: ctypes.memmove(dst, src, min(count, self.span(dst), self.span(src))) and None, COPY_MS)
        return (self._call("cudaMemcpyAsync", dst, src, count, kind, stream),)

    def cudaStreamCreateWithFlags(self, flags: int) -> tuple[Any, ...]:
        if code := self._call("cudaStreamCreateWithFlags", flags):
            return code, None
        stream = Stream(next(self._handles))
        self.streams[stream] = stream
        return 0, stream

    def cudaStreamSynchronize(self, stream: Any) -> tuple[Any, ...]:
        assert self.streams[stream].recording is None, "a captured stream cannot be waited for"
        return (self._call("cudaStreamSynchronize", stream),)

    def cudaStreamDestroy(self, stream: Any) -> tuple[Any, ...]:
        return (self._free("cudaStreamDestroy", stream, self.streams),)

    def cudaEventCreate(self) -> tuple[Any, ...]:
        if code := self._call("cudaEventCreate"):
            return code, None
        event = next(self._handles)
        self.events[event] = None
        return 0, event

    def cudaEventRecord(self, event: Any, stream: Any) -> tuple[Any, ...]:
        assert self.streams[stream].recording is None, "an event inside a capture takes no time"
        self.events[event] = self.clock_ms
        return (self._call("cudaEventRecord", event, stream),)

    def cudaEventSynchronize(self, event: Any) -> tuple[Any, ...]:
        assert self.events[event] is not None, "never recorded"
        return (self._call("cudaEventSynchronize", event),)

    def cudaEventElapsedTime(self, start: Any, end: Any) -> tuple[Any, ...]:
        begun_ms, done_ms = self.events[start], self.events[end]
        assert begun_ms is not None, "never recorded"
        assert done_ms is not None, "never recorded"
        return self._call("cudaEventElapsedTime", start, end), done_ms - begun_ms

    def cudaEventDestroy(self, event: Any) -> tuple[Any, ...]:
        return (self._free("cudaEventDestroy", event, self.events),)

    def cudaStreamBeginCapture(self, stream: Any, mode: Any) -> tuple[Any, ...]:
        assert self.streams[stream].recording is None
        if code := self._call("cudaStreamBeginCapture", stream, mode):
            return (code,)
        self.streams[stream].recording = []
        return (0,)

    def cudaStreamEndCapture(self, stream: Any) -> tuple[Any, ...]:
        recorded = self.streams[stream].recording
        assert recorded is not None
        self.streams[stream].recording = None
        if code := self._call("cudaStreamEndCapture", stream):
            return code, None
        graph = next(self._handles)
        self.graphs[graph] = recorded
        return 0, graph

    def cudaGraphInstantiate(self, graph: Any, flags: int) -> tuple[Any, ...]:
        if code := self._call("cudaGraphInstantiate", graph, flags):
            return code, None
        executable = next(self._handles)
        self.graphs[executable] = self.graphs[graph]
        return 0, executable

    def cudaGraphLaunch(self, graphExec: Any, stream: Any) -> tuple[Any, ...]:
        if code := self._call("cudaGraphLaunch", graphExec, stream):
            return (code,)
        for work in self.graphs[graphExec]:
            self.put(stream, work)
        return (0,)

    def cudaGraphDestroy(self, graph: Any) -> tuple[Any, ...]:
        return (self._free("cudaGraphDestroy", graph, self.graphs),)

    def cudaGraphExecDestroy(self, graphExec: Any) -> tuple[Any, ...]:
        return (self._free("cudaGraphExecDestroy", graphExec, self.graphs),)


class HostMemory(bytes):
    @property
    def nbytes(self) -> int:
        return len(self)


class FakeILogger:
    def log(self, severity: Any, msg: str) -> None:
        raise NotImplementedError


class FakeIProgressMonitor:
    def phase_start(self, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
        raise NotImplementedError

    def step_complete(self, phase_name: str, step: int) -> bool:
        raise NotImplementedError

    def phase_finish(self, phase_name: str) -> None:
        raise NotImplementedError


class FakeINetworkDefinition:
    def __init__(self, flags: int) -> None:
        self.flags, self.tensors, self.num_inputs = flags, [], 0

    def get_input(self, index: int) -> Any:
        name, _, shape, _ = self.tensors[index]
        return SimpleNamespace(name=name, shape=shape)


class FakeIOptimizationProfile:
    def __init__(self) -> None:
        self.shapes: dict[str, Any] = {}

    def set_shape(self, input: str, min: Any, opt: Any, max: Any) -> None:
        self.shapes[input] = [list(min), list(opt), list(max)]


class FakeITimingCache:
    def __init__(self, data: bytes) -> None:
        self.data = data

    def serialize(self) -> HostMemory:
        return HostMemory(self.data + b"+1")


class FakeIBuilderConfig:
    progress_monitor: Any = None

    def __init__(self) -> None:
        self.profiles: list[FakeIOptimizationProfile] = []
        self.cache: FakeITimingCache | None = None
        self.cleared: list[str] = []

    def add_optimization_profile(self, profile: FakeIOptimizationProfile) -> int:
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def clear_flag(self, flag: Any) -> None:
        self.cleared.append(flag)

    def create_timing_cache(self, serialized_timing_cache: bytes) -> FakeITimingCache:
        return FakeITimingCache(serialized_timing_cache)

    def set_timing_cache(self, cache: FakeITimingCache, ignore_mismatch: bool) -> bool:
        assert not ignore_mismatch
        if cache.data.startswith(b"of another GPU"):
            return False
        self.cache = cache
        return True

    def get_timing_cache(self) -> FakeITimingCache:
        assert self.cache is not None
        return self.cache


class FakeOnnxParser:
    """Reads inputs and outputs. Fails on a graph called "unreadable"."""

    num_errors = 0

    def __init__(self, network: FakeINetworkDefinition, logger: FakeILogger) -> None:
        self.network = network

    def parse(self, model: bytes) -> bool:
        graph = onnx.load_model_from_string(model).graph
        if graph.name == "unreadable":
            self.num_errors = 1
            return False
        for is_input, values in ((True, graph.input), (False, graph.output)):
            for value in values:
                kind = value.type.tensor_type
                shape = [-1, *(d.dim_value for d in kind.shape.dim[1:])]
                self.network.tensors.append((value.name, is_input, shape, DTYPES[kind.elem_type]))
        self.network.num_inputs = len(graph.input)
        return True

    def get_error(self, index: int) -> Any:
        assert index == 0
        return SimpleNamespace(desc=lambda: "In node 3:\n  no such operator")


class FakeBuilder:
    def __init__(self, logger: FakeILogger, trt: "FakeTensorRT") -> None:
        self.logger, self.trt = logger, trt

    def create_network(self, flags: int = 0) -> FakeINetworkDefinition:
        self.trt.networks.append(FakeINetworkDefinition(flags))
        return self.trt.networks[-1]

    def create_builder_config(self) -> FakeIBuilderConfig:
        return FakeIBuilderConfig()

    def create_optimization_profile(self) -> FakeIOptimizationProfile:
        return FakeIOptimizationProfile()

    def build_serialized_network(self, network: FakeINetworkDefinition, config: FakeIBuilderConfig) -> Any:
        self.trt.builds.append(config)
        if config.progress_monitor is not None:
            try:
                config.progress_monitor.phase_start("Timing", None, 2)
                for step in range(2):
                    if not config.progress_monitor.step_complete("Timing", step):
                        return None
                config.progress_monitor.phase_finish("Timing")
            except BaseException as exc:
                raise AssertionError("an exception crosses TensorRT, which ends the process") from exc
        if self.trt.fail_build:
            self.logger.log(SimpleNamespace(name="ERROR"), "no kernel\nfor this node")
            return None
        shapes = [profile.shapes for profile in config.profiles]
        return HostMemory(json.dumps({"tensors": network.tensors, "profiles": shapes}).encode())


class FakeIExecutionContext:
    def __init__(self, engine: "FakeICudaEngine") -> None:
        self.engine = engine
        self.profile = 0
        self.shapes: dict[str, tuple[int, ...]] = {}
        self.addresses: dict[str, int] = {}
        self.scratch = 0
        self.version = 0  # of its shapes; a graph lives from the one that it was captured with
        self.ran = -1  # the version that ran plainly

    def _call(self, name: str, *args: Any) -> None:
        self.engine.trt.cuda.calls.append((name, (id(self), *args)))

    def set_device_memory(self, memory: int, size: int) -> None:
        assert size >= self.engine.device_memory_size_v2
        assert self.engine.trt.cuda.span(memory) >= size
        self.scratch = memory

    def set_optimization_profile_async(self, profile_index: int, stream_handle: int) -> bool:
        assert stream_handle in self.engine.trt.cuda.streams
        self.profile, self.shapes, self.version = profile_index, {}, self.version + 1
        return profile_index < self.engine.num_optimization_profiles

    def set_input_shape(self, name: str, shape: tuple[int, ...]) -> bool:
        smallest, _, largest = self.engine.plan["profiles"][self.profile][name]
        self._call("set_input_shape", name, shape)
        self.shapes[name], self.version = shape, self.version + 1
        return all(low <= n <= high for low, n, high in zip(smallest, shape, largest, strict=True))

    def set_tensor_address(self, name: str, memory: int) -> bool:
        self._call("set_tensor_address", name, memory)
        self.addresses[name] = memory
        return memory % 4 == 0

    def execute_async_v3(self, stream_handle: int) -> bool:
        cuda, version = self.engine.trt.cuda, self.version
        self._call("execute_async_v3", stream_handle)
        names = [tensor[0] for tensor in self.engine.plan["tensors"]]
        assert set(self.addresses) == set(names), "an address is missing"
        assert self.scratch, "no scratch memory"
        if self.engine.trt.fail_execute:
            return False
        if cuda.streams[stream_handle].recording is None:
            self.ran = version
        else:
            assert self.ran == version, "a plain run comes before the capture"

        def work() -> None:
            assert self.version == version, "the context's shapes changed after the capture"
            self._compute()

        cuda.put(stream_handle, work, PLAN_MS)
        return True

    def _compute(self) -> None:
        batch = next(iter(self.shapes.values()))[0]
        values = {}
        for name, is_input, shape, dtype in self.engine.plan["tensors"]:
            size = batch * math.prod(shape[1:]) * np.dtype(dtype).itemsize
            assert self.engine.trt.cuda.span(self.addresses[name]) >= size
            raw = (ctypes.c_uint8 * size).from_address(self.addresses[name])
            values[name] = np.frombuffer(raw, dtype).reshape(batch, *shape[1:])
            if is_input:
                assert self.shapes[name] == (batch, *shape[1:])
        answer(values)


def answer(values: dict[str, Any]) -> None:
    """The function that the fake graphs compute; the tests compare with it."""
    if "faces" in values:
        mean = values["faces"].mean((1, 2, 3), dtype=np.float32)[:, None]
        values["o_a"][:] = mean + np.arange(values["o_a"].shape[1])
        values["feature"][:] = mean - np.arange(values["feature"].shape[1])
    else:
        values["probability"][:] = values["o_a"] / 1000
        values["o_b"][:] = values["window"].mean((1, 2))[:, None]
        values["in_order"][:] = values["window"][:, -1, 0]


class FakeICudaEngine:
    device_memory_size_v2 = 4096

    def __init__(self, trt: "FakeTensorRT", plan: bytes) -> None:
        self.trt, self.plan = trt, json.loads(plan)
        self.num_io_tensors = len(self.plan["tensors"])
        self.num_optimization_profiles = len(self.plan["profiles"])
        self._tensors = {tensor[0]: tensor for tensor in self.plan["tensors"]}

    def get_tensor_name(self, index: int) -> str:
        return str(self.plan["tensors"][index][0])

    def get_tensor_mode(self, name: str) -> str:
        return "INPUT" if self._tensors[name][1] else "OUTPUT"

    def get_tensor_dtype(self, name: str) -> str:
        return str(self._tensors[name][3])

    def get_tensor_shape(self, name: str) -> list[int]:
        return list(self._tensors[name][2])

    def get_tensor_profile_shape(self, name: str, profile_index: int) -> list[list[int]]:
        shapes: list[list[int]] = self.plan["profiles"][profile_index][name]
        return shapes

    def create_execution_context(self, strategy: Any) -> FakeIExecutionContext:
        assert strategy == "USER_MANAGED"
        self.trt.contexts += 1
        return FakeIExecutionContext(self)


class FakeRuntime:
    def __init__(self, logger: FakeILogger, trt: "FakeTensorRT") -> None:
        self.logger, self.trt = logger, trt

    def deserialize_cuda_engine(self, serialized_engine: bytes) -> FakeICudaEngine | None:
        if not serialized_engine.startswith(b"{"):
            self.logger.log(SimpleNamespace(name="ERROR"), "magic tag does not match")
            return None
        return FakeICudaEngine(self.trt, serialized_engine)


class FakeTensorRT(ModuleType):
    """The module `tensorrt`, on a FakeCudaRuntime."""

    __version__ = "11.4.0.106"
    ILogger = FakeILogger
    IProgressMonitor = FakeIProgressMonitor
    NetworkDefinitionCreationFlag = SimpleNamespace(STRONGLY_TYPED=3)
    BuilderFlag = SimpleNamespace(TF32="TF32")
    TensorIOMode = SimpleNamespace(INPUT="INPUT")
    ExecutionContextAllocationStrategy = SimpleNamespace(USER_MANAGED="USER_MANAGED")
    OnnxParser = FakeOnnxParser

    def __init__(self, cuda: FakeCudaRuntime) -> None:
        super().__init__("tensorrt")
        self.cuda = cuda
        self.networks: list[FakeINetworkDefinition] = []
        self.builds: list[FakeIBuilderConfig] = []
        self.contexts = 0
        self.fail_build = self.fail_execute = False

    def Builder(self, logger: FakeILogger) -> FakeBuilder:
        return FakeBuilder(logger, self)

    def Runtime(self, logger: FakeILogger) -> FakeRuntime:
        return FakeRuntime(logger, self)

    def nptype(self, trt_type: Any) -> type:
        return np.dtype(trt_type).type
