"""The TensorRT engine: its buffers, streams and graphs on stand-ins; and, with a GPU, its answers."""

import logging
import sys
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper
from rich.console import Console

from knowledge_spreader.engines.backends.gpu_timing import Staged, Stages
from knowledge_spreader.engines.cli import main as compile_main
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile, write_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.engines.trt.build import FILES, LIVE, Profile, build_plan
from knowledge_spreader.engines.trt.build_progress import build_bar
from knowledge_spreader.engines.trt.cuda_buffers import Cuda, GpuError
from knowledge_spreader.engines.trt.graph import graph_for_tensorrt
from knowledge_spreader.engines.trt.nvidia_api import load_cuda, load_tensorrt
from knowledge_spreader.engines.trt.runner import PlanRunner
from knowledge_spreader.engines.trt.tensorrt_engine import TensorRTEngine, TensorRTOptions, tensors
from knowledge_spreader.errors import KSError, MissingError, ModelError
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.spec import ModelSpec
from tests.engines.trt.fake_nvidia import FakeCudaRuntime, FakeTensorRT, answer

SPEC = ModelSpec(aus=(1, 4, 12, 25), side_px=32, backbone="tiny", token_width=16, heads=2)


def graph(part: str, name: str = "graph", u: int = 4) -> bytes:
    """A graph with the tensors of the encoder or the head; what it computes does not matter to the stand-ins."""
    batch, c, side = "batch", 64, 32
    faces = helper.make_tensor_value_info("faces", TensorProto.UINT8, [batch, side, side, 3])
    o_a = helper.make_tensor_value_info("o_a", TensorProto.FLOAT, [batch, u])
    feature = helper.make_tensor_value_info("feature", TensorProto.FLOAT, [batch, c])
    window = helper.make_tensor_value_info("window", TensorProto.FLOAT, [batch, 5, c])
    answers = [
        helper.make_tensor_value_info("probability", TensorProto.FLOAT, [batch, u]),
        helper.make_tensor_value_info("o_b", TensorProto.FLOAT, [batch, u]),
        helper.make_tensor_value_info("in_order", TensorProto.FLOAT, [batch]),
    ]
    inputs, outputs = ([faces], [o_a, feature]) if part == ENCODER else ([o_a, window], answers)
    nodes = [helper.make_node("Transpose", [inputs[0].name], ["turned"])]
    return helper.make_model(helper.make_graph(nodes, name, inputs, outputs)).SerializeToString()


@pytest.fixture
def cuda() -> FakeCudaRuntime:
    return FakeCudaRuntime()


@pytest.fixture
def trt(cuda: FakeCudaRuntime, monkeypatch: pytest.MonkeyPatch) -> FakeTensorRT:
    """Both stand-ins, in the place of NVIDIA's modules."""
    trt = FakeTensorRT(cuda)
    monkeypatch.setitem(sys.modules, "tensorrt", trt)
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", cuda)
    return trt


@pytest.fixture
def model(tmp_path: Path) -> ModelFile:
    graphs = {part: graph(part) for part in (ENCODER, HEAD)}
    return write_model(tmp_path / "model.ks", SPEC, graphs, {}, {}, {})


@pytest.fixture
def options(tmp_path: Path) -> TensorRTOptions:
    return TensorRTOptions(store=tmp_path / "plans", say=lambda line: None)


@pytest.fixture
def engine(trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions) -> Iterator[TensorRTEngine]:
    engine = TensorRTEngine(model, options=options)
    yield engine
    engine.close()


def faces(batch: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (batch, 32, 32, 3), np.uint8)


def expected(batch: np.ndarray) -> dict[str, np.ndarray]:
    values = {"faces": batch, "o_a": np.zeros((len(batch), 4), "f4"), "feature": np.zeros((len(batch), 64), "f4")}
    answer(values)
    return values


def names(cuda: FakeCudaRuntime) -> list[str]:
    return [name for name, _ in cuda.calls]


