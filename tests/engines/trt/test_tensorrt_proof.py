"""Proof of the TensorRT engine without a GPU: real plans from a real builder, every name against NVIDIA's own modules.

TensorRT-RTX's builder runs on a CPU; TensorRT's lean runtime and bindings can be imported there. What cannot be shown
so is that a plan runs, and runs fast: that takes `make test-gpu`.
"""

import ast
import ctypes
import importlib
import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import onnx
import pytest
import torch

import knowledge_spreader.engines.trt.nvidia_api
from knowledge_spreader.engines.export.to_onnx import folded, to_onnx
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile
from knowledge_spreader.engines.trt.build import FILES, LIVE, Messages, Profile, _Watch, build_plan
from knowledge_spreader.engines.trt.cuda_buffers import Cuda
from knowledge_spreader.engines.trt.graph import graph_for_tensorrt
from knowledge_spreader.engines.trt.tensorrt_engine import tensors
from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.method.network import make_model
from knowledge_spreader.spec import ModelSpec
from tests.engines.trt import fake_nvidia
from tests.paths import ROOT

HOW = "pip install 'knowledge-spreader[trt-proof]'"
pytestmark = [
    # one build in many thousands hangs in the real builder, with Python's lock held
    pytest.mark.flaky(reruns=1),
    # TensorRT-RTX measures nothing while it builds; TensorRT does
    pytest.mark.filterwarnings("ignore:.*Timing cache operations are no-ops:DeprecationWarning"),
]


def wheel(name: str) -> Path:
    """Folder of an installed module that is not imported; skips without it."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        pytest.skip(f"{name} is not installed; {HOW}")
    return Path(spec.origin).parent


@pytest.fixture(scope="session")
def rtx() -> ModuleType:
    """TensorRT-RTX: the same interface as TensorRT, with a builder that needs no GPU."""
    bindings, libraries = wheel("tensorrt_rtx_bindings"), wheel("onnxruntime_ep_nv_tensorrt_rtx")
    assert bindings
    for library in ("libtensorrt_rtx.so.*", "libtensorrt_onnxparser_rtx.so.*"):
        ctypes.CDLL(str(next(libraries.glob(library))), ctypes.RTLD_GLOBAL)  # another wheel carries them
    return importlib.import_module("tensorrt_rtx_bindings")


@pytest.fixture(scope="session")
def lean() -> ModuleType:
    """The runtime half of TensorRT 11.4."""
    wheel("tensorrt_lean_libs"), wheel("tensorrt_lean_bindings")
    importlib.import_module("tensorrt_lean_libs")
    return importlib.import_module("tensorrt_lean_bindings")


@pytest.fixture(scope="session")
def full_bindings() -> bytes:
    """TensorRT 11.4's own bindings, which only a machine with its libraries can import; read as a file."""
    return (wheel("tensorrt_bindings") / "tensorrt.so").read_bytes()


# --- plans ---------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tiny_graphs(tiny_file: ModelFile) -> dict[str, bytes]:
    return {part: tiny_file.graph(part) for part in (ENCODER, HEAD)}


def noise(side_px: int, n: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (n, side_px, side_px, 3), np.uint8)


def default_int8(graph: bytes, folder: Path) -> bytes:
    """What ONNX Runtime makes when nobody asks it for something else: u8 activations, int32 biases."""
    from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_static

    class Noise(CalibrationDataReader):
        def __init__(self) -> None:
            self.left = [{"faces": noise(32, 2)}]

        def get_next(self) -> dict[str, np.ndarray] | None:
            return self.left.pop() if self.left else None

    source, target = folder / "fp32.onnx", folder / "int8.onnx"
    source.write_bytes(graph)
    quantize_static(source, target, Noise(), quant_format=QuantFormat.QDQ)
    return target.read_bytes()


@pytest.mark.parametrize("part", [ENCODER, HEAD])
def test_a_real_builder_makes_a_plan_of_our_fp32_graphs(
    rtx: ModuleType, tiny_graphs: dict[str, bytes], part: str
) -> None:
    built = build_plan(rtx, graph_for_tensorrt(tiny_graphs[part], "fp32"))
    assert len(built.plan) > len(tiny_graphs[part]) / 2


