"""ks-eval: checkpoints as ks/cli/evaluate.py does, and `.ks` models, as ks-live runs them, on labelled recordings."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from knowledge_spreader import metrics
from knowledge_spreader.arrays import sigmoid
from knowledge_spreader.cli import evaluate as command
from knowledge_spreader.cli.outputs import REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import stdout_console
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import write_json
from knowledge_spreader.realtime.adapt.answers import answers
from knowledge_spreader.realtime.adapt.cache import default_cache, watch_recordings
from knowledge_spreader.realtime.adapt.labelled import label_faces, read_labels
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.spec import AU_NAMES, UNKNOWN, au_label


def parser() -> argparse.ArgumentParser:
    return command.parser()


def main(argv: Sequence[str] | None = None) -> int:
    return command.main(argv, _compiled)


def _compiled(args: argparse.Namespace) -> None:
    path = args.checkpoints[0]
    model = open_model(path)
    if not args.root:
        raise DataError(f"{path}: --root is missing; give the CSV that lists recordings and labels")
    if args.plot or args.subjects == "all":
        raise DataError("--plot and --subjects are for checkpoints; leave them out, a .ks model answers all of --root")
    root = Path(args.root)
    check_outputs(outputs(("--json", args.json, REPORT)), [("the model", path), ("the labels", root)], new_folder=True)
    report = _scores(model, root, Path(args.cache) if args.cache else default_cache())
    _print(report, stdout_console(wide=120))
    if args.json:
        write_json(args.json, report)


def _scores(model: ModelFile, root: Path, cache: Path) -> dict[str, Any]:
    aus = model.spec.aus
    recordings = find_recordings([root])
    said = read_labels([root], recordings, aus)
    watched = watch_recordings(recordings, Options(model=str(model.path)), cache)
    labelled = label_faces(said, recordings, watched, aus)
    for note in labelled.notes:
        stderr_console().print(note, soft_wrap=True, highlight=False)
    labels = labelled.labels
    spec = model.spec_heard(voices=True)
    thresholds = np.array(spec.thresholds or (0.5,) * len(aus))
    logits = answers(model, watched.faces)
    probability = sigmoid(logits)
    f1 = metrics.f1(metrics.confusion(probability, labels, thresholds))
    auc = metrics.auc(logits, labels)
    known = (labels != UNKNOWN).any(axis=1)
    if not known.any():
        raise DataError(f"{root}: no label lies on a face that could be answered; label frames in which a face is seen")
    return {
        "model": str(model.path),
        "weights": model.weights_id,
        "frames": int(known.sum()),
        "recordings": len(recordings),
        "people": len({recording.person for recording in recordings}),
        "f1": _number(metrics.mean(f1)),
        "auc": _number(metrics.mean(auc)),
        "per_au": [
            {
                "au": au,
                "present": int((labels[:, u] == 1).sum()),
                "absent": int((labels[:, u] == 0).sum()),
                "threshold": round(float(thresholds[u]), 4),
                "f1": _number(f1[u]),
                "auc": _number(auc[u]),
                "adapted": model.own is not None and au in model.own.learned,
            }
            for u, au in enumerate(aus)
        ],
    }


def _number(value: float) -> float | None:
    return None if np.isnan(value) else round(float(value), 4)


def _print(report: dict[str, Any], console: Console) -> None:
    table = Table(title=f"{report['model']} ({report['weights']}), as ks-live runs it")
    table.add_column("AU", no_wrap=True)
    for column in ("present", "absent", "threshold", "F1", "AUC"):
        table.add_column(column, justify="right")
    for one in report["per_au"]:
        if one["present"] + one["absent"]:
            name = f"{au_label(one['au'])} {AU_NAMES[one['au']]}" + (" *" if one["adapted"] else "")
            cells = (str(one["present"]), str(one["absent"]), f"{one['threshold']:.2f}")
            table.add_row(name, *cells, *("-" if one[x] is None else f"{one[x]:.3f}" for x in ("f1", "auc")))
    console.print(table)
    adapted = "; * adapted" if any(one["adapted"] for one in report["per_au"]) else ""
    console.print(
        f"mean F1 {report['f1']}, AUC {report['auc']}; {report['frames']} labelled faces, {report['recordings']} "
        f"recordings, {report['people']} people{adapted}",
        soft_wrap=True,
        highlight=False,
    )
