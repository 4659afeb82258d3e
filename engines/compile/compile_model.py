"""ks-compile: makes a model for one backend and precision, and refuses it if its outputs differ too much from fp32."""

import logging
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.cli.outputs import MODEL, check_outputs, outputs
from knowledge_spreader.engines.base import Choice, Engine
from knowledge_spreader.engines.compile.parity import ALLOWED_FLIPS, TOLERANCE, Cost, answers, cost
from knowledge_spreader.engines.ks_file.model_file import (
    ENCODER,
    ENCODER_INT8,
    SUFFIX,
    ModelFile,
    open_model,
    write_model,
)
from knowledge_spreader.engines.open import check_plans, open_engine, pick, pick_precision
from knowledge_spreader.engines.sample_crops import halves, real_crops
from knowledge_spreader.engines.trt.build_progress import build_bar
from knowledge_spreader.errors import DataError, MissingError, ModelError
from knowledge_spreader.face.detector import OPENVINO
from knowledge_spreader.files import same_file
from knowledge_spreader.spec import ModelSpec

log = logging.getLogger(__name__)

_RANDOM_FRAMES = 8


@dataclass(frozen=True, slots=True)
class CompileConfig:
    """The options of ks-compile."""

    model: Path  # a checkpoint, a run folder of ks-train, or a .ks file
    out: Path | None = None  # None: beside the checkpoint, or the .ks file itself
    device: str = "auto"
    precision: str = "auto"
    sample_crops: tuple[Path, ...] = ()  # videos, or folders of images, with real faces
    aligned: bool = False  # the sample images are crops already
    face_model: str = ""  # "" = the packaged one
    face_runtime: str = OPENVINO
    allow_flips: float = ALLOWED_FLIPS  # share of decisions that int8 may change
    threads: int = 0
    plans: Path | None = None  # folder with TensorRT plans built elsewhere
    trust_plan: bool = False  # their source is trusted: a plan can run any code
    progress: bool = False  # a bar on stderr while a plan is built
    half: bool = False  # round the weights of a checkpoint to fp16: half the file size
    experimental: tuple[int, ...] | None = None  # AUs to mark as experimental; None: leave the marks unchanged


@dataclass(frozen=True, slots=True)
class Compiled:
    """The result of ks-compile."""

    file: ModelFile
    choice: Choice
    reference: str
    real: bool  # measured on real crops; else on random ones, whose flips have no meaning
    cost: Cost


def compile_model(config: CompileConfig) -> Compiled:
    """Makes and writes the model. An existing file stays unchanged if the new model is refused.

    Raises ModelError if the model is refused or cannot be read, MissingError if the backend is not installed, DataError
    on sample images without faces.
    """
    checkpoint = _checkpoint(config.model)
    out = config.out or (checkpoint.with_suffix(SUFFIX) if checkpoint else config.model)
    if out.suffix != SUFFIX or out.is_dir():
        raise ModelError(f"--out must be a file whose name ends in {SUFFIX}; got {out}")
    if not same_file(out, config.model):  # a .ks file may be added to
        reads = [("the model", checkpoint or config.model), *(("an input", path) for path in config.sample_crops)]
        check_outputs(outputs(("--out", out, MODEL)), reads)
    backend, _ = pick(config.device)
    check_plans(backend, config.plans, config.trust_plan)
    draft = out.with_name(f".{out.stem}-draft{SUFFIX}")
    try:
        file = _marked(_fp32(checkpoint, config, draft), config.experimental)
        precision, _ = pick_precision(file, backend, config.precision)
        runs = _runs(config, file.spec)
        if precision == "int8":
            file, runs = _with_int8(file, backend, runs, draft)
        if precision == "bf16" and backend == "openvino":
            open_engine(file, backend, precision).close()  # fails before anything slow
        compiled = _measure(file, config, backend, precision, runs)
        _accept(compiled, config.allow_flips)
        return replace(compiled, file=_write(out, file, backend, compiled))
    finally:
        draft.unlink(missing_ok=True)


def _checkpoint(path: Path) -> Path | None:
    """The checkpoint of a run folder, or the given one; None for a .ks file."""
    if path.is_dir():
        return path / "best.safetensors"
    return None if path.suffix == SUFFIX else path


