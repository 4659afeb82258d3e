"""Intensity of an AU, 0 to 5, from the logit that is heard: a curve that only rises.

FACS grades an AU from A (trace) to E (maximum); here 1 to 5, and 0 where it is absent. The curve is fitted on rendered
people, whose intensities are known, by isotonic regression (pool adjacent violators), and made of a few knots.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, Floats
from knowledge_spreader.errors import DataError, ModelError

HIGHEST = 5.0  # E
KNOTS = 16
_LEAST_FRAMES = 50


@dataclass(frozen=True, slots=True)
class IntensityCurve:
    """Knots with straight lines between them, level beyond. Raises ModelError unless both sequences rise."""

    logits: tuple[float, ...]
    intensities: tuple[float, ...]  # 0 to 5

    def __post_init__(self) -> None:
        rising = all(np.all(np.diff(x) >= 0) for x in (self.logits, self.intensities))
        lowest, highest = min(self.intensities, default=0.0), max(self.intensities, default=0.0)
        whole = len(self.logits) == len(self.intensities) >= 2 and lowest >= 0 and highest <= HIGHEST
        if not (rising and whole):
            raise ModelError(
                f"an intensity curve needs 2 or more knots that rise, from 0 to {HIGHEST:g}; "
                f"got {self.logits} and {self.intensities}"
            )

    def __call__(self, logit: Floats) -> F64:
        """Logits -> intensities, of the same shape."""
        return np.interp(logit, self.logits, self.intensities)

    def shifted(self, by: float) -> "IntensityCurve":
        """The curve for logits that are higher by this much."""
        return IntensityCurve(tuple(x + by for x in self.logits), self.intensities)


def fit_curve(logit: F64, intensity: F64) -> IntensityCurve:
    """logit (T,) and true intensity (T,) 0 to 5. Raises DataError if there are too few frames."""
    if len(logit) < _LEAST_FRAMES or logit.shape != intensity.shape:
        raise DataError(f"an intensity curve needs {_LEAST_FRAMES} or more frames; got {logit.shape}")
    order = np.argsort(logit, kind="stable")
    middles, values = _steps(logit[order], intensity[order])
    if len(middles) == 1:  # it never rises
        middles, values = np.repeat(middles, 2), np.repeat(values, 2)
    wanted = np.linspace(values[0], values[-1], KNOTS)
    at = sorted({int(np.abs(values - value).argmin()) for value in wanted} | {0, len(values) - 1})
    return IntensityCurve(tuple(middles[at].tolist()), tuple(values[at].tolist()))


def _steps(logit: F64, intensity: F64) -> tuple[F64, F64]:
    """The steps of the isotonic regression of sorted data: mean logit and value of each."""
    steps: list[tuple[float, float, float]] = []  # frames, mean logit, mean intensity
    for x, y in zip(logit.tolist(), intensity.tolist(), strict=True):
        step = (1.0, x, y)
        while steps and steps[-1][2] >= step[2]:
            frames, before_x, before_y = steps.pop()
            total = frames + step[0]
            step = (
                total,
                (frames * before_x + step[0] * step[1]) / total,
                (frames * before_y + step[0] * step[2]) / total,
            )
        steps.append(step)
    table = np.array(steps)
    return table[:, 1], np.clip(table[:, 2], 0, HIGHEST)


@dataclass(frozen=True, slots=True)
class Agreement:
    """Of intensities with the true ones."""

    icc: float  # ICC(3,1): two-way mixed, single measure, consistency (Shrout & Fleiss 1979)
    mae: float  # mean absolute error, 0 to 5


def agreement(said: F64, true: F64) -> Agreement:
    """said (T,), true (T,); T >= 2."""
    both = np.column_stack([said, true])
    n, k = both.shape
    rows, columns = both.mean(1, keepdims=True), both.mean(0, keepdims=True)
    between = k * float(((rows - both.mean()) ** 2).sum()) / (n - 1)
    rest = float(((both - rows - columns + both.mean()) ** 2).sum()) / ((n - 1) * (k - 1))
    icc = (between - rest) / (between + (k - 1) * rest) if between + rest > 0 else float("nan")
    return Agreement(icc, float(np.abs(said - true).mean()))


def out_of_fold(logit: F64, intensity: F64, fold: Sequence[int] | np.ndarray) -> F64:
    """(T,) intensities, each frame's from a curve that was fitted without its fold."""
    folds = np.asarray(fold)
    said = np.zeros(len(logit))
    for k in np.unique(folds):
        said[folds == k] = fit_curve(logit[folds != k], intensity[folds != k])(logit[folds == k])
    return said
