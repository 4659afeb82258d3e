"""Cross-validated scores of a calibration: each fold of subjects is scored with a calibration fitted on the others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.calibration.platt_scaling import Calibration, brier, f1_thresholds, fit
from knowledge_spreader.metrics import Labels

_FOLDS = 5  # of subjects


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """Scores before and after calibration, (U,) each; "after" is cross-validated over subjects."""

    ece_before: F64
    ece_after: F64
    brier_before: F64
    brier_after: F64
    f1_before: F64  # at 0.5
    f1_after: F64  # at the chosen thresholds


def score(logits: Floats, labels: Labels, people: npt.NDArray[np.str_], bias: bool, rates: F64 | None = None) -> Scores:
    """Scores before and after calibration. logits and labels (T, U); people (T,): subjects; rates as in f1_thresholds.

    With a single subject, "after" is measured on the frames that the calibration was fitted on.
    """
    u = labels.shape[1]
    names = np.unique(people)
    part = np.arange(len(names)) % _FOLDS if len(names) > 1 else np.zeros(len(names), int)
    of_frame = part[np.searchsorted(names, people)]
    after, said = np.zeros(labels.shape), np.zeros(labels.shape)
    for k in np.unique(part):
        mine = of_frame == k
        others = ~mine if len(names) > 1 else mine
        found = fit(logits[others], labels[others], bias)
        after[mine] = found.probability(logits[mine])
        said[mine] = after[mine] >= f1_thresholds(found.probability(logits[others]), labels[others], rates)
    before, half = Calibration(np.ones(u), np.zeros(u)).probability(logits), np.full(u, 0.5)
    return Scores(
        ece_before=metrics.calibration_error(before, labels),
        ece_after=metrics.calibration_error(after, labels),
        brier_before=brier(before, labels),
        brier_after=brier(after, labels),
        f1_before=metrics.f1(metrics.confusion(before, labels, half)),
        f1_after=metrics.f1(metrics.confusion(said, labels, half)),
    )