def test_a_real_builder_makes_a_plan_of_our_fp16_encoder(rtx: ModuleType, tiny_graphs: dict[str, bytes]) -> None:
    graph = graph_for_tensorrt(tiny_graphs[ENCODER], "fp16")
    kinds = {x.data_type for x in onnx.load_model_from_string(graph).graph.initializer}
    assert onnx.TensorProto.FLOAT16 in kinds
    assert onnx.TensorProto.FLOAT not in kinds
    assert len(build_plan(rtx, graph).plan) < len(
        build_plan(rtx, graph_for_tensorrt(tiny_graphs[ENCODER], "fp32")).plan
    )


def test_a_real_builder_makes_a_plan_of_our_int8_encoder(rtx: ModuleType, int8_file: ModelFile) -> None:
    assert build_plan(rtx, graph_for_tensorrt(int8_file.int8_graph("tensorrt"), "int8")).plan


def test_int8_that_is_not_made_for_tensorrt_is_refused_with_the_parsers_reason(
    rtx: ModuleType, tiny_graphs: dict[str, bytes], int8_file: ModelFile, tmp_path: Path
) -> None:
    for other in (default_int8(tiny_graphs[ENCODER], tmp_path), int8_file.int8_graph("onnxruntime")):
        with pytest.raises(ModelError, match=r"cannot read the graph: .*([Zz]ero.?point|UINT8|Int32)") as refusal:
            build_plan(rtx, graph_for_tensorrt(other, "int8"))
        assert "\n" not in str(refusal.value)


def test_bfloat16_builds_too_though_the_engine_does_not_offer_it(
    rtx: ModuleType, tiny_graphs: dict[str, bytes]
) -> None:
    import ml_dtypes

    model = onnx.load_model_from_string(graph_for_tensorrt(tiny_graphs[ENCODER], "fp32"))
    for x in model.graph.initializer:
        if x.data_type == onnx.TensorProto.FLOAT:
            x.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(x).astype(ml_dtypes.bfloat16), x.name))
    casts = [attribute for node in model.graph.node if node.op_type == "Cast" for attribute in node.attribute]
    for attribute in casts:
        attribute.i = onnx.TensorProto.BFLOAT16 if attribute.i == onnx.TensorProto.FLOAT else attribute.i
    for output in model.graph.output:
        output.type.tensor_type.elem_type = onnx.TensorProto.BFLOAT16
    assert build_plan(rtx, model.SerializeToString()).plan


def test_tensorrt_does_nothing_with_uint8_but_cast_it(rtx: ModuleType) -> None:
    """Why graph_for_tensorrt moves the cast: faces that are turned first, as torch exports them, do not parse."""
    make, float32, uint8 = onnx.helper, onnx.TensorProto.FLOAT, onnx.TensorProto.UINT8
    nodes = [
        make.make_node("Transpose", ["faces"], ["turned"], perm=[0, 3, 1, 2]),
        make.make_node("Cast", ["turned"], ["pixels"], to=float32),
        make.make_node("GlobalAveragePool", ["pixels"], ["mean"]),
    ]
    faces = make.make_tensor_value_info("faces", uint8, ["batch", 32, 32, 3])
    mean = make.make_tensor_value_info("mean", float32, ["batch", 3, 1, 1])
    opset = make.make_opsetid("", 20)
    graph = make.make_model(make.make_graph(nodes, "turn", [faces], [mean]), opset_imports=[opset]).SerializeToString()
    with pytest.raises(ModelError, match="UInt8"):
        build_plan(rtx, graph)
    assert build_plan(rtx, graph_for_tensorrt(graph, "fp32")).plan


