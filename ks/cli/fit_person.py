"""ks-fit-person: a checkpoint learns, on its run's selection subjects, to see people by their own rest."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F32, I64
from knowledge_spreader.calibration.person_baseline_fit import Clip, PersonFit, fit_person
from knowledge_spreader.checkpoint import load_model, save_checkpoint
from knowledge_spreader.cli.run import run
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.device import pick_device
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.predict import answer, probability, relative_to_person, times_s
from knowledge_spreader.evaluation.subjects import frames_of, material_of, settings
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
    """Writes to `out` the checkpoint with a view, and with thresholds chosen anew under it; the fit and its AUs.

    subjects: those held out for selection, or "all" of another root. stranger: standard deviation, in logits, of what
    may be added to all that a person's face says, the same for all of their frames; weights and thresholds are chosen
    with it drawn for each person and AU. Rendered people answer for real ones only so. changes: settings of the run
    that differ here, e.g. root or cache on another machine. Of its own subjects, labels beyond the run's budget stay
    unseen. Raises ModelError when the data set does not fit the model, DataError without enough people.
    """
    where = pick_device(device)
    model, saved = load_model(path, where)
    config = settings(saved, subjects, changes)
    material = material_of(saved, config, progress)
    if subjects == "selection" and not material.split.selection:
        raise DataError(f"{path} was trained without selection subjects (--val-share 0): nobody is left to learn from")
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
    """(T, U) one draw for each person and AU."""
    names, person = np.unique([video.subject for video in material.videos], return_inverse=True)
    draws = np.random.default_rng(0x57).normal(0, stranger, (len(names), n_aus))
    return np.asarray(draws[person[material.index.video[which]]], np.float32)


def _clips(material: Material, which: I64, logits: F32, labels: metrics.Labels) -> list[Clip]:
    """One for each video; `which` is in the order of the index, which is that of time."""
    of_video, time_s = material.index.video[which], times_s(material, which)
    return [
        Clip(material.videos[v].subject, logits[of_video == v], time_s[of_video == v], labels[of_video == v])
        for v in np.unique(of_video)
    ]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ks-fit-person",
        description="Learn, per AU, how much of what a person's face says at rest is to be taken off their answers.",
    )
    parser.add_argument("checkpoint", type=Path, help="best.safetensors, or a run folder of ks-train")
    parser.add_argument("--out", type=Path, required=True, help="write the checkpoint with what was learned here")
    parser.add_argument(
        "--subjects",
        choices=("selection", "all"),
        default="selection",
        help="whom to learn from: held out for selection, or all of another --root (default: %(default)s)",
    )
    parser.add_argument(
        "--stranger",
        type=float,
        default=0.0,
        metavar="LOGITS",
        help="people it will meet are answered higher or lower by about so much, as rendered people make real ones be"
        " (default: %(default)s)",
    )
    parser.add_argument("--root", default="", help="the data set's folder, where it is not that of the training")
    parser.add_argument("--cache", default="", help="folder of the crops, likewise")
    parser.add_argument("--face-model", default="", help="BlazeFace .tflite, likewise")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=sys.stderr.isatty(), help="progress bars on stderr"
    )
    return run(lambda: _main(parser.parse_args(argv)))


def _main(args: argparse.Namespace) -> None:
    changes = {name: value for name in ("root", "cache", "face_model") if (value := getattr(args, name))}
    path = args.checkpoint / "best.safetensors" if args.checkpoint.is_dir() else args.checkpoint
    if not 0 <= args.stranger <= 10:
        raise DataError(f"--stranger is 0 to 10 logits; got {args.stranger:g}")
    if not args.out.parent.is_dir():
        raise DataError(f"--out {args.out}: there is no folder {args.out.parent}; make it first")
    fit, aus = fit_checkpoint(path, args.out, args.device, args.progress, args.subjects, args.stranger, **changes)
    Console().print(table(fit, aus))


def table(fit: PersonFit, aus: Sequence[int]) -> Table:
    """A row per AU: what a weight brings on people left out, and the weight that it got."""
    about = f"quantile {fit.view.quantile:g}, {fit.view.rest_s:g} s of an average person in front"
    made = Table(title=f"{fit.people} people, each left out in turn; {about}", title_justify="left")
    for name in ("AU", "action", "weight", "mean at rest", "AUC before", "after", "gain, mnat", "+-"):
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


if __name__ == "__main__":
    sys.exit(main())
