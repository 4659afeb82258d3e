"""Onsets of one AU in one clip: the true ones, those of the pipeline, and which belong together.

    true onset    the first frame labelled present after a frame labelled absent; frames between them may be unknown.
                  `ks-synth` calls an AU present from 15 % above the intensity at which it can be seen. An onset counts
                  if the AU was absent for SEEN_S before, if it was unknown for at most BLANK_S (longer, something hid
                  it), and if the pipeline answered all the while: which faces get no answer is another question.
    found         an onset of the pipeline from EARLY_S before to LATE_S after it belongs to the nearest true onset.
                  Of several the first is taken; one that ended again before the true onset is none.
    on before     the AU was on already, for more than EARLY_S or since the first answer for this face
    false         an onset of the pipeline, taken by no true one, in a frame labelled absent

A clip starts without a past, so nothing is counted in its first SEEN_S.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, I8, Bools

SEEN_S, BLANK_S, EARLY_S, LATE_S = 0.2, 0.2, 0.4, 1.0
_ABOUT = 1e-3  # time stamps are rounded to ms


@dataclass(frozen=True, slots=True)
class Rise:
    """A true onset."""

    time_s: float
    blank_s: float  # for how long the AU was unknown before
    counts: bool


@dataclass(slots=True)
class Shown:
    """An AU that the pipeline shows, from its onset."""

    onset_s: float
    end_s: float = math.inf
    from_start: bool = False  # since the first answer for its face: that is no onset


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a true onset that counts."""

    blank_ms: float
    lag_ms: float | None = None  # None: not found
    on_before: bool = False


def rises(times_s: F64, labels: I8, answered: Bools) -> list[Rise]:
    """The true onsets. times_s, labels, answered: (T,) of each frame; 1 present, 0 absent, below 0 unknown."""
    found = []
    absent = blank = None  # where the last run of absence began, and the unknown frames after it
    for i, label in enumerate(labels):
        if label == 0:
            absent, blank = (i if absent is None or blank is not None else absent), None
        elif label < 0:
            blank = i if blank is None else blank
        else:
            if absent is not None:
                left = i if blank is None else blank
                seen_s, blank_s = times_s[left] - times_s[absent], float(times_s[i] - times_s[left])
                clear = seen_s >= SEEN_S - _ABOUT and blank_s <= BLANK_S + _ABOUT
                before = times_s[: i + 1] >= times_s[left] - SEEN_S - _ABOUT
                counts = bool(clear and answered[: i + 1][before].all())
                found.append(Rise(float(times_s[i]), blank_s, counts))
            absent = blank = None
    return found


def outcomes(true: Sequence[Rise], shown: Sequence[Shown]) -> tuple[list[Outcome], list[Shown]]:
    """The outcome of each true onset that counts, and the onsets of the pipeline that no true one took."""
    told, free = [], [event for event in shown if not event.from_start]
    for rise in true:
        lasting = [event for event in shown if event.end_s > rise.time_s + _ABOUT]
        near = [event for event in lasting if event in free and _belongs(event, rise, true)]
        early = [event for event in lasting if event.onset_s <= rise.time_s + _ABOUT]
        before = any(event.from_start or event.onset_s < rise.time_s - EARLY_S - _ABOUT for event in early)
        taken = min(near, key=lambda event: event.onset_s) if near and not before else None
        if taken is not None:
            free.remove(taken)
        if rise.counts:
            lag_ms = None if taken is None else round(1000 * (taken.onset_s - rise.time_s), 1)
            told.append(Outcome(round(1000 * rise.blank_s, 1), lag_ms, before))
    return told, free


def _belongs(event: Shown, rise: Rise, true: Sequence[Rise]) -> bool:
    nearest = min(true, key=lambda other: abs(other.time_s - event.onset_s))
    return nearest is rise and -EARLY_S - _ABOUT <= event.onset_s - rise.time_s <= LATE_S + _ABOUT


def false_onsets(free: Sequence[Shown], times_s: F64, labels: I8) -> int:
    """How many of these onsets are false. times_s, labels: (T,)."""
    frames = np.array([abs(times_s - event.onset_s).argmin() for event in free], np.int64)
    return int(np.count_nonzero((labels[frames] == 0) & counted(times_s)[frames]))


def counted(times_s: F64) -> Bools:
    """(T,) the frames in which a false onset counts."""
    return np.asarray(times_s >= SEEN_S - _ABOUT, np.bool_)