def _fp32(checkpoint: Path | None, config: CompileConfig, draft: Path) -> ModelFile:
    """The model file to start from: the checkpoint exported to `draft`, or the given .ks file."""
    if checkpoint is None:
        file = open_model(config.model)
        if config.half and not file.halves:
            raise ModelError(f"--half rounds the weights of a checkpoint; {file.path} is a .ks file; give a checkpoint")
        return file
    try:
        from knowledge_spreader.checkpoint import load_model
        from knowledge_spreader.engines.export.to_onnx import export
    except ImportError as exc:
        raise MissingError(
            f"exporting a checkpoint needs torch ({exc}); run: pip install 'knowledge-spreader[train]'"
        ) from exc
    model, loaded = load_model(checkpoint)
    if loaded.config.method == "frames":
        raise ModelError(
            f"{checkpoint} is branch A only (--method frames); train the whole model: ks-train --init {checkpoint}"
        )
    runs = _runs(config, loaded.spec)
    return export(model, loaded.spec, draft, [run[:4] for run in runs], half=config.half)


def _marked(file: ModelFile, experimental: tuple[int, ...] | None) -> ModelFile:
    """The same weights (and weights_id) with these AUs marked as experimental."""
    if experimental is None:
        return file
    voice = file.geometry and replace(file.geometry, experimental=experimental)
    return replace(file, spec=replace(file.spec, experimental=experimental), geometry=voice)


def _runs(config: CompileConfig, spec: ModelSpec) -> list[U8]:
    return [
        run
        for source in config.sample_crops
        for run in real_crops(
            source, spec, aligned=config.aligned, face_model=config.face_model, face_runtime=config.face_runtime
        )
    ]


def _with_int8(file: ModelFile, backend: str, runs: list[U8], draft: Path) -> tuple[ModelFile, list[U8]]:
    """The file with an int8 encoder quantised on half of the runs, and the other half to measure on."""
    if not runs:
        raise DataError("int8 needs real faces; give --sample-crops VIDEO, or a folder of images")
    from knowledge_spreader.engines.compile.quantize import int8_encoder

    own, rest = halves(runs)
    log.info("quantising to int8 for %s on %d faces", backend, sum(map(len, own)))
    encoder = int8_encoder(file.graph(ENCODER), own, backend)
    graphs = {name: file.graph(name) for name in file.sha256} | {ENCODER_INT8[backend]: encoder}
    written = write_model(
        draft, file.spec, graphs, file.torch_weights, file.precision, file.costs, file.note, file.geometry, file.own
    )
    return written, rest


def _measure(file: ModelFile, config: CompileConfig, backend: str, precision: str, runs: list[U8]) -> Compiled:
    measured = runs or [_random_run(file.spec)]
    reference, name = _reference(file, measured)
    with build_bar(config.progress) as progress:
        engine = open_engine(
            file,
            backend,
            precision,
            threads=config.threads,
            plans=config.plans,
            trust_plan=config.trust_plan,
            progress=progress,
        )
    with closing(engine):
        return Compiled(file, engine.choice, name, bool(runs), cost(reference, answers(engine, measured), file.spec))


def _reference(file: ModelFile, runs: Sequence[U8]) -> tuple[F32, str]:
    """Probabilities in fp32 by torch or, without it, by ONNX Runtime; and which of them."""
    engine = _reference_engine(file)
    with closing(engine):
        return answers(engine, runs), engine.choice.backend


def _reference_engine(file: ModelFile) -> Engine:
    for backend in ("torch", "onnxruntime"):
        try:
            return open_engine(file, backend, "fp32")
        except MissingError:
            continue
    raise MissingError("the check needs torch or ONNX Runtime; run: pip install 'knowledge-spreader[onnx]'")


def _random_run(spec: ModelSpec) -> U8:
    rng = np.random.default_rng(0)
    return rng.integers(0, 256, (_RANDOM_FRAMES, spec.side_px, spec.side_px, 3), np.uint8)


def _accept(compiled: Compiled, allow_flips: float) -> None:
    """Raises ModelError if the outputs differ more than this precision may."""
    got, choice = compiled.cost, compiled.choice
    if not got.max_difference <= TOLERANCE[choice.precision]:
        raise ModelError(
            f"{choice.backend} in {choice.precision} differs from {compiled.reference} by {got.max_difference:.1e} in "
            f"a probability (allowed {TOLERANCE[choice.precision]:.0e}); nothing was written; use another precision"
        )
    if choice.precision == "int8" and got.flips > allow_flips:
        raise ModelError(
            f"int8 changes {100 * got.flips:.2f} % of the decisions (allowed {100 * allow_flips:g} %); nothing was "
            "written; give more --sample-crops like the faces to analyse, another precision, or a higher --allow-flips"
        )


def _write(out: Path, file: ModelFile, backend: str, compiled: Compiled) -> ModelFile:
    precision = compiled.choice.precision
    graphs = {name: file.graph(name) for name in file.sha256}
    costs = {**file.costs, f"{backend} {precision}": {**compiled.cost.to_dict(), "real_faces": compiled.real}}
    precisions = {**file.precision, backend: precision}
    return write_model(
        out, file.spec, graphs, file.torch_weights, precisions, costs, file.note, file.geometry, file.own
    )
