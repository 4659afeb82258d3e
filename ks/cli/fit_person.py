"""ks-fit-person: learns the weight of the person baseline for each AU, on held-out subjects."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F32, I64
from knowledge_spreader.calibration.person_baseline_fit import Clip, PersonFit, fit_person
from knowledge_spreader.checkpoint import load_model, save_checkpoint
from knowledge_spreader.cli.outputs import CHECKPOINT, REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import (
    add_checkpoint,
    add_json,
    add_other_data,
    add_progress,
    add_torch_device,
    checkpoint_file,
    inputs,
    make_parser,
    other_data,
    run,
)
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.device import pick_device
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.predict import answer, probability, relative_to_person, times_s
from knowledge_spreader.evaluation.report import without_nan
from knowledge_spreader.evaluation.subjects import frames_of, material_of, settings
from knowledge_spreader.files import write_json
from knowledge_spreader.spec import AU_NAMES, au_label


def fit_checkpoint(
    path: Path,
    out: Path,
    device: str = "auto",
    progress: bool = False,
    subjects: str = "selection",
    stranger: float = 0.0,
    **changes: str,
) -> tuple[PersonFit, tuple[int, ...]]:
    """Writes to `out` the checkpoint with a person baseline and new thresholds; returns the fit and the AUs.

    subjects: those held out for selection (only labels of the run's budget), or "all" of another root. stranger: adds a
    random offset to the logits, one per person and AU, with this standard deviation. It makes rendered people, who
    differ less, stand for real ones. changes: settings of the run that differ here, e.g. root or cache on another
    machine. Raises ModelError if the data set does not fit the model, DataError if there are too few people.
    """
    where = pick_device(device)
    model, saved = load_model(path, where)
    config = settings(saved, subjects, changes)
    if subjects == "selection" and not (config.val_share or config.paper_protocol):
        raise DataError(
            f"{path} has no selection subjects (--val-share 0) to learn from; use --subjects all --root DATA"
        )
    material = material_of(saved, config, subjects, progress)
    people = material.split.selection if subjects == "selection" else material.data.subjects
    which = np.flatnonzero(material.frames_of(people))
    labels = np.full((len(which), len(saved.spec.aus)), -1, np.int8)
    allowed = np.isin(which, frames_of(subjects, config, material))
    labels[allowed] = material.index.labels[which[allowed]]
    answers = answer(model, material, which, where, live_only=True)
    logits = answers.o_a if config.method == "frames" else answers.output[0]
    logits = logits + _offsets(material, which, logits.shape[1], stranger)
    fit = fit_person(_clips(material, which, logits, labels))
    scores = probability(relative_to_person(fit.view, material, which, logits))
    thresholds = tuple(float(t) for t in metrics.best_thresholds(scores, labels))
    save_checkpoint(out, replace(saved, spec=replace(fit.view.into(saved.spec), thresholds=thresholds)))
    return fit, saved.spec.aus


def _offsets(material: Material, which: I64, n_aus: int, stranger: float) -> F32:
    """(T, U) a random offset per person and AU."""
    names, person = np.unique([video.subject for video in material.videos], return_inverse=True)
    draws = np.random.default_rng(0x57).normal(0, stranger, (len(names), n_aus))
    return np.asarray(draws[person[material.index.video[which]]], np.float32)


def _clips(material: Material, which: I64, logits: F32, labels: metrics.Labels) -> list[Clip]:
    """A clip per video; `which` is in index order, so frames are in temporal order."""
    of_video, time_s = material.index.video[which], times_s(material, which)
    return [
        Clip(material.videos[v].subject, logits[of_video == v], time_s[of_video == v], labels[of_video == v])
        for v in np.unique(of_video)
    ]


EXAMPLES = """\
  ks-fit-person runs/mine --out mine-person.safetensors
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-fit-person",
        "Learn, for each AU, how much of a person's running low quantile to subtract from their logits.",
        EXAMPLES,
    )
    add_checkpoint(made)
    made.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="the new checkpoint")
    made.add_argument(
        "--subjects",
        choices=("selection", "all"),
        default="selection",
        help="subjects to learn from: held out for selection, or all of another --root (default: %(default)s)",
    )
    made.add_argument(
        "--stranger",
        type=float,
        default=0.0,
        metavar="LOGITS",
        help="standard deviation of a random offset per person and AU, added to all their logits; needed to learn from"
        " rendered people, who differ less than real ones (default: %(default)g)",
    )
    add_other_data(made)
    add_torch_device(made)
    add_json(made)
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _fit_person)


def _fit_person(args: argparse.Namespace) -> None:
    if not 0 <= args.stranger <= 10:
        raise DataError(f"--stranger must be 0 to 10 logits; got {args.stranger:g}")
    source = checkpoint_file(args.checkpoint)
    writes = outputs(("--out", args.out, CHECKPOINT), ("--json", args.json, REPORT))
    check_outputs(writes, [("the checkpoint", source), *inputs(args)])
    fit, aus = fit_checkpoint(
        source,
        args.out,
        args.device,
        args.progress,
        args.subjects,
        args.stranger,
        **other_data(args),
    )
    Console().print(table(fit, aus))
    if args.json:
        write_json(args.json, to_json(fit, aus))


def to_json(fit: PersonFit, aus: Sequence[int]) -> dict[str, Any]:
    """The table as JSON, by AU."""
    columns = {
        "weight": fit.view.weight,
        "mean_at_rest": fit.view.mean,
        "auc_before": fit.auc_before,
        "auc_after": fit.auc_after,
        "gain_nat": fit.gain,
        "gain_error_nat": fit.gain_error,
    }
    per_au = {au_label(au): {name: float(x[u]) for name, x in columns.items()} for u, au in enumerate(aus)}
    about = {"people": fit.people, "quantile": fit.view.quantile, "rest_s": fit.view.rest_s}
    jsonable: dict[str, Any] = without_nan({**about, "per_au": per_au})
    return jsonable


def table(fit: PersonFit, aus: Sequence[int]) -> Table:
    """A row per AU: its weight, and the cross-validated gain."""
    about = f"quantile {fit.view.quantile:g}, average baseline counts as {fit.view.rest_s:g} s"
    made = Table(title=f"Person baseline, cross-validated over {fit.people} people; {about}", title_justify="left")
    for name in ("AU", "action", "weight", "baseline", "AUC before", "after", "gain, mnat", "+-"):
        made.add_column(name, justify="left" if name in ("AU", "action") else "right")
    for u, au in enumerate(aus):
        numbers = (fit.auc_before[u], fit.auc_after[u])
        gain, error = 1000 * fit.gain[u], 1000 * fit.gain_error[u]
        cells = [f"{fit.view.weight[u]:.2f}", f"{fit.view.mean[u]:.2f}", *(f"{x:.3f}" for x in numbers)]
        made.add_row(au_label(au), AU_NAMES[au], *cells, f"{gain:.1f}", f"{error:.1f}")
    made.add_section()
    means = (f"{metrics.mean(x):.3f}" for x in (fit.auc_before, fit.auc_after))
    made.add_row("mean", "", "", "", *means, "", "", style="bold")
    return made
