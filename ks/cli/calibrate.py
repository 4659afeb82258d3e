"""ks-calibrate: calibrates the probabilities of a checkpoint and chooses its thresholds.

They are fitted on subjects that were not trained on: those held out for selection, or those of another data set. Scale
and bias are folded into the weights, so ks-eval, ks-compile and ks-live use the new checkpoint like any other.
"""

import argparse
import logging
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, I64
from knowledge_spreader.calibration.cross_validation import Scores, score
from knowledge_spreader.calibration.person_baseline import PersonView
from knowledge_spreader.calibration.platt_scaling import Calibration, f1_thresholds, fit, fold
from knowledge_spreader.checkpoint import Checkpoint, load_model, save_checkpoint
from knowledge_spreader.cli.outputs import CHECKPOINT, REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import (
    add_checkpoint,
    add_json,
    add_other_data,
    add_progress,
    add_torch_device,
    base_rates,
    checkpoint_file,
    make_parser,
    run,
)
from knowledge_spreader.datasets import DATASETS
from knowledge_spreader.device import pick_device
from knowledge_spreader.errors import ModelError
from knowledge_spreader.evaluation.predict import answer, relative_to_person
from knowledge_spreader.evaluation.report import without_nan
from knowledge_spreader.evaluation.subjects import SUBJECTS, frames_of, material_of, settings
from knowledge_spreader.files import write_json
from knowledge_spreader.spec import au_label

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class CalibrateConfig:
    """The settings of ks-calibrate. "" means as in training."""

    checkpoint: Path
    out: Path | None = None  # None: beside the checkpoint, "best-calibrated.safetensors"
    subjects: str = "selection"  # "all": all subjects of another data set, which needs root
    data: str = ""
    root: str = ""
    cache: str = ""
    face_model: str = ""
    face_runtime: str = ""
    bias: bool = True
    base_rates: tuple[tuple[int, float], ...] = ()  # (AU, share of frames that show it) in the recordings to analyse
    device: str = "auto"
    json: Path | None = None  # where the command line will write the result, checked like out


@dataclass(frozen=True, slots=True, eq=False)
class Calibrated:
    """The result of ks-calibrate."""

    path: Path
    aus: tuple[int, ...]
    calibration: Calibration
    thresholds: F64
    rates: F64  # (U,) base rates for the thresholds; nan: as in these frames
    positives: I64  # (U,) number of positive frames
    scores: Scores
    people: int
    frames: int
    cross_fitted: bool  # False: a single subject, so the scores after are not held out


def calibrate(config: CalibrateConfig, progress: bool = False) -> Calibrated:
    """Fits the calibration, folds it into the weights, chooses thresholds and writes a new checkpoint.

    Raises ModelError on a checkpoint or an --out that cannot be used, DataError if there are no subjects to fit on.
    """
    source, out = _places(config)
    device = pick_device(config.device)
    model, saved = load_model(source, device)
    rates = _rates(config.base_rates, saved.spec.aus)
    changes = {name: getattr(config, name) for name in ("data", "root", "cache", "face_model", "face_runtime")}
    training = settings(saved, config.subjects, changes)
    material = material_of(saved, training, config.subjects, progress)
    which = frames_of(config.subjects, training, material)
    if config.subjects == "test":
        log.warning("calibrated on the test part: scores of this checkpoint there are no longer held out")
    logits = answer(model, material, which, device, live_only=True).output[0]
    view = PersonView.of(saved.spec)
    if view is not None:
        logits = relative_to_person(view, material, which, logits)
    labels = material.index.labels[which]
    people = np.array([video.subject for video in material.videos])[material.index.video[which]]
    found = fit(logits, labels, config.bias)
    thresholds = f1_thresholds(found.probability(logits), labels, rates)
    scores = score(logits, labels, people, config.bias, rates)
    fold(model, found)
    n_people = len(np.unique(people))
    result = Calibrated(
        path=out,
        aus=saved.spec.aus,
        calibration=found,
        thresholds=thresholds,
        rates=rates,
        positives=(labels == 1).sum(0, dtype=np.int64),
        scores=scores,
        people=n_people,
        frames=len(labels),
        cross_fitted=n_people > 1,
    )
    noted = {**saved.metrics, "calibration": {"subjects": config.subjects, "data": training.data, **to_json(result)}}
    spec = replace(saved.spec, thresholds=tuple(thresholds.tolist()))
    if view is not None:
        spec = view.rescaled(found.scale, found.bias).into(spec)
    tensors = {
        f"model.{name}": x for name, x in model.state_dict().items()
    }  # without the optimiser, which does not fit the new weights
    save_checkpoint(out, Checkpoint(spec, saved.config, tensors, noted, saved.labels))
    return result


def _places(config: CalibrateConfig) -> tuple[Path, Path]:
    """The checkpoint and the output file. Raises a KSError before hours of cropping, if they cannot be used."""
    source = checkpoint_file(config.checkpoint)
    out = config.out or source.with_name(f"{source.stem}-calibrated{source.suffix}")
    if out.suffix != ".safetensors":
        raise ModelError(f"--out must end in .safetensors; got {out}")
    given = {"the data set": config.root, "the face model": config.face_model}
    reads = [("the checkpoint", source), *((what, Path(path)) for what, path in given.items() if path)]
    check_outputs(outputs(("--out", out, CHECKPOINT), ("--json", config.json, REPORT)), reads)
    return source, out


