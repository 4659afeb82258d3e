"""The report of ks-eval: scores of one or more folds as plain numbers, with the paper's for comparison.

`print_report` (report_tables.py) and `plot` (report_plot.py) show a report; they need only its JSON.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F32, F64, I8, I64
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.evaluation.paper_results import AUS, METHOD_TABLES, PAPER_NAMES, published_f1, published_per_au
from knowledge_spreader.evaluation.report_plot import plot
from knowledge_spreader.evaluation.report_tables import print_report
from knowledge_spreader.spec import au_label

__all__ = ["Predictions", "Study", "check_one_study", "evaluate", "plot", "print_report", "without_nan"]


FORMAT = 1  # raise it if a key of the JSON changes its meaning
BINS = 15  # of the reliability curves and the calibration error
DEFINITION = (
    "F1 = 2 TP / (2 TP + FP + FN) per AU over all frames of the test part with a known label, present at"
    " probability >= 0.5, key frame at the newest position (m = N - 1); then the mean over AUs, then over folds"
)


class Study(NamedTuple):
    """What checkpoints that are evaluated together must share, and the fold, which must differ."""

    data: str
    aus: tuple[int, ...]
    method: str
    person: bool
    label_share: float
    selection: str
    n_frames: int
    has_thresholds: bool
    fold: int


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """Predictions of one checkpoint on the test part of its fold. Raises DataError if shapes do not agree."""

    checkpoint: str
    data: str
    fold: int
    aus: tuple[int, ...]
    labels: I8  # (T, U) 1 present, 0 absent, -1 unknown
    probability: F32  # (N, T, U) with the key frame at position m = 0..N-1; live uses m = N-1
    o_a: F32  # (T, U) logits of branch A alone, at the live position
    o_b: F32  # (T, U) logits of branch B alone
    thresholds: tuple[float, ...]  # chosen on the selection subjects; () = none
    selection: str  # what the epoch was selected on: "held-out training subjects", or the paper's protocol
    label_share: float  # 0..1
    method: str
    person: bool = False  # probability is after the person baseline (ks/calibration/person_baseline.py)

    def __post_init__(self) -> None:
        shape = self.labels.shape
        fits = len(shape) == 2 and shape[1] == len(self.aus) and self.o_a.shape == self.o_b.shape == shape
        if not fits or self.probability.ndim != 3 or self.probability.shape[1:] != shape:
            raise DataError(
                f"{self.checkpoint}: labels, o_a and o_b must be (T, {len(self.aus)}) and probability (N, T, U); got"
                f" {shape}, {self.o_a.shape}, {self.o_b.shape} and {self.probability.shape}"
            )
        if not shape[0]:
            raise DataError(f"{self.checkpoint}: fold {self.fold} of {self.data} has no frames to test on")
        if self.thresholds and len(self.thresholds) != len(self.aus):
            raise DataError(
                f"{self.checkpoint}: {len(self.aus)} AUs need as many thresholds; got {len(self.thresholds)}"
            )
        if not all(np.isfinite(values).all() for values in (self.probability, self.o_a, self.o_b)):
            raise DataError(f"{self.checkpoint}: the model outputs nan; its training diverged, lower --lr")

    @property
    def study(self) -> Study:
        shared = (self.data, self.aus, self.method, self.person, self.label_share, self.selection)
        return Study(*shared, len(self.probability), bool(self.thresholds), self.fold)


def evaluate(folds: Sequence[Predictions]) -> dict[str, Any]:
    """All numbers of a report, ready for JSON (a value that does not exist is None).

    F1, rates and errors are fractions 0..1. `[au]` is a dict with one entry per AU, keyed "AU12".

    format, definition, unit   version of the format, definition of F1, unit of the scores
    data, method, person, label_share, selection, n_frames (N), aus
    per_fold[]      checkpoint, fold, frames and the scores below
    fold_mean       mean of each score over folds (means are over AUs first, then over folds)
    pooled          f1, f1_chosen, confusion, confusion_chosen and reliability from counts summed over folds
    paper           method, table, label_share, f1_mean, per_au[au] or None; None if the paper lacks this share

    The scores: f1, f1_chosen, f1_branch_a, f1_branch_b, ece, auc, auc_branch_a, auc_branch_b, each {mean, per_au[au]}
    (f1_chosen is None without thresholds), f1_key_positions[m] (mean F1), positive_rate[au], unknown_labels[au] (a
    count, summed over folds); per fold also thresholds[au], confusion[au] and confusion_chosen[au] as
    {tp, fp, fn, tn}, and reliability as [u][bin] = [frames, sum of probability, positives] over equal-width bins.

    Raises KSError if the folds belong to different studies, or one was given twice.
    """
    check_one_study([fold.study for fold in folds])
    first = folds[0]
    scores = [_score(fold) for fold in folds]
    report = {
        "format": FORMAT,
        "definition": DEFINITION,
        "unit": "fractions, 0..1",
        "data": first.data,
        "method": first.method,
        "person": first.person,
        "label_share": first.label_share,
        "selection": first.selection,
        "n_frames": len(first.probability),
        "aus": list(first.aus),
        "per_fold": [
            {"checkpoint": fold.checkpoint, "fold": fold.fold, "frames": len(fold.labels), **score.to_json(fold.aus)}
            for fold, score in zip(folds, scores, strict=True)
        ],
        "fold_mean": _fold_mean(scores, first.aus),
        "pooled": _pooled(scores, first.aus),
        "paper": _paper(first),
    }
    jsonable: dict[str, Any] = without_nan(report)
    return jsonable


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    """The scores of one fold: (U,) each; counts (U, 4)."""

    counts: I64
    counts_chosen: I64 | None
    thresholds: F64 | None
    per_au: dict[str, F64 | None]
    key_positions: F64  # (N,)
    positive_rate: F64
    unknown: I64
    reliability: F64  # (U, BINS, 3)

    def to_json(self, aus: Sequence[int]) -> dict[str, Any]:
        return {
            **{name: _with_mean(values, aus) for name, values in self.per_au.items()},
            "f1_key_positions": self.key_positions.tolist(),
            "positive_rate": _by_au(self.positive_rate, aus),
            "unknown_labels": _by_au(self.unknown, aus),
            "thresholds": None if self.thresholds is None else _by_au(self.thresholds, aus),
            "confusion": _counts_json(self.counts, aus),
            "confusion_chosen": None if self.counts_chosen is None else _counts_json(self.counts_chosen, aus),
            "reliability": self.reliability.tolist(),
        }


def _score(fold: Predictions) -> _Score:
    labels, live = fold.labels, fold.probability[-1]
    half, zero = np.full(len(fold.aus), 0.5), np.zeros(len(fold.aus))
    thresholds = np.array(fold.thresholds) if fold.thresholds else None
    counts = metrics.confusion(live, labels, half)
    chosen = None if thresholds is None else metrics.confusion(live, labels, thresholds)
    bins = metrics.reliability(live, labels, BINS)
    return _Score(
        counts=counts,
        counts_chosen=chosen,
        thresholds=thresholds,
        per_au={
            "f1": metrics.f1(counts),
            "f1_chosen": None if chosen is None else metrics.f1(chosen),
            "f1_branch_a": metrics.f1(metrics.confusion(fold.o_a, labels, zero)),  # logit 0 is probability 0.5
            "f1_branch_b": metrics.f1(metrics.confusion(fold.o_b, labels, zero)),
            "ece": metrics.ece_of_bins(bins),
            "auc": metrics.auc(live, labels),
            "auc_branch_a": metrics.auc(fold.o_a, labels),
            "auc_branch_b": metrics.auc(fold.o_b, labels),
        },
        key_positions=np.array([metrics.mean_f1(metrics.confusion(p, labels, half)) for p in fold.probability]),
        positive_rate=metrics.positive_rate(labels),
        unknown=(labels < 0).sum(axis=0, dtype=np.int64),
        reliability=bins,
    )


def _fold_mean(scores: Sequence[_Score], aus: Sequence[int]) -> dict[str, Any]:
    def over_folds(pick: Callable[[_Score], F64]) -> F64:
        return metrics.fold_mean([pick(score) for score in scores])

    means: dict[str, Any] = {}
    for name, one in scores[0].per_au.items():
        if one is None:
            means[name] = None
            continue
        folds = [values for score in scores if (values := score.per_au[name]) is not None]
        mean = metrics.mean(np.array([metrics.mean(values) for values in folds]))
        means[name] = {"mean": mean, "per_au": _by_au(metrics.fold_mean(folds), aus)}
    return {
        **means,
        "f1_key_positions": over_folds(lambda score: score.key_positions).tolist(),
        "positive_rate": _by_au(over_folds(lambda score: score.positive_rate), aus),
        "unknown_labels": _by_au(np.sum([score.unknown for score in scores], axis=0), aus),  # a count: summed
    }


def _pooled(scores: Sequence[_Score], aus: Sequence[int]) -> dict[str, Any]:
    counts = [score.counts for score in scores]
    chosen = [score.counts_chosen for score in scores if score.counts_chosen is not None]
    return {
        "f1": _with_mean(metrics.pooled(counts), aus),
        "f1_chosen": _with_mean(metrics.pooled(chosen), aus) if chosen else None,
        "confusion": _counts_json(np.sum(np.stack(counts), axis=0), aus),
        "confusion_chosen": _counts_json(np.sum(np.stack(chosen), axis=0), aus) if chosen else None,
        "reliability": np.sum(np.stack([score.reliability for score in scores]), axis=0).tolist(),
    }


def _paper(one: Predictions) -> dict[str, Any] | None:
    """The paper's numbers for the same data set, AUs and label share; None if there are none."""
    f1 = published_f1(one.data, one.method, one.label_share)
    if f1 is None or set(one.aus) != set(AUS[one.data]):
        return None
    per_au = published_per_au(one.data, one.label_share, one.method)
    return {
        "method": PAPER_NAMES[one.method],
        "table": METHOD_TABLES[one.method] + (", tables 2 and 5 per AU" if per_au else ""),
        "label_share": one.label_share,
        "f1_mean": round(f1 / 100, 6),
        "per_au": {au_label(au): round(per_au[au] / 100, 6) for au in one.aus} if per_au else None,
    }


