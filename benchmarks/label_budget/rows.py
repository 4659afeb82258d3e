"""The results of a study on disk: one JSON object per line. A killed process loses one run at most."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Protocol

from knowledge_spreader import metrics
from knowledge_spreader.benchmarks.label_budget.plan import Run
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.errors import DataError, KSError, one_line
from knowledge_spreader.evaluation.report import Predictions, evaluate, without_nan

LOGGED = ("pseudo_accuracy_kept", "pseudo_accuracy_dropped", "pseudo_dropped_share", "frames_per_s")  # last epoch's


class Summary(Protocol):
    """The part of training.trainer.RunSummary that the study reads."""

    @property
    def best_path(self) -> Path: ...
    @property
    def best_epoch(self) -> int: ...
    @property
    def selection_f1(self) -> float: ...
    @property
    def epochs(self) -> Sequence[Mapping[str, float]]: ...


def result_row(run: Run, summary: Summary, predictions: Predictions, seconds: float, origin: Row) -> Row:
    """The row of a finished run. F1, rates and errors are fractions 0 to 1, or None where there is no value."""
    report = evaluate([predictions])
    score = report["per_fold"][0]
    last = summary.epochs[-1] if summary.epochs else {}
    chosen = score["f1_chosen"] or {"mean": None, "per_au": None}
    row = {
        **_head(run),
        "selection": report["selection"],
        "f1_mean": score["f1"]["mean"],
        "f1_per_au": score["f1"]["per_au"],
        "confusion": score["confusion"],
        "f1_best_mean": f1_at_best_cuts(predictions),
        "f1_chosen_mean": chosen["mean"],
        "f1_chosen_per_au": chosen["per_au"],
        "f1_branch_a": score["f1_branch_a"]["mean"],
        "f1_branch_b": score["f1_branch_b"]["mean"],
        "f1_key_positions": score["f1_key_positions"],
        "ece": score["ece"]["mean"],
        "auc": score["auc"]["mean"],
        "auc_branch_a": score["auc_branch_a"]["mean"],
        "auc_branch_b": score["auc_branch_b"]["mean"],
        "test_frames": score["frames"],
        "best_epoch": summary.best_epoch,
        "selection_f1": summary.selection_f1,
        **{name: last.get(name) for name in LOGGED},
        "train_s": sum(epoch.get("seconds", 0.0) for epoch in summary.epochs),  # over all resumptions
        "seconds": round(seconds, 3),  # since the last resumption, with preparing data and testing
        **origin,
    }
    clean: Row = without_nan(row)
    return clean


def f1_at_best_cuts(predictions: Predictions) -> float:
    """Mean F1 over the AUs, each at the threshold that is best on these same frames: an upper bound, not a result.

    For rare AUs it shows whether a low F1 at 0.5 comes from low probabilities or from a poor ranking.
    """
    live = predictions.probability[-1]
    cuts = metrics.best_thresholds(live, predictions.labels)
    return metrics.mean_f1(metrics.confusion(live, predictions.labels, cuts))


def error_row(run: Run, error: KSError, seconds: float, origin: Row) -> Row:
    """The row of a failed run, with the reason. The run is tried again when the study is started again."""
    return {**_head(run), "error": str(error), "seconds": round(seconds, 3), **origin}


def _head(run: Run) -> Row:
    c = run.config
    return {
        "key": run.key,
        "data": c.data,
        "method": c.method,
        "share": c.labels,
        "scheme": c.labels_scheme,
        "fold": c.fold,
        "seed": c.seed,
        "ablation": run.ablation,
        "n_frames": c.n_frames,
        "config": asdict(c),
    }


def read_rows(path: Path) -> list[Row]:
    """The rows in the order in which they were written; [] if the file does not exist yet.

    Text after the last line end is an incomplete row and is left out. Raises DataError for any other line that is not
    a row.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise DataError(f"cannot read {path}: {one_line(exc)}") from exc
    rows: list[Row] = []
    for number, line in enumerate(text.split(b"\n")[:-1], 1):
        try:
            row = json.loads(line)
        except ValueError as exc:
            raise DataError(f"{path} line {number} is not JSON; delete that line to run it again") from exc
        if not isinstance(row, dict) or "key" not in row:
            raise DataError(f"{path} line {number} is not a row of a study; give the rows.jsonl of ks-study run")
        rows.append(row)
    return rows


def append_row(path: Path, row: Row) -> None:
    """Appends a row and waits until it is on the disk. An incomplete row at the end of the file is removed first.

    Only one process may write to a file at a time. Raises KSError if the file cannot be written.
    """
    line = json.dumps(row, allow_nan=False).encode() + b"\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            file.seek(0)
            file.truncate(file.read().rfind(b"\n") + 1)
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
    except OSError as exc:
        raise KSError(f"cannot write {path}: {one_line(exc)}; choose another --out") from exc


def done_keys(rows: Sequence[Row]) -> set[str]:
    """Keys of the runs that have a result; failed runs have none."""
    return {row["key"] for row in rows if "error" not in row}