def test_an_answer_is_the_plans_and_belongs_to_the_caller(engine: TensorRTEngine) -> None:
    first, second = faces(3, 1), faces(3, 2)
    one = engine.encode(first)
    kept = one.o_a.copy()
    two = engine.encode(second)  # by the graph, over the same buffers
    np.testing.assert_array_equal(one.o_a, kept)
    for encoded, batch in ((one, first), (two, second)):
        np.testing.assert_array_equal(encoded.o_a, expected(batch)["o_a"])
        np.testing.assert_array_equal(encoded.feature, expected(batch)["feature"])


def test_the_head_gets_both_inputs_and_gives_three_answers(engine: TensorRTEngine) -> None:
    rng = np.random.default_rng(0)
    for _ in range(2):  # plainly, then by the graph
        o_a, window = rng.random((2, 4), np.float32), rng.random((2, 5, 64), np.float32)
        prediction = engine.predict(o_a, window)
        np.testing.assert_array_equal(prediction.probability, o_a / 1000)
        np.testing.assert_array_equal(prediction.o_b, np.repeat(window.mean((1, 2))[:, None], 4, 1))
        np.testing.assert_array_equal(prediction.in_order, window[:, -1, 0])


def test_a_batch_runs_plainly_once_then_is_captured_then_only_launched(
    engine: TensorRTEngine, cuda: FakeCudaRuntime
) -> None:
    cuda.calls.clear()
    engine.encode(faces(2))
    wanted = ["execute_async_v3", "cudaStreamSynchronize", "cudaStreamBeginCapture", "execute_async_v3"]
    wanted += ["cudaStreamEndCapture", "cudaGraphInstantiate"]
    assert [name for name in names(cuda) if name in {*wanted, "cudaGraphLaunch"}] == wanted
    cuda.calls.clear()
    engine.encode(faces(2))
    assert names(cuda) == ["cudaSetDevice", "cudaGraphLaunch", "cudaStreamSynchronize"]


def test_copies_are_in_the_graph_and_there_is_one_wait(engine: TensorRTEngine, cuda: FakeCudaRuntime) -> None:
    engine.encode(faces(2))
    begin = names(cuda).index("cudaStreamBeginCapture")
    captured = names(cuda)[begin : names(cuda).index("cudaStreamEndCapture")]
    assert captured[1:] == ["cudaMemcpyAsync", "execute_async_v3", "cudaMemcpyAsync", "cudaMemcpyAsync"]
    copied = [args[2] for name, args in cuda.calls if name == "cudaMemcpyAsync"][:3]
    assert copied == [2 * 32 * 32 * 3, 2 * 4 * 4, 2 * 64 * 4]  # two faces, not the buffers' 64


def test_stages_are_told_apart_by_events_around_plain_copies_and_the_plan(
    engine: TensorRTEngine, cuda: FakeCudaRuntime
) -> None:
    assert isinstance(engine, Staged)
    engine.stages_ms(faces(2))  # readies batch and events
    cuda.calls.clear()
    told = engine.stages_ms(faces(2))
    event, copy, elapsed = "cudaEventRecord", "cudaMemcpyAsync", "cudaEventElapsedTime"
    wanted = ["cudaSetDevice", event, copy, event, "execute_async_v3", event, copy, copy, event]
    assert names(cuda) == [*wanted, "cudaEventSynchronize", *[elapsed] * 3]
    marks = [args[0] for name, args in cuda.calls if name == event]
    assert ("cudaEventSynchronize", (marks[-1],)) in cuda.calls
    assert [args for name, args in cuda.calls if name == elapsed] == list(pairwise(marks))
    assert told == Stages(h2d_ms=1.0, compute_ms=5.0, d2h_ms=2.0)  # one copy in; two out, o_a and feature


def test_stages_of_a_batch_above_the_largest_are_added_up(engine: TensorRTEngine) -> None:
    assert engine.stages_ms(faces(150)) == Stages(h2d_ms=3.0, compute_ms=15.0, d2h_ms=6.0)  # 64 + 64 + 22


def test_answers_are_right_after_stages_were_told_apart(engine: TensorRTEngine) -> None:
    for seed in range(3):
        engine.stages_ms(faces(2, 9))
        np.testing.assert_array_equal(engine.encode(faces(2, seed)).o_a, expected(faces(2, seed))["o_a"])


