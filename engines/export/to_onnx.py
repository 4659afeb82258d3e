"""Exports a model to encoder.onnx and head.onnx, with dynamic batch and normalisation inside, and checks them."""

import logging
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnx
import torch
from torch import Tensor, nn

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines.backends.onnx_engine import Session
from knowledge_spreader.engines.backends.torch_model import Encoder, Head, answering_weights, folded, round_to_half
from knowledge_spreader.engines.backends.torch_weights import find_weights
from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, ModelFile, write_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.spec import ModelSpec

log = logging.getLogger(__name__)

OPSET = 20  # the first with Gelu as one operator; OpenVINO, ONNX Runtime and TensorRT 10 support it
TOLERANCE = 1e-4  # largest difference from torch; absolute for values up to 1, relative above
INPUTS = {ENCODER: ("faces",), HEAD: ("o_a", "window")}
OUTPUTS = {ENCODER: ("o_a", "feature"), HEAD: ("probability", "o_b", "in_order")}
SPEC_KEY = "knowledge_spreader_spec"  # in the ONNX metadata, so that a single graph still describes itself


def export(
    model: KSModel,
    spec: ModelSpec,
    path: Path,
    real_crops: Sequence[U8] = (),
    note: str = "",
    *,
    half: bool = False,
) -> ModelFile:
    """Writes a model in eval mode as a `.ks` file.

    real_crops: faces (T, side, side, 3) to check, in addition to random ones. note: a warning for the model's users.
    half: round large weights to fp16, which halves the file size; engines still compute in their own precision.
    Raises ModelError, and writes nothing, if ONNX Runtime and torch differ by more than TOLERANCE.
    """
    plain = folded(model)
    if half:
        round_to_half(plain)
        log.info("rounding to fp16 changes a probability by at most %.1e", moved(model, plain, spec, real_crops))
        model = plain  # the reference has the rounded weights too
    graphs = to_onnx(plain, spec)
    places = find_weights(answering_weights(plain), graphs)
    data = {name: graph.SerializeToString() for name, graph in graphs.items()}
    worst = check(model, spec, data, real_crops)
    log.info("ONNX Runtime and torch differ by at most %.1e", worst)
    return write_model(path, spec, data, places, precision={}, costs={}, note=note)


def to_onnx(model: KSModel, spec: ModelSpec) -> dict[str, onnx.ModelProto]:
    """The graphs of a folded model, with the spec in their metadata."""
    faces = torch.zeros(2, spec.side_px, spec.side_px, 3, dtype=torch.uint8)  # 2: torch takes 1 for a constant
    o_a, window = torch.zeros(2, len(spec.aus)), torch.zeros(2, spec.n_frames, feature_width(spec))
    return {
        ENCODER: _to_onnx(ENCODER, Encoder(model), (faces,), spec),
        HEAD: _to_onnx(HEAD, Head(model), (o_a, window), spec),
    }


def _to_onnx(name: str, module: nn.Module, args: tuple[Tensor, ...], spec: ModelSpec) -> onnx.ModelProto:
    batch = torch.export.Dim("batch", min=1, max=65535)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*axis name: batch will not be used", category=UserWarning)
        warnings.filterwarnings("ignore", category=DeprecationWarning)  # inside torch and onnxscript
        warnings.filterwarnings("ignore", category=FutureWarning)
        program = torch.onnx.export(
            module.eval(),
            args,
            dynamo=True,
            dynamic_shapes={key: {0: batch} for key in INPUTS[name]},
            input_names=INPUTS[name],
            output_names=OUTPUTS[name],
            opset_version=OPSET,
            external_data=False,
            verbose=False,
        )
    assert program is not None
    graph = program.model_proto
    _keep_bias_apart(graph)
    _forget_origin(graph)
    onnx.helper.set_model_props(graph, {SPEC_KEY: spec.to_json()})
    return graph


