"""Scores of a set of answers on coded faces: AUC, F1 and others for each AU, with intervals over people.

T faces, U AUs. Faces without an answer (nan) and unsure codes are left out. An AU has evidence if at least
MIN_EVIDENCE faces show it and as many do not; other AUs get no AUC and no F1 and are in no mean. False alarms are
counted wherever an AU is absent.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, I64, Bools
from knowledge_spreader.benchmarks.real_faces.bootstrap import Interval, draw, drawn_auc, interval
from knowledge_spreader.benchmarks.real_faces.coded import UNSURE

MIN_EVIDENCE = 3
HELD_OUT = (1, 2, 4, 5, 6, 10, 12, 15, 17, 25, 26, 43)  # AUs coded in the other sets of clips
_ECE_BINS = 10


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """One method's answers for the T coded faces and the U AUs of the table."""

    score: F64  # (T, U) 0 to 1; nan: no answer
    cut: F64  # (U,) threshold from which an AU counts as present
    shown: F64 | None = None  # (T, U) 1 or 0 after the pipeline's hysteresis; nan: no answer
    calibrated: bool = True  # whether scores are meant as probabilities


@dataclass(frozen=True, slots=True)
class AUScore:
    """The scores of one AU; nan where a score cannot be computed."""

    au: int
    present: int  # faces with an answer
    absent: int
    auc: float
    auc_interval: Interval
    f1: float  # at the threshold
    f1_shown: float  # after the pipeline's hysteresis
    f1_best: float  # at the threshold that is best on these same faces: an upper bound, not a result
    ece: float
    false_alarms: float  # share of the faces without the AU that reach the threshold


@dataclass(frozen=True, slots=True)
class Mean:
    """Means over the AUs of a group that have evidence; false alarms over all AUs of the group that are coded."""

    aus: tuple[int, ...]
    auc: float
    auc_interval: Interval
    f1: float
    f1_shown: float
    f1_best: float
    ece: float
    false_alarms: float


@dataclass(frozen=True, slots=True)
class Scores:
    """All scores of one set of answers."""

    aus: tuple[AUScore, ...]
    means: Mapping[str, Mean]


def score(
    answers: Answers,
    labels: I64,
    aus: Sequence[int],
    people: Sequence[str],
    groups: Mapping[str, Collection[int]],
) -> Scores:
    """Scores of the answers for each AU, and their means over each group of AUs.

    labels: (T, U) 1, 0 or UNSURE. people: (T,) who each face is; the intervals draw people, not faces.
    """
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
    draws = np.where(evidence, drawn_auc(probability, labels, draw(people)), np.nan)
    rows = tuple(
        AUScore(au, int(present[u]), int(absent[u]), auc_interval=interval(draws[:, u]), **_at(columns, u))
        for u, au in enumerate(aus)
    )
    means = {name: _mean(columns, draws, evidence, np.isin(aus, list(group)), aus) for name, group in groups.items()}
    return Scores(rows, means)


def _at(columns: Mapping[str, F64], u: int) -> dict[str, float]:
    return {name: float(column[u]) for name, column in columns.items()}


def _f1_shown(answers: Answers, labels: I64) -> F64:
    if answers.shown is None:
        return np.full(labels.shape[1], np.nan)
    return metrics.f1(metrics.confusion(np.nan_to_num(answers.shown), labels, np.full(labels.shape[1], 0.5)))


def _mean(columns: Mapping[str, F64], draws: F64, evidence: Bools, group: Bools, aus: Sequence[int]) -> Mean:
    kept = evidence & group
    of_draw = np.array([metrics.mean(row) for row in draws[:, kept]])
    values = {name: metrics.mean(columns[name][kept]) for name in ("auc", "f1", "f1_shown", "f1_best", "ece")}
    return Mean(
        tuple(au for au, keep in zip(aus, kept, strict=True) if keep),
        auc_interval=interval(of_draw),
        false_alarms=metrics.mean(columns["false_alarms"][group]),
        **values,
    )