def test_events_are_made_once_and_destroyed_on_close(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions
) -> None:
    engine = TensorRTEngine(model, options=options)
    for batch in (1, 2, 1):
        engine.stages_ms(faces(batch))
    assert names(trt.cuda).count("cudaEventCreate") == 4
    engine.close()
    assert names(trt.cuda).count("cudaEventDestroy") == 4
    assert trt.cuda.held() == 0


def test_without_graphs_each_call_enqueues(trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions) -> None:
    engine = TensorRTEngine(model, options=replace(options, graphs=False))
    for seed in range(3):
        np.testing.assert_array_equal(engine.encode(faces(2, seed)).o_a, expected(faces(2, seed))["o_a"])
    assert names(trt.cuda).count("execute_async_v3") == 3
    assert "cudaStreamBeginCapture" not in names(trt.cuda)
    engine.close()


def test_small_batches_take_the_live_profile_and_large_ones_the_files(
    engine: TensorRTEngine, cuda: FakeCudaRuntime
) -> None:
    for batch in (1, LIVE.largest, LIVE.largest + 1, FILES.largest):
        engine.encode(faces(batch))
    ready = engine._encoder._ready
    assert list(ready) == [(0, 1), (0, 8), (1, 9), (1, 64)]
    assert [r.context.profile for r in ready.values()] == [0, 0, 1, 1]


def test_a_batch_above_the_largest_is_split(engine: TensorRTEngine) -> None:
    batch = faces(150)  # 64 + 64 + 22
    np.testing.assert_array_equal(engine.encode(batch).o_a, expected(batch)["o_a"])
    assert list(engine._encoder._ready) == [(1, 64), (1, 22)]


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(batches=st.lists(st.integers(1, 70), min_size=1, max_size=12))
def test_any_sequence_of_batches_keeps_the_rules(trt: FakeTensorRT, tmp_path: Path, batches: list[int]) -> None:
    cuda = trt.cuda
    cuda.calls.clear()
    plan = build_plan(trt, graph_for_tensorrt(graph(ENCODER), "fp32")).plan
    with Cuda() as gpu:
        runner = PlanRunner(trt, gpu, plan, *tensors(ENCODER, SPEC))
        for seed, batch in enumerate(batches):
            o_a, feature = runner.run(faces(batch, seed))
            np.testing.assert_array_equal(o_a, expected(faces(batch, seed))["o_a"])
            np.testing.assert_array_equal(feature, expected(faces(batch, seed))["feature"])
        runner.close()
    sizes = [size for batch in batches for size in ([batch] if batch <= 64 else [64, batch - 64])]
    assert names(cuda).count("execute_async_v3") == 2 * len(set(sizes))  # plainly and captured, once for each size
    assert names(cuda).count("cudaGraphLaunch") == len(sizes) - len(set(sizes))
    addressed: dict[int, set[str]] = {}
    for name, args in cuda.calls:
        if name == "set_tensor_address":
            addressed.setdefault(args[0], set()).add(args[1])
        if name == "execute_async_v3":
            assert addressed[args[0]] == {"faces", "o_a", "feature"}
    addresses = {args[1:] for name, args in cuda.calls if name == "set_tensor_address"}
    assert len(addresses) == 3  # one fixed address for each tensor, whatever the batch
    assert cuda.held() == 0


def test_close_frees_everything_once_and_can_be_repeated(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions
) -> None:
    engine = TensorRTEngine(model, options=options)
    engine.encode(faces(2))
    engine.predict(np.zeros((1, 4), np.float32), np.zeros((1, 5, 64), np.float32))
    assert trt.cuda.held() > 0
    engine.close()
    engine.close()
    assert trt.cuda.held() == 0  # the stand-in fails on whatever is freed twice


@pytest.mark.parametrize("call", ["cudaMalloc", "cudaMallocHost", "cudaStreamCreateWithFlags", "cudaSetDevice"])
def test_a_start_that_fails_frees_what_it_had(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions, call: str
) -> None:
    trt.cuda.fail[call] = 2
    with pytest.raises(GpuError, match=r"^the GPU failed: cudaErrorMemoryAllocation: out of memory$"):
        TensorRTEngine(model, options=options)
    assert trt.cuda.held() == 0