@pytest.mark.parametrize(("part", "precision"), [(ENCODER, "fp32"), (ENCODER, "fp16"), (HEAD, "fp32")])
def test_the_plans_tensors_are_those_that_the_engine_looks_for(
    rtx: ModuleType, tiny_graphs: dict[str, bytes], tiny_file: ModelFile, part: str, precision: str
) -> None:
    logger = Messages(rtx).logger
    builder = rtx.Builder(logger)
    network = builder.create_network(0)
    parser = rtx.OnnxParser(network, logger)
    assert parser.parse(graph_for_tensorrt(tiny_graphs[part], precision))
    inputs, outputs = tensors(part, tiny_file.spec)
    of_both = ((inputs, network.num_inputs, network.get_input), (outputs, network.num_outputs, network.get_output))
    for wanted, count, get in of_both:
        found = [(t.name, tuple(t.shape), rtx.nptype(t.dtype)) for t in map(get, range(count))]
        assert found == [(t.name, (-1, *t.shape), t.dtype) for t in wanted]


def test_the_plan_holds_both_profiles(
    rtx: ModuleType, tiny_graphs: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    configs = []
    real = rtx.Builder.create_builder_config
    monkeypatch.setattr(rtx.Builder, "create_builder_config", lambda self: configs.append(real(self)) or configs[-1])
    assert build_plan(rtx, tiny_graphs[HEAD], (LIVE, FILES)).plan
    assert configs[0].num_optimization_profiles == 2


def test_a_profile_that_cannot_be_is_refused_by_the_real_builder(
    rtx: ModuleType, tiny_graphs: dict[str, bytes]
) -> None:
    with pytest.raises(ModelError, match="cannot build the plan") as refusal:
        build_plan(rtx, tiny_graphs[HEAD], [Profile(8, 2, 1)])
    assert "no reason given" not in str(refusal.value)


def test_a_real_build_reports_progress_and_can_be_stopped(rtx: ModuleType, tiny_graphs: dict[str, bytes]) -> None:
    seen: list[tuple[str, int, int]] = []
    build_plan(rtx, tiny_graphs[HEAD], progress=lambda *step: seen.append(step))
    assert len(seen) > 10
    assert all(0 <= done <= steps for _, done, steps in seen)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        build_plan(rtx, tiny_graphs[HEAD], progress=stop)


def test_a_damaged_graph_is_refused_by_the_real_parser_in_one_line(
    rtx: ModuleType, tiny_graphs: dict[str, bytes]
) -> None:
    with pytest.raises(ModelError, match="cannot read the graph") as refusal:
        build_plan(rtx, tiny_graphs[HEAD][:-1000])
    assert "\n" not in str(refusal.value)


@pytest.mark.long
def test_a_real_builder_makes_plans_of_resnet18_in_every_precision(rtx: ModuleType, tmp_path: Path) -> None:
    from knowledge_spreader.engines.compile.quantize import int8_encoder

    spec = ModelSpec(aus=(1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24), side_px=32)  # weights are as many at any side
    torch.manual_seed(0)
    graphs = {name: graph.SerializeToString() for name, graph in to_onnx(folded(make_model(spec).eval()), spec).items()}
    int8 = int8_encoder(graphs[ENCODER], [noise(spec.side_px, 32)], "tensorrt")
    sizes = {
        precision: len(build_plan(rtx, graph_for_tensorrt(graph, precision)).plan)
        for precision, graph in (("fp32", graphs[ENCODER]), ("fp16", graphs[ENCODER]), ("int8", int8))
    }
    assert 0.45 < sizes["fp16"] / sizes["fp32"] < 0.6  # half the bytes a weight, and the kernels
    assert sizes["int8"] < 0.45 * sizes["fp32"]
    assert build_plan(rtx, graphs[HEAD]).plan


# --- names and signatures ------------------------------------------------------------------------------------------


class Declared(NamedTuple):
    """A class of nvidia_api.py: its attributes, and its methods with their parameters."""

    attributes: frozenset[str]
    methods: dict[str, tuple[str, ...]]


def declared() -> dict[str, Declared]:
    """Everything of NVIDIA's that our source may use: mypy refuses any other name."""
    tree = ast.parse(Path(knowledge_spreader.engines.trt.nvidia_api.__file__).read_text(encoding="utf-8"))
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            fields = {n.target.id for n in node.body if isinstance(n, ast.AnnAssign) and isinstance(n.target, ast.Name)}
            methods = {
                n.name: tuple(a.arg for a in n.args.args[1:]) for n in node.body if isinstance(n, ast.FunctionDef)
            }
            found[node.name] = Declared(frozenset(fields), methods)
    return found


DECLARED = declared()
TRT = {name.removeprefix("Trt"): value for name, value in DECLARED.items() if name.startswith("Trt")}
CUDA = {name: value for name, value in DECLARED.items() if name.startswith("Cuda")}
BUILDER_ONLY = {  # the lean runtime has only what runs a plan
    "Builder",
    "BuilderFlag",
    "IBuilderConfig",
    "INetworkDefinition",
    "IOptimizationProfile",
    "ITensor",
    "ITimingCache",
    "NetworkDefinitionCreationFlag",
    "OnnxParser",
    "ParserError",
}


def pybind_signatures(method: Any, name: str) -> list[list[tuple[str, bool]]]:
    """Each overload's parameters without self, and whether they have a default, out of pybind11's docstring."""
    lines = re.findall(rf"^(?:\d+\. )?{name}\((self.*)\) -> .*$", method.__doc__, re.MULTILINE)
    overloads = []
    for line in lines:
        parts, depth = [""], 0
        for character in line:
            depth += (character in "[<(") - (character in "]>)")
            if character == "," and depth == 0:
                parts.append("")
            else:
                parts[-1] += character
        overloads.append([(part.split(":")[0].strip(), " = " in part) for part in parts[1:]])
    return overloads


def fits(wanted: tuple[str, ...], overload: list[tuple[str, bool]]) -> bool:
    """Whether a call with these parameters, in this order, is one that the overload takes."""
    given, rest = overload[: len(wanted)], overload[len(wanted) :]
    return [name for name, _ in given] == list(wanted) and all(has_default for _, has_default in rest)


def check_class(real: type, wanted: Declared) -> None:
    for attribute in wanted.attributes:
        assert hasattr(real, attribute), f"{real.__name__}.{attribute}"
    for name, parameters in wanted.methods.items():
        overloads = pybind_signatures(getattr(real, name), name)
        assert any(fits(parameters, overload) for overload in overloads), (real.__name__, name, parameters, overloads)


@pytest.mark.parametrize("name", sorted(TRT))
def test_a_class_of_tensorrt_is_as_the_rtx_bindings_have_it(rtx: ModuleType, name: str) -> None:
    check_class(getattr(rtx, name), TRT[name])


@pytest.mark.parametrize("name", sorted(set(TRT) - BUILDER_ONLY))
def test_a_class_of_the_runtime_is_as_tensorrt_11_4_has_it(lean: ModuleType, name: str) -> None:
    assert lean.__version__.startswith("11.4.")
    check_class(getattr(lean, name), TRT[name])


@pytest.mark.parametrize("name", sorted(BUILDER_ONLY))
def test_a_name_of_the_builder_is_in_tensorrt_11_4s_own_bindings(full_bindings: bytes, name: str) -> None:
    wanted = TRT[name]
    parameters = {parameter for method in wanted.methods.values() for parameter in method}
    for word in {name, *wanted.attributes, *wanted.methods, *parameters}:
        assert word.encode() + b"\0" in full_bindings, word  # a linker lets a string be the end of a longer one


def test_the_module_has_what_is_asked_of_it(rtx: ModuleType, lean: ModuleType) -> None:
    module = DECLARED["TensorRT"]
    for name in module.attributes | set(module.methods):
        assert hasattr(rtx, name), name
        assert hasattr(lean, name) or name in BUILDER_ONLY, name
    for real in (rtx, lean):
        assert tuple(inspect.signature(real.nptype).parameters) == module.methods["nptype"]
        assert {real.nptype(real.DataType.UINT8), real.nptype(real.DataType.FLOAT)} == {np.uint8, np.float32}


@pytest.mark.parametrize(("name", "parameters"), [("Builder", 1), ("OnnxParser", 2), ("Runtime", 1)])
def test_an_object_of_tensorrt_is_made_with_as_many_arguments_as_we_give(
    rtx: ModuleType, lean: ModuleType, name: str, parameters: int
) -> None:
    for real in (rtx, lean) if name not in BUILDER_ONLY else (rtx,):
        overloads = pybind_signatures(getattr(real, name).__init__, "__init__")
        assert any(len(overload) == parameters for overload in overloads)


def test_what_tensorrt_calls_of_ours_has_the_parameters_that_it_gives(rtx: ModuleType, lean: ModuleType) -> None:
    for real in (rtx, lean):
        objects = [
            (real.ILogger, Messages(real).logger, ["log"]),
            (real.IProgressMonitor, _Watch(None).monitor(real.IProgressMonitor), MONITOR),
        ]
        for base, ours, methods in objects:
            for method in methods:
                own = tuple(inspect.signature(getattr(type(ours), method)).parameters)[1:]
                assert [fits(own, overload) for overload in pybind_signatures(getattr(base, method), method)] == [True]


MONITOR = ["phase_start", "step_complete", "phase_finish"]


@pytest.mark.parametrize("name", sorted(CUDA))
def test_a_name_of_the_cuda_runtime_is_as_the_bindings_have_it(name: str) -> None:
    wheel("cuda.bindings")
    runtime = importlib.import_module("cuda.bindings.runtime")
    real = runtime if name == "CudaRuntime" else getattr(runtime, name[0].lower() + name[1:])
    for attribute in CUDA[name].attributes:
        assert hasattr(real, attribute), attribute
    for method, parameters in CUDA[name].methods.items():
        assert tuple(inspect.signature(getattr(real, method)).parameters) == parameters, method


def test_the_real_cuda_runtime_without_a_gpu_is_a_missing_gpu() -> None:
    wheel("cuda.bindings")
    runtime = importlib.import_module("cuda.bindings.runtime")
    error, count = runtime.cudaGetDeviceCount()
    if not int(error) and count:
        pytest.skip("there is a GPU")
    with pytest.raises(MissingError, match=r"no NVIDIA GPU to run on \((cudaError\w+: |0 found)"):
        Cuda()


def test_our_source_uses_no_name_of_tensorrt_that_is_not_declared() -> None:
    """As mypy does, but for what is reached through getattr, and without mypy."""
    used = set()
    for path in (ROOT / "engines").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("trt", "self._trt"):
                used.add((node.attr, path.name))
            asked = isinstance(node, ast.Call) and ast.unparse(node.func) in ("getattr", "hasattr")
            if asked and ast.unparse(node.args[0]) in ("trt", "self._trt"):
                assert isinstance(node.args[1], ast.Constant), f"{path.name}: {ast.unparse(node)}"
                used.add((node.args[1].value, path.name))
    module = DECLARED["TensorRT"]
    assert len(used) > 8
    assert not {(name, file) for name, file in used if name not in module.attributes | set(module.methods)}


# --- the stand-ins -------------------------------------------------------------------------------------------------

STANDS_IN = {name: value for name, value in vars(fake_nvidia).items() if name.startswith("Fake")}


@pytest.mark.parametrize("name", sorted(STANDS_IN))
def test_a_stand_in_has_the_signatures_that_are_declared(name: str) -> None:
    plain = name.removeprefix("Fake")
    if plain in ("ILogger", "IProgressMonitor"):
        return  # ours to implement; what TensorRT calls of them is compared above
    methods = (TRT.get(plain) or DECLARED[plain]).methods
    assert methods
    for method, parameters in methods.items():
        assert tuple(inspect.signature(getattr(STANDS_IN[name], method)).parameters)[1:] == parameters, method


def test_each_class_that_the_engine_calls_has_a_stand_in() -> None:
    with_methods = {name for name, value in TRT.items() if value.methods} - {"ParserError"}
    assert with_methods <= {name.removeprefix("Fake") for name in STANDS_IN}
