"""The model to measure: from a .ks file, a checkpoint or random weights; with int8 encoders and a whole-clip twin."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.engines.ks_file.model_file import (
    ENCODER,
    ENCODER_INT8,
    SUFFIX,
    ModelFile,
    open_model,
    write_model,
)
from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.spec import ModelSpec

RANDOM = "random"
FROM_FILE = "as the model file has it"
_RANDOM_CROPS = 32


@dataclass(frozen=True, slots=True)
class Subject:
    """A model ready to be measured."""

    model: ModelFile
    weights: str  # their hash, or "random"
    int8: str  # the sample crops of the int8 encoders, in words; "" without int8


def make_subject(
    model: str, int8_backends: Sequence[str], folder: Path, sample_crops: Path | None = None, aligned: bool = False
) -> Subject:
    """Opens or exports the model, and quantises it for each int8 backend that the file has no encoder for.

    folder: for temporary files. Raises KSError if the model or the sample crops cannot be used.
    """
    file = _opened(model, folder)
    weights = RANDOM if model == RANDOM else file.weights_id
    subject = Subject(file, weights, FROM_FILE if any(ENCODER_INT8[b] in file.sha256 for b in int8_backends) else "")
    wanted = [b for b in int8_backends if sample_crops is not None or ENCODER_INT8[b] not in file.sha256]
    return _with_int8(subject, wanted, folder, sample_crops, aligned) if wanted else subject


def _opened(model: str, folder: Path) -> ModelFile:
    path = Path(model)
    if model != RANDOM and path.suffix == SUFFIX:
        return open_model(path)
    if model != RANDOM and not path.exists():
        raise MissingError(f"no model at {path}; give a {SUFFIX} file, a checkpoint of ks-train, or random")
    try:
        import torch

        from knowledge_spreader.checkpoint import load_model
        from knowledge_spreader.datasets import DEFAULT_AUS
        from knowledge_spreader.engines.export.to_onnx import export
        from knowledge_spreader.method.network import make_model
    except ImportError as exc:
        raise MissingError(
            f"checkpoints and random weights need torch ({exc}); give a {SUFFIX} file, or run: "
            "pip install 'knowledge-spreader[train]'"
        ) from exc
    exported = folder / f"model{SUFFIX}"
    if model == RANDOM:
        spec = ModelSpec(aus=DEFAULT_AUS["bp4d"])
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return export(make_model(spec).eval(), spec, exported)
    network, checkpoint = load_model(path / "best.safetensors" if path.is_dir() else path)
    return export(network, checkpoint.spec, exported)


def _with_int8(
    subject: Subject, backends: Sequence[str], folder: Path, sample_crops: Path | None, aligned: bool
) -> Subject:
    from knowledge_spreader.engines.compile.quantize import int8_encoder

    file = subject.model
    runs: list[U8]
    if sample_crops is None:
        shape = (_RANDOM_CROPS, file.spec.side_px, file.spec.side_px, 3)
        runs = [np.random.default_rng(0).integers(0, 256, shape, np.uint8)]
        said = "random crops: right for times, meaningless for answers"
    else:
        from knowledge_spreader.engines.sample_crops import real_crops

        runs, said = real_crops(sample_crops, file.spec, aligned=aligned), f"crops from {sample_crops.name}"
    graphs = {name: file.graph(name) for name in file.sha256}
    for backend in backends:
        graphs[ENCODER_INT8[backend]] = int8_encoder(graphs[ENCODER], runs, backend)
    path = folder / f"with-int8{SUFFIX}"
    written = write_model(path, file.spec, graphs, file.torch_weights, precision={}, costs={})
    return replace(subject, model=written, int8="; ".join(filter(None, (subject.int8, said))))


def whole_clip_twin(subject: Subject, folder: Path) -> ModelFile:
    """The same model made to encode whole clips, for the naive forward. Raises MissingError without onnx."""
    try:
        from knowledge_spreader.benchmarks.speed.whole_clip import whole_clip_model
    except ImportError as exc:
        raise MissingError(f"measuring whole clips needs onnx ({exc}); run: pip install onnx") from exc
    return whole_clip_model(subject.model, folder / f"whole-clip{SUFFIX}")


def parse_model(text: str) -> str:
    """The text of --model. Raises ModelError if it cannot name a model."""
    path = Path(text)
    if text == RANDOM or path.suffix in (SUFFIX, ".safetensors") or path.is_dir():
        return text
    raise ModelError(f"--model wants a {SUFFIX} file, a checkpoint or run folder of ks-train, or random; got {text!r}")