@pytest.mark.parametrize(
    "call",
    [
        "cudaMemcpyAsync",
        "cudaStreamSynchronize",
        "cudaStreamBeginCapture",
        "cudaStreamEndCapture",
        "cudaGraphInstantiate",
        "cudaGraphLaunch",
    ],
)
def test_a_failing_gpu_is_one_line_and_close_still_frees(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions, call: str
) -> None:
    engine = TensorRTEngine(model, options=options)
    if call == "cudaGraphLaunch":
        engine.encode(faces(2))
    trt.cuda.fail[call] = 700
    with pytest.raises(GpuError, match="cudaErrorIllegalAddress: an illegal memory access") as failure:
        engine.encode(faces(2))
    assert "\n" not in str(failure.value)
    for name in ("cudaFree", "cudaFreeHost", "cudaStreamDestroy", "cudaGraphExecDestroy"):
        trt.cuda.fail[name] = 700  # a GPU that failed once answers so from then on
    engine.close()
    assert trt.cuda.held() == 0


def test_a_capture_that_fails_ends(trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions) -> None:
    engine = TensorRTEngine(model, options=options)
    stream = next(iter(trt.cuda.streams.values()))
    original = trt.cuda.cudaStreamBeginCapture

    def begin(stream: object, mode: object) -> tuple[int, ...]:
        trt.fail_execute = True  # the plain run passes, the captured one does not
        return original(stream, mode)

    trt.cuda.cudaStreamBeginCapture = begin  # type: ignore[method-assign]
    with pytest.raises(KSError, match="TensorRT could not run the plan"):
        engine.encode(faces(2))
    assert stream.recording is None
    engine.close()
    assert trt.cuda.held() == 0


def test_plans_are_built_once_in_the_asked_precision_and_the_head_in_fp32(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions
) -> None:
    lines: list[str] = []
    options = replace(options, say=lines.append)
    TensorRTEngine(model, "fp16", options=options).close()
    TensorRTEngine(model, "fp16", options=options).close()
    assert len(trt.builds) == len(lines) == 2
    assert options.store is not None
    kept = sorted(path.name.rpartition("-")[0] for path in options.store.glob("*.plan"))
    assert kept == ["encoder-fp16", "head-fp32"]
    TensorRTEngine(model, "fp32", options=options).close()
    assert len(trt.builds) == 3  # the head is there already


def test_the_network_is_strongly_typed_and_no_flag_asks_for_a_precision(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions
) -> None:
    TensorRTEngine(model, options=options).close()
    assert {network.flags for network in trt.networks} == {1 << 3}  # by name: its bit is not the same everywhere
    assert {tuple(config.cleared) for config in trt.builds} == {("TF32",)}