def check_one_study(folds: Sequence[Study]) -> None:
    """Raises KSError if checkpoints belong to different studies, or a fold was given twice."""
    if not folds:
        raise KSError("nothing to evaluate; name one checkpoint per fold")
    for name in ("data", "aus", "method", "person", "label_share", "selection"):
        values = {getattr(fold, name) for fold in folds}
        if len(values) > 1:
            listed = " and ".join(sorted(map(str, values)))
            raise KSError(f"checkpoints of one study must have the same {name}; got {listed}; evaluate them separately")
    if len({fold.n_frames for fold in folds}) > 1:
        raise KSError("checkpoints of one study must have the same clip length; evaluate them separately")
    if len({fold.has_thresholds for fold in folds}) > 1:
        raise KSError("some checkpoints have thresholds and others none; evaluate them separately")
    numbers = [fold.fold for fold in folds]
    if twice := sorted({k for k in numbers if numbers.count(k) > 1}):
        raise KSError(f"fold {twice[0]} was given {numbers.count(twice[0])} times; name each fold once")


def _by_au(values: npt.NDArray[Any], aus: Sequence[int]) -> dict[str, float]:
    return dict(zip(map(au_label, aus), values.tolist(), strict=True))


def _with_mean(values: F64 | None, aus: Sequence[int]) -> dict[str, Any] | None:
    return None if values is None else {"mean": metrics.mean(values), "per_au": _by_au(values, aus)}


def _counts_json(counts: I64, aus: Sequence[int]) -> dict[str, dict[str, int]]:
    rows = (dict(zip(("tp", "fp", "fn", "tn"), row, strict=True)) for row in counts.tolist())
    return dict(zip(map(au_label, aus), rows, strict=True))


def without_nan(value: Any) -> Any:
    """The same value with None instead of nan, which JSON does not have."""
    if isinstance(value, dict):
        return {key: without_nan(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_nan(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
