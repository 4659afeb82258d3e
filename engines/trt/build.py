"""Builds a plan from an ONNX graph. Takes minutes, on the GPU that the plan is for."""

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from knowledge_spreader.engines.trt.nvidia_api import TensorRT, TrtBuilder, TrtIBuilderConfig, TrtINetworkDefinition
from knowledge_spreader.errors import ModelError

log = logging.getLogger(__name__)

Progress = Callable[[str, int, int], None]  # phase, steps done, steps in total


@dataclass(frozen=True, slots=True)
class Profile:
    """The batch sizes that a plan accepts, and the one that it is optimised for."""

    smallest: int
    best: int
    largest: int

    def __str__(self) -> str:
        return f"{self.smallest}/{self.best}/{self.largest}"


LIVE = Profile(1, 2, 8)  # the faces of one frame, over all cameras
FILES = Profile(1, 32, 64)  # frames over time


class Built(NamedTuple):
    plan: bytes
    timing_cache: bytes  # for the next build on this GPU


class Messages:
    """Forwards TensorRT's log to Python's, and keeps the last error for the user's error line."""

    def __init__(self, trt: TensorRT) -> None:
        self.last_error = "no reason given"

        def note(_: object, severity: Any, msg: str) -> None:
            text = " ".join(msg.split())
            if severity.name in ("ERROR", "INTERNAL_ERROR"):
                self.last_error = text[:300]
            # At most info: a failure is raised with its message, and must not be printed twice.
            log.log(logging.INFO if severity.name not in ("INFO", "VERBOSE") else logging.DEBUG, "TensorRT: %s", text)

        self.logger = type("Messages", (trt.ILogger,), {"log": note})()  # the object that TensorRT calls


def build_plan(
    trt: TensorRT,
    graph: bytes,
    profiles: Sequence[Profile] = (LIVE, FILES),
    timing_cache: bytes = b"",
    progress: Progress | None = None,
) -> Built:
    """The plan of a graph from graph_for_tensorrt. One plan contains all profiles, which share the weights.

    Raises ModelError if TensorRT cannot parse or build it. Ctrl-C or an exception in `progress` ends the build.
    """
    watch = _Watch(progress)
    built = _built(trt, graph, profiles, timing_cache, watch)
    if watch.stopped_by is not None:
        raise watch.stopped_by
    assert built is not None
    return built


def _built(
    trt: TensorRT, graph: bytes, profiles: Sequence[Profile], timing_cache: bytes, watch: "_Watch"
) -> Built | None:
    """None: the watch has stopped it. Whatever the end, TensorRT's objects go in the reverse order of their making.

    An exception that carries them out would leave them to the garbage collector, which takes them in any order, in any
    thread, and TensorRT's last words then wait for a Python that waits for them.
    """
    messages = Messages(trt)
    builder = trt.Builder(messages.logger)
    # Since TensorRT 11 every network is strongly typed; later the flag does not exist.
    flag = getattr(getattr(trt, "NetworkDefinitionCreationFlag", None), "STRONGLY_TYPED", None)
    network = builder.create_network(0 if flag is None else 1 << int(flag))
    parser = trt.OnnxParser(network, messages.logger)
    config = plan = None
    try:
        if not parser.parse(graph):
            reason = parser.get_error(0).desc() if parser.num_errors else messages.last_error
            raise ModelError(f"TensorRT {trt.__version__} cannot read the graph: {' '.join(reason.split())[:300]}")
        config = builder.create_builder_config()
        config.clear_flag(trt.BuilderFlag.TF32)  # fp32 is the reference; TF32 has a mantissa of only 10 bits
        _add_profiles(builder, network, config, profiles)
        _use_timing_cache(config, timing_cache)
        if hasattr(trt, "IProgressMonitor"):
            config.progress_monitor = watch.monitor(trt.IProgressMonitor)
        plan = builder.build_serialized_network(network, config)
        if watch.stopped_by is not None:
            return None
        if plan is None:
            raise ModelError(f"TensorRT {trt.__version__} cannot build the plan: {messages.last_error}")
        return Built(_bytes(plan), _bytes(config.get_timing_cache().serialize()))
    finally:
        del plan, config, parser, network, builder


def _add_profiles(
    builder: TrtBuilder, network: TrtINetworkDefinition, config: TrtIBuilderConfig, profiles: Sequence[Profile]
) -> None:
    inputs = [network.get_input(i) for i in range(network.num_inputs)]
    for wanted in profiles:
        profile = builder.create_optimization_profile()
        for tensor in inputs:
            shapes = [(batch, *tuple(tensor.shape)[1:]) for batch in (wanted.smallest, wanted.best, wanted.largest)]
            profile.set_shape(tensor.name, *shapes)
        config.add_optimization_profile(profile)


def _use_timing_cache(config: TrtIBuilderConfig, data: bytes) -> None:
    if not config.set_timing_cache(config.create_timing_cache(data), False):
        log.info("the kernel times of earlier builds are from another TensorRT or GPU; measuring again")
        config.set_timing_cache(config.create_timing_cache(b""), False)


def _bytes(memory: Any) -> bytes:
    return bytes(memory)


class _Watch:
    """Reports progress, and ends a build. Exceptions must not pass through TensorRT, so they are raised after it."""

    def __init__(self, progress: Progress | None) -> None:
        self.stopped_by: BaseException | None = None
        self._progress = progress
        self._steps: dict[str, int] = {}  # of the running phases

    def monitor(self, base: type) -> object:
        """An object with TensorRT's monitor interface; step_complete returns whether to continue."""

        def phase_start(_: object, phase_name: str, parent_phase: str | None, num_steps: int) -> None:
            self._steps[phase_name] = num_steps

        def step_complete(_: object, phase_name: str, step: int) -> bool:
            return self._report(phase_name, step + 1)

        def phase_finish(_: object, phase_name: str) -> None:
            self._report(phase_name, self._steps.pop(phase_name, 0))

        methods = {"phase_start": phase_start, "step_complete": step_complete, "phase_finish": phase_finish}
        return type("Monitor", (base,), methods)()

    def _report(self, phase: str, done: int) -> bool:
        try:
            if self._progress and self.stopped_by is None:
                self._progress(phase, done, self._steps.get(phase, done))
        except BaseException as exc:
            self.stopped_by = exc
        return self.stopped_by is None