def test_a_tensorrt_without_the_flag_needs_none(trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(FakeTensorRT, "NetworkDefinitionCreationFlag")
    build_plan(trt, graph(HEAD))
    assert trt.networks[0].flags == 0


def test_the_second_build_uses_the_kernel_times_of_the_first(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions
) -> None:
    TensorRTEngine(model, options=options).close()
    assert [config.cache.data for config in trt.builds] == [b"", b"+1"]


def test_kernel_times_of_another_gpu_are_left_out(trt: FakeTensorRT) -> None:
    assert build_plan(trt, graph(HEAD), timing_cache=b"of another GPU").timing_cache == b"+1"


def test_a_build_reports_its_progress(trt: FakeTensorRT) -> None:
    seen: list[tuple[str, int, int]] = []
    build_plan(trt, graph(HEAD), progress=lambda *step: seen.append(step))
    assert seen == [("Timing", 1, 2), ("Timing", 2, 2), ("Timing", 2, 2)]


@pytest.mark.parametrize("error", [KeyboardInterrupt, ValueError])
def test_ctrl_c_ends_a_build_without_crossing_tensorrt(trt: FakeTensorRT, error: type[BaseException]) -> None:
    def stop(*_: object) -> None:
        raise error

    with pytest.raises(error):
        build_plan(trt, graph(HEAD), progress=stop)


def test_what_tensorrt_cannot_read_or_build_is_one_line(trt: FakeTensorRT) -> None:
    with pytest.raises(ModelError, match=r"11.4.0.106 cannot read the graph: In node 3: no such operator$"):
        build_plan(trt, graph(HEAD, "unreadable"))
    trt.fail_build = True
    with pytest.raises(ModelError, match=r"cannot build the plan: no kernel for this node$"):
        build_plan(trt, graph(HEAD))


def test_tensorrts_own_log_does_not_repeat_what_is_raised(trt: FakeTensorRT, caplog: pytest.LogCaptureFixture) -> None:
    trt.fail_build = True
    with caplog.at_level(logging.WARNING), pytest.raises(ModelError):
        build_plan(trt, graph(HEAD))
    assert not caplog.records


def test_a_foreign_plan_needs_trust(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions, tmp_path: Path
) -> None:
    foreign = replace(options, foreign_plans=tmp_path)
    for part in (ENCODER, HEAD):
        (tmp_path / f"{part}.plan").write_bytes(build_plan(trt, graph(part), [Profile(1, 4, 16)]).plan)
    with pytest.raises(ModelError, match="--trust-plan"):
        TensorRTEngine(model, options=foreign)
    engine = TensorRTEngine(model, options=replace(foreign, trust_plan=True))
    np.testing.assert_array_equal(engine.encode(faces(40)).o_a, expected(faces(40))["o_a"])  # 16 + 16 + 8
    engine.close()
    assert trt.cuda.held() == 0


@pytest.fixture
def opened_here(trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> FakeTensorRT:
    """The stand-ins as open_engine finds them, and a cache folder of one's own."""
    monkeypatch.setattr("knowledge_spreader.engines.open.nvidia_gpus", lambda: 1)
    monkeypatch.setattr("knowledge_spreader.engines.trt.plan_cache.user_cache_path", lambda name: tmp_path / name)
    return trt


@pytest.fixture
def elsewhere(trt: FakeTensorRT, tmp_path: Path) -> Path:
    """A folder of plans that were made elsewhere."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    for part in (ENCODER, HEAD):
        (folder / f"{part}.plan").write_bytes(build_plan(trt, graph(part), [Profile(1, 4, 16)]).plan)
    trt.builds.clear()
    return folder


def test_open_engine_runs_trusted_plans_and_builds_none(
    opened_here: FakeTensorRT, model: ModelFile, elsewhere: Path
) -> None:
    engine = open_engine(model, "tensorrt", plans=elsewhere, trust_plan=True)
    np.testing.assert_array_equal(engine.encode(faces(40)).o_a, expected(faces(40))["o_a"])
    engine.close()
    assert not opened_here.builds


def test_open_engine_reports_the_progress_of_a_build(opened_here: FakeTensorRT, model: ModelFile) -> None:
    seen: list[tuple[str, int, int]] = []
    open_engine(model, "tensorrt", progress=lambda *step: seen.append(step)).close()
    assert len(opened_here.builds) == 2
    assert seen == [("Timing", 1, 2), ("Timing", 2, 2), ("Timing", 2, 2)] * 2  # encoder, head


def test_the_bar_has_a_line_for_each_phase_that_runs(capsys: pytest.CaptureFixture[str]) -> None:
    console = Console(stderr=True, force_terminal=True, width=80)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("knowledge_spreader.engines.trt.build_progress.stderr_console", lambda: console)
        with build_bar(True) as report:
            report("Building", 1, 4)
            report("Timing", 1, 2)
            report("Timing", 2, 2)  # done
            report("Timing", 2, 2)  # TensorRT says so twice
            report("Tactics", 1, 3)
    captured = capsys.readouterr()
    assert "Building" in captured.err
    assert "1/4" in captured.err
    assert "Tactics" in captured.err
    assert captured.out == ""


def test_ks_compile_measures_trusted_plans_against_the_reference(
    opened_here: FakeTensorRT, copied: ModelFile, elsewhere: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--device", "tensorrt", "--plans", str(elsewhere), "--trust-plan"]
    assert compile_main([str(copied.path), *given]) == 2  # the stand-ins compute something else
    assert "tensorrt in fp16 differs from torch by" in capsys.readouterr().err
    assert not opened_here.builds


@pytest.mark.parametrize(
    ("device", "given", "message"),
    [
        ("tensorrt", ["--plans", "{folder}"], "a plan can run any code"),
        ("tensorrt", ["--plans", "{folder}/none", "--trust-plan"], "no folder of plans at"),
        ("tensorrt", ["--trust-plan"], "--plans FOLDER"),
        ("onnxruntime", ["--plans", "{folder}"], "for tensorrt only, but the backend is onnxruntime"),
        ("onnxruntime", ["--plans", "{folder}", "--trust-plan"], "for tensorrt only"),
        ("onnxruntime", ["--trust-plan"], "for tensorrt only"),
    ],
)
def test_plans_that_may_not_be_loaded_are_one_line_and_exit_code_2(
    opened_here: FakeTensorRT,
    copied: ModelFile,
    elsewhere: Path,
    capsys: pytest.CaptureFixture[str],
    device: str,
    given: list[str],
    message: str,
) -> None:
    before = copied.path.read_bytes()
    options = [option.format(folder=elsewhere) for option in given]
    assert compile_main([str(copied.path), "--device", device, *options]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert copied.path.read_bytes() == before
    assert opened_here.contexts == 0


@pytest.mark.parametrize(
    ("plan", "reason"),
    [
        (lambda trt: b"\x00 not a plan", "cannot load the plan: magic tag does not match"),
        (lambda trt: build_plan(trt, graph(HEAD)).plan, "not of this model: it has in_order"),
        (lambda trt: build_plan(trt, graph(ENCODER, u=5)).plan, r"not of this model: .* o_a float32 \(5,\)"),
        (lambda trt: build_plan(trt, graph(ENCODER), [Profile(2, 2, 8)]).plan, "start at batch 1 and increase"),
        (lambda trt: build_plan(trt, graph(ENCODER), [FILES, LIVE]).plan, "start at batch 1 and increase"),
    ],
)
def test_a_plan_that_is_not_the_models_is_refused(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions, tmp_path: Path, plan: object, reason: str
) -> None:
    (tmp_path / "encoder.plan").write_bytes(plan(trt))  # type: ignore[operator]
    with pytest.raises(ModelError, match=reason) as refusal:
        TensorRTEngine(model, options=replace(options, foreign_plans=tmp_path, trust_plan=True))
    assert "\n" not in str(refusal.value)
    assert trt.cuda.held() == 0


def test_faces_and_windows_of_another_shape_are_refused(engine: TensorRTEngine) -> None:
    with pytest.raises(ModelError, match="faces must be uint8"):
        engine.encode(np.zeros((1, 16, 16, 3), np.uint8))
    with pytest.raises(ModelError, match="o_a and window must be float32"):
        engine.predict(np.zeros((1, 4), np.float32), np.zeros((1, 4, 64), np.float32))


def test_the_choice_names_gpu_precision_and_version(engine: TensorRTEngine) -> None:
    assert str(engine.choice) == "tensorrt 11.4.0.106, fp16, on NVIDIA Pretence: by name"


def test_without_tensorrt_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tensorrt", None)
    with pytest.raises(MissingError, match=r"TensorRT is not installed .*knowledge-spreader\[tensorrt\]"):
        load_tensorrt()


@pytest.mark.parametrize("version", ["10.11.0.33", "8.6.1", "12.0.0.1"])
def test_a_tensorrt_of_another_age_is_refused(trt: FakeTensorRT, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    monkeypatch.setattr(FakeTensorRT, "__version__", version)
    with pytest.raises(MissingError, match=f"TensorRT {version} is installed, 10.12 to 11.x is wanted"):
        load_tensorrt()


def test_without_cuda_bindings_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cuda.bindings.runtime", None)
    with pytest.raises(MissingError, match=r"cuda-bindings are not installed .*knowledge-spreader\[tensorrt\]"):
        load_cuda()


@pytest.mark.parametrize(
    ("code", "gpus", "device", "reason"),
    [(35, 0, 0, "driver version is insufficient"), (0, 0, 0, "0 found"), (0, 1, 1, "1 found, number 1 wanted")],
)
def test_without_a_gpu_the_error_says_why(
    trt: FakeTensorRT, model: ModelFile, options: TensorRTOptions, code: int, gpus: int, device: int, reason: str
) -> None:
    trt.cuda.fail["cudaGetDeviceCount"], trt.cuda.gpus = code, gpus
    with pytest.raises(MissingError, match=f"no NVIDIA GPU to run on .*{reason}"):
        TensorRTEngine(model, options=replace(options, device=device))


def test_uint8_faces_are_cast_before_anything_else_happens_to_them() -> None:
    cast = onnx.load_model_from_string(graph_for_tensorrt(graph(ENCODER), "fp32")).graph.node
    assert [node.op_type for node in cast] == ["Cast", "Transpose"]
    assert list(cast[0].input) == ["faces"]
    assert list(cast[1].input) == list(cast[0].output)


def test_a_graph_that_casts_first_stays_as_it_is() -> None:
    once = graph_for_tensorrt(graph(ENCODER), "fp32")
    assert graph_for_tensorrt(once, "fp32") == once


def test_int8_wants_a_quantised_graph() -> None:
    with pytest.raises(ModelError, match="QuantizeLinear"):
        graph_for_tensorrt(graph(ENCODER), "int8")


@pytest.mark.parametrize("data", [b"no graph", graph(ENCODER)[:-30]])
def test_a_damaged_graph_is_one_line(data: bytes) -> None:
    with pytest.raises(ModelError, match="damaged or not ONNX") as refusal:
        graph_for_tensorrt(data, "fp32")
    assert "\n" not in str(refusal.value)


@pytest.fixture(scope="session")
def real_gpu() -> None:
    try:
        load_tensorrt()
        Cuda().close()
    except KSError as exc:
        pytest.skip(str(exc))


@pytest.fixture
def real_model(tiny_model: KSModel, tmp_path: Path) -> ModelFile:
    return export(tiny_model, SPEC, tmp_path / "tiny.ks")


@pytest.mark.gpu
@pytest.mark.usefixtures("real_gpu")
@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-4), ("fp16", 1e-2)])
@pytest.mark.parametrize("batch", [1, 3, 8, 9, 70])
def test_tensorrt_answers_like_torch(
    real_model: ModelFile, tiny_model: KSModel, options: TensorRTOptions, precision: str, tolerance: float, batch: int
) -> None:
    engine = TensorRTEngine(real_model, precision, options=options)
    with torch.inference_mode():
        wanted = tiny_model.encode(torch.from_numpy(faces(batch)))
        window = wanted.feature[:, None].repeat(1, SPEC.n_frames, 1)
        answers = tiny_model.predict(wanted.o_a, window)
    for _ in range(2):  # plainly, then by the graph
        encoded = engine.encode(faces(batch))
        np.testing.assert_allclose(encoded.o_a, wanted.o_a, atol=tolerance)
        np.testing.assert_allclose(encoded.feature, wanted.feature, atol=tolerance)
        prediction = engine.predict(wanted.o_a.numpy(), window.numpy())
        np.testing.assert_allclose(prediction.probability, answers.output.sigmoid(), atol=1e-4)
        np.testing.assert_allclose(prediction.o_b, answers.o_b, atol=1e-4)
        np.testing.assert_allclose(prediction.in_order, answers.in_order, atol=1e-4)
    engine.close()


@pytest.mark.gpu
@pytest.mark.usefixtures("real_gpu")
def test_graphs_answer_like_plain_enqueues_whatever_the_order_of_batches(
    real_model: ModelFile, options: TensorRTOptions
) -> None:
    plain = TensorRTEngine(real_model, "fp32", options=replace(options, graphs=False))
    by_graph = TensorRTEngine(real_model, "fp32", options=options)
    for seed, batch in enumerate([2, 5, 2, 9, 2, 5, 64, 9, 2]):
        one, other = plain.encode(faces(batch, seed)), by_graph.encode(faces(batch, seed))
        np.testing.assert_array_equal(one.o_a, other.o_a)
        np.testing.assert_array_equal(one.feature, other.feature)
    plain.close()
    by_graph.close()