def _keep_bias_apart(graph: onnx.ModelProto) -> None:
    """Replaces ReduceSum by ReduceSum with keepdims, then Squeeze.

    OpenVINO (2026.4, and since 2024 at least) fuses the sum over a token with the bias added after it and, for two or
    more faces, adds the first AU's bias to all AUs. The Squeeze between them prevents the fusion.
    """
    for i, node in reversed(list(enumerate(graph.graph.node))):
        if node.op_type != "ReduceSum" or not any(a.name == "keepdims" and a.i == 0 for a in node.attribute):
            continue
        axes, summed = node.input[1], node.output[0]
        del node.attribute[:]  # keepdims = 1
        node.output[0] = f"{summed}_with_axis"
        squeeze = onnx.helper.make_node("Squeeze", [node.output[0], axes], [summed], name=f"{node.name}_squeeze")
        graph.graph.node.insert(i + 1, squeeze)


def _forget_origin(graph: onnx.ModelProto) -> None:
    """Removes torch's metadata, which contains the paths of source files on this machine."""
    assert not graph.functions
    parts = (graph.graph, *graph.graph.node, *graph.graph.initializer, *graph.graph.value_info)
    for part in (*parts, *graph.graph.input, *graph.graph.output):
        del part.metadata_props[:]
        part.doc_string = ""


@torch.inference_mode()
def check(model: KSModel, spec: ModelSpec, graphs: dict[str, bytes], real_crops: Sequence[U8] = ()) -> float:
    """The largest difference between ONNX Runtime and torch. Raises ModelError if it is above TOLERANCE."""
    encoder, head = (Session(graphs[name], INPUTS[name]) for name in (ENCODER, HEAD))
    worst = 0.0
    for faces in _batches(spec, real_crops):
        o_a, feature = encoder.run(faces)
        window = np.repeat(feature[:, None], spec.n_frames, 1)
        window *= np.linspace(0.5, 1.5, spec.n_frames, dtype=np.float32)[None, :, None]  # makes the frames differ
        encoded = model.encode(torch.from_numpy(np.ascontiguousarray(faces)))
        predicted = Head(model)(encoded.o_a, torch.from_numpy(window))
        answers = zip(
            OUTPUTS[ENCODER] + OUTPUTS[HEAD],
            (o_a, feature, *head.run(encoded.o_a.numpy(), window)),
            (encoded.o_a, encoded.feature, *predicted),
            strict=True,
        )
        for name, ours, theirs in answers:
            worst = max(worst, _difference(name, ours, theirs.numpy()))
    return worst


@torch.inference_mode()
def moved(model: KSModel, other: KSModel, spec: ModelSpec, real_crops: Sequence[U8] = ()) -> float:
    """The largest difference of a probability between two models in torch, on windows of one repeated frame."""
    largest = 0.0
    for faces in _batches(spec, real_crops):
        one, two = (_still(x, torch.from_numpy(np.ascontiguousarray(faces)), spec.n_frames) for x in (model, other))
        largest = max(largest, float((one - two).abs().max()))
    return largest


def _still(model: KSModel, faces: Tensor, n_frames: int) -> Tensor:
    o_a, feature = model.encode(faces)
    probability: Tensor = Head(model)(o_a, feature[:, None].expand(-1, n_frames, -1))[0]
    return probability


def _batches(spec: ModelSpec, real_crops: Sequence[U8]) -> list[U8]:
    """Random faces, then the real ones."""
    rng = np.random.default_rng(0)
    shape = (spec.side_px, spec.side_px, 3)
    batches = [rng.integers(0, 256, (n, *shape), np.uint8) for n in (1, 3)]  # not the batch size of the export
    return batches + [np.asarray(crops[i : i + 8]) for crops in real_crops for i in range(0, len(crops), 8)]


def _difference(name: str, ours: F32, theirs: F32) -> float:
    difference = float(np.abs(ours - theirs).max() / max(1.0, float(np.abs(theirs).max())))
    if not difference <= TOLERANCE:  # also true for nan
        raise ModelError(
            f"the exported graphs differ from torch: {name} differs by {difference:.1e} "
            f"(allowed {TOLERANCE:.0e}); nothing was written; try another torch or onnxscript version"
        )
    return difference
