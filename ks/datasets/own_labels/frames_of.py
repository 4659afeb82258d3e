"""Where in a recording a label lies: from the number of a frame, or from a time."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F64, I64, Bools
from knowledge_spreader.datasets.manifest import RATE_TOLERANCE
from knowledge_spreader.datasets.own_labels.types import NO_FRAME, Rows, Sheet
from knowledge_spreader.errors import DataError
from knowledge_spreader.frame_reader import picture_numbers
from knowledge_spreader.spec import UNKNOWN

ROUNDED_S = 0.0006  # files round times to milliseconds, so a frame may seem to come half of one before an onset


@dataclass(frozen=True, slots=True, eq=False)
class Target:
    """The frames of a recording, T > 0 of them. Position t is frame frames[t], shown at times_s[t]."""

    recording: Path
    frames: I64  # (T,) increasing
    times_s: F64  # (T,) increasing

    def __post_init__(self) -> None:
        if self.frames.shape != self.times_s.shape or self.frames.ndim != 1:
            shapes = f"{self.frames.shape} and {self.times_s.shape}"
            raise DataError(f"{self.recording}: frames (T,) and times_s (T,) must agree; got {shapes}")

    @property
    def step_s(self) -> float:
        """The usual time between two frames."""
        return float(np.median(np.diff(self.times_s))) if len(self.times_s) > 1 else 0.0

    def nearest(self, times_s: F64) -> I64:
        """The position of the frame nearest to each time, of the earlier one if two are as near."""
        after = np.minimum(np.searchsorted(self.times_s, times_s), len(self.times_s) - 1)
        before = np.maximum(after - 1, 0)
        return np.where(times_s - self.times_s[before] <= self.times_s[after] - times_s, before, after)

    def during(self, begin_s: float, end_s: float) -> slice:
        """The positions of the frames that are shown from begin_s until just before end_s."""
        first, last = np.searchsorted(self.times_s, (begin_s - ROUNDED_S, end_s - ROUNDED_S))
        return slice(int(first), int(last))

    def refuse_later(self, time_s: float, where: str) -> None:
        """Raises DataError if a time lies beyond the last frame."""
        late_s = time_s - self.times_s[-1]
        if late_s > 0 and late_s > 2 * self.step_s + ROUNDED_S:
            self.refuse(where, f"{time_s:.3f} s")

    def refuse(self, where: str, what: str) -> None:
        raise DataError(
            f"{where}: {what} is beyond {self.recording}, which ends with frame {self.frames[-1]} at "
            f"{self.times_s[-1]:.3f} s; give the recording that was coded"
        )


def positions(target: Target, sheet: Sheet, rows: Rows) -> I64:
    """(R,): for each row the position of its frame; -1: the recording does not have it, or shows no frame then.

    A row without a known label may lie anywhere. Raises DataError, with the line, if a label lies beyond the recording,
    and if the table's times run at another rate.
    """
    labelled = _labelled(rows)
    if not len(rows.frames) or rows.frames[0] == NO_FRAME:
        return _from_times(target, sheet, rows, labelled)
    numbers = rows.frames
    if target.recording.is_dir() and not rows.in_names:
        of_pictures = picture_numbers(target.recording)
        inside = numbers < len(of_pictures)
        numbers = np.where(inside, of_pictures[np.where(inside, numbers, 0)], target.frames[-1] + 1)
    late = np.flatnonzero(labelled & (numbers > target.frames[-1]))
    if len(late):
        target.refuse(sheet.where(int(rows.lines[late[0]])), f"frame {rows.frames[late[0]]} (from 0)")
    at = np.minimum(np.searchsorted(target.frames, numbers), len(target.frames) - 1)
    at = np.where(target.frames[at] == numbers, at, -1)
    _check_rate(target, sheet, at, rows.times_s)
    return at


def _labelled(rows: Rows) -> Bools:
    return np.asarray((rows.values != UNKNOWN).any(axis=1), bool)


def _from_times(target: Target, sheet: Sheet, rows: Rows, labelled: Bools) -> I64:
    for row in np.flatnonzero(labelled & (rows.times_s > target.times_s[-1]))[-1:]:
        target.refuse_later(float(rows.times_s[row]), sheet.where(int(rows.lines[row])))
    at = target.nearest(rows.times_s)
    near = np.abs(target.times_s[at] - rows.times_s) <= max(target.step_s, ROUNDED_S)
    return np.where(near, at, -1)


def _check_rate(target: Target, sheet: Sheet, at: I64, times_s: F64) -> None:
    """Frame 300 of a copy at another frame rate is another frame."""
    timed = np.flatnonzero((at >= 0) & np.isfinite(times_s))
    if len(timed) < 2:
        return
    first, last = timed[0], timed[-1]
    theirs, ours = times_s[last] - times_s[first], target.times_s[at[last]] - target.times_s[at[first]]
    if theirs > 0 and abs(theirs - ours) > max(RATE_TOLERANCE * ours, 2 * target.step_s):
        raise DataError(
            f"{sheet.file}: its frames last {theirs:.2f} s, but the same ones of {target.recording} {ours:.2f} s, so "
            "it was made from a copy at another frame rate; code this recording, or drop the column frame"
        )