def _rates(wanted: Sequence[tuple[int, float]], aus: Sequence[int]) -> F64:
    """(U,) base rates, nan if not given. Raises ModelError on a rate outside 0..1, and on AUs of no output."""
    given = dict(wanted)
    for au, rate in given.items():
        if not 0 < rate < 1:
            raise ModelError(f"a base rate must be between 0 and 1, a share of frames; got {rate:g} for {au_label(au)}")
    if unknown := sorted(set(given) - set(aus)):
        raise ModelError(f"--base-rates names {au_label(unknown[0])}; the model has {', '.join(map(au_label, aus))}")
    return np.array([given.get(au, np.nan) for au in aus])


def _columns(result: Calibrated) -> dict[str, Sequence[float]]:
    """The columns of the table, (U,) each."""
    s = result.scores
    columns = {
        "positives": result.positives,
        "temperature": result.calibration.temperature,
        "bias": result.calibration.bias,
        "threshold": result.thresholds,
        "base_rate": result.rates,
        "ece_before": s.ece_before,
        "ece_after": s.ece_after,
        "brier_before": s.brier_before,
        "brier_after": s.brier_after,
        "f1_before": s.f1_before,
        "f1_after": s.f1_after,
    }
    return {name: values.tolist() for name, values in columns.items()}


def to_json(result: Calibrated) -> dict[str, Any]:
    """The result as JSON, also for the checkpoint's metrics. "before" is the given checkpoint."""
    columns = _columns(result)
    per_au = {au_label(au): {name: values[i] for name, values in columns.items()} for i, au in enumerate(result.aus)}
    about = {"people": result.people, "frames": result.frames, "cross_fitted": result.cross_fitted}
    jsonable: dict[str, Any] = without_nan({**about, "per_au": per_au})
    return jsonable


_HEADS = (  # headings of the AU and of _columns; eleven columns fit into 80 characters
    *("AU", "present", "temp.", "bias", "thresh.", "ECE\nbefore", "ECE\nafter"),
    *("Brier\nbefore", "Brier\nafter", "F1\nbefore", "F1\nafter"),
)


def print_table(result: Calibrated, console: Console) -> None:
    """Prints a row per AU, and the means."""
    how = "after: cross-validated over people" if result.cross_fitted else "after: fitted on this person"
    table = Table(
        box=None,
        padding=(0, 0, 0, 1),
        pad_edge=False,
        title=f"Calibration on {result.people} people, {result.frames} frames; {how}",
    )
    columns = _columns(result)
    for head in _HEADS:
        table.add_column(head, justify="right")
    for i, au in enumerate(result.aus):
        table.add_row(au_label(au), *(_shown(name, values[i]) for name, values in columns.items()))
    scores = {name: metrics.mean(np.array(values)) for name, values in columns.items() if "_" in name}
    table.add_row("mean", *(_shown(name, scores[name]) if name in scores else "" for name in columns))
    console.print(table)
    console.print(str(result.path), soft_wrap=True, highlight=False)


def _shown(name: str, value: float) -> str:
    if np.isnan(value):
        return "-"
    return f"{value:.0f}" if name == "positives" else f"{value:.3f}"


EXAMPLES = """\
  ks-calibrate runs/mine
  ks-calibrate runs/mine --base-rates AU6=0.25,AU12=0.3     thresholds for other base rates
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-calibrate",
        "Calibrate the probabilities of a checkpoint and choose thresholds, on subjects that it was not trained on.",
        EXAMPLES,
    )
    add_checkpoint(made)
    made.add_argument(
        "--out",
        type=Path,
        metavar="FILE.safetensors",
        help="the new checkpoint (default: NAME-calibrated.safetensors in the same folder)",
    )
    made.add_argument(
        "--subjects",
        choices=SUBJECTS,
        default="selection",
        help="fit on subjects held out for selection, the test part, or all of another --root (default: %(default)s)",
    )
    made.add_argument("--data", choices=DATASETS, default="", help="layout of the data set (default: as in training)")
    add_other_data(made)
    made.add_argument(
        "--bias",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="fit a bias of the logits in addition to their scale (default: on)",
    )
    made.add_argument(
        "--base-rates",
        type=base_rates,
        default=(),
        metavar="AU6=0.25,...",
        help="share of frames that show an AU in the recordings to analyse: the threshold is chosen for the best F1"
        " there (default: the share in the frames it is fitted on)",
    )
    add_torch_device(made)
    add_json(made)
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _calibrate)


def _calibrate(args: argparse.Namespace) -> None:
    values = {name: value for name, value in vars(args).items() if name != "progress"}
    result = calibrate(CalibrateConfig(**values), args.progress)
    print_table(result, Console())
    if args.json:
        write_json(args.json, {"checkpoint": str(result.path), **to_json(result)})
