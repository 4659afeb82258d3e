"""What a set of answers is worth on coded faces, AU by AU, with intervals over people.

T faces, U AUs. A face without an answer is nan; it and unsure codes are left out of every figure. An AU has evidence
with at least MIN_EVIDENCE faces of each kind; others get no AUC and no F1, and enter no mean. False alarms are counted
wherever an AU is absent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, I64, Bools
from knowledge_spreader.benchmarks.real_faces.labels import UNSURE

MIN_EVIDENCE = 3
HELD_OUT = (1, 2, 4, 5, 6, 10, 12, 15, 17, 25, 26, 43)  # AUs of the other sets of clips
_DRAWS = 1000
_ECE_BINS = 10

Interval = tuple[float, float]  # 2.5 and 97.5 % of the draws


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """What somebody says of the T coded faces, for the AUs of the table."""

    score: F64  # (T, U) 0 to 1; nan: no answer
    cut: F64  # (U,) from which an AU is called present
    shown: F64 | None = None  # (T, U) 1 or 0, what the pipeline shows after hysteresis; nan where there is no answer
    calibrated: bool = True  # whether scores are meant as probabilities


@dataclass(frozen=True, slots=True)
class AUScore:
    """nan: does not exist."""

    au: int
    present: int  # faces that were answered for
    absent: int
    auc: float
    auc_interval: Interval
    f1: float  # at the cut
    f1_shown: float  # of what the pipeline shows
    f1_best: float  # at the best cut on these very faces: a bound, not a result
    ece: float
    false_alarms: float  # share of the absent ones that reach the cut


@dataclass(frozen=True, slots=True)
class Mean:
    """Over those AUs of a group that have evidence."""

    aus: tuple[int, ...]
    auc: float
    auc_interval: Interval
    f1: float
    f1_shown: float
    f1_best: float
    ece: float


@dataclass(frozen=True, slots=True)
class Scores:
    """All figures of one set of answers."""

    aus: tuple[AUScore, ...]
    means: Mapping[str, Mean]


def score(
    answers: Answers,
    labels: I64,
    aus: Sequence[int],
    people: Sequence[str],
    groups: Mapping[str, Collection[int]],
) -> Scores:
    """labels (T, U) of 1, 0, UNSURE; people (T,): who is drawn again; groups: of AUs, a mean is made of each."""
    labels = np.where(np.isnan(answers.score), UNSURE, labels)
    probability = np.nan_to_num(answers.score)
    present, absent = (labels == 1).sum(axis=0), (labels == 0).sum(axis=0)
    evidence = (present >= MIN_EVIDENCE) & (absent >= MIN_EVIDENCE)
    counts = metrics.confusion(probability, labels, answers.cut)
    columns: dict[str, F64] = {
        "auc": metrics.auc(probability, labels),
        "f1": metrics.f1(counts),
        "f1_shown": _f1_shown(answers, labels),
        "f1_best": metrics.f1(metrics.confusion(probability, labels, metrics.best_thresholds(probability, labels))),
    }
    columns = {name: np.where(evidence, column, np.nan) for name, column in columns.items()}
    columns["ece"] = metrics.calibration_error(probability, labels, _ECE_BINS) + (0 if answers.calibrated else np.nan)
    columns["false_alarms"] = np.where(absent > 0, counts[:, metrics.FP] / np.maximum(absent, 1), np.nan)
    draws = np.where(evidence, _drawn_auc(probability, labels, people), np.nan)
    rows = tuple(
        AUScore(au, int(present[u]), int(absent[u]), auc_interval=_interval(draws[:, u]), **_at(columns, u))
        for u, au in enumerate(aus)
    )
    means = {name: _mean(columns, draws, evidence & np.isin(aus, list(group)), aus) for name, group in groups.items()}
    return Scores(rows, means)


def _at(columns: Mapping[str, F64], u: int) -> dict[str, float]:
    return {name: float(column[u]) for name, column in columns.items()}


def _f1_shown(answers: Answers, labels: I64) -> F64:
    if answers.shown is None:
        return np.full(labels.shape[1], np.nan)
    return metrics.f1(metrics.confusion(np.nan_to_num(answers.shown), labels, np.full(labels.shape[1], 0.5)))


def _mean(columns: Mapping[str, F64], draws: F64, kept: Bools, aus: Sequence[int]) -> Mean:
    of_draw = np.array([metrics.mean(row) for row in draws[:, kept]])
    values = {name: metrics.mean(columns[name][kept]) for name in ("auc", "f1", "f1_shown", "f1_best", "ece")}
    return Mean(
        tuple(au for au, keep in zip(aus, kept, strict=True) if keep), auc_interval=_interval(of_draw), **values
    )


def _drawn_auc(probability: F64, labels: I64, people: Sequence[str]) -> F64:
    """(_DRAWS, U): AUC of draws of as many people as there are, each with all faces; nan where a class is gone."""
    rng = np.random.default_rng(0)
    names = sorted(set(people))
    faces_of = [np.flatnonzero(np.array(people) == name) for name in names]
    draws = np.empty((_DRAWS, labels.shape[1]))
    for row in draws:
        faces = np.concatenate([faces_of[i] for i in rng.integers(len(names), size=len(names))])
        row[:] = metrics.auc(probability[faces], labels[faces])
    return draws


def _interval(values: F64) -> Interval:
    there = values[~np.isnan(values)]
    if len(there) < _DRAWS // 2:  # an AU that one person alone shows is gone from too many draws
        return float("nan"), float("nan")
    low, high = np.percentile(there, (2.5, 97.5))
    return float(low), float(high)
