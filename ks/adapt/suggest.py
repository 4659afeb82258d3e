"""Which frames to label: what the paper does first, then what teaches most, and some kept apart.

apart     one in five, at random, in the seconds that are kept apart (apart.py): the honest figure comes from them
spread    one per recording, people in turn, at another part of each recording
unsure    half of the rest: frames on which the model's AUs are least sure
random    the other half: eight methods of active learning did not beat random frames from a cold start (Werner et
          al. 2023, arXiv 2307.02744)
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from knowledge_spreader.adapt.apart import audited
from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F64, I64, Bools, Floats, sigmoid
from knowledge_spreader.errors import DataError

APART_SHARE = 0.2
_ALL = math.nextafter(1, 0)  # 100 %: 1 is one frame
_LEAST_S = 0.5  # between two frames of one recording
_GOLDEN = 0.618034  # successive multiples lie evenly between 0 and 1


class Suggestion(NamedTuple):
    row: int  # of the faces
    why: str  # apart, spread, unsure or random


def read_budget(text: str) -> float:
    """'2%' -> .02, a share of the frames; '120' -> 120, a number of them. Raises DataError."""
    try:
        value = float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        value = -1.0
    share = text.endswith("%")
    if not 0 < value < math.inf or (share and value > 1) or (not share and value != int(value)):
        raise DataError(f"wanted a share such as 2% or a number of frames such as 120; got {text!r:.40}")
    return min(value, _ALL) if share else value


def suggest(
    faces: Faces, names: Sequence[str], logits: Floats, labelled: Bools, budget: int, seed: int = 0
) -> list[Suggestion]:
    """The next `budget` frames, by recording and frame. logits (T, U); labelled (T,): frames that have labels."""
    rng = np.random.default_rng(seed)
    apart, usable = audited(names, faces), faces.widest() & ~labelled
    taken = _Taken(faces, np.flatnonzero(labelled))
    chosen: list[Suggestion] = []

    def take(rows: I64, count: int, why: str) -> None:
        for row in rows.tolist():
            if count <= 0:
                return
            if taken.add(row):
                chosen.append(Suggestion(row, why))
                count -= 1

    here = np.flatnonzero(usable & apart)
    take(rng.permutation(here), min(round(APART_SHARE * budget), budget), "apart")
    learn_from = np.flatnonzero(usable & ~apart)
    new = [r for r in range(len(names)) if not labelled[faces.recording == r].any()]
    for rows in _one_each(faces, learn_from, new, rng):
        take(rows, min(1, budget - len(chosen)), "spread")
    unsure = learn_from[np.argsort(-_doubt(logits[learn_from]), kind="stable")]
    take(unsure, (budget - len(chosen)) // 2, "unsure")
    take(rng.permutation(learn_from), budget - len(chosen), "random")
    return sorted(chosen, key=lambda one: one.row)


def _one_each(faces: Faces, rows: I64, recordings: Sequence[int], rng: np.random.Generator) -> list[I64]:
    """The rows of each of these recordings, people in turn; the one to take first lies at another part of each."""
    of_person: dict[str, list[I64]] = {}
    start = float(rng.random())
    for i, recording in enumerate(recordings):
        mine = rows[faces.recording[rows] == recording]
        if len(mine):
            at = int((start + i * _GOLDEN) % 1 * len(mine))
            of_person.setdefault(str(faces.person[mine[0]]), []).append(np.roll(mine, -at))
    turns = max(map(len, of_person.values()), default=0)
    return [of[i] for i in range(turns) for of in of_person.values() if i < len(of)]


def _doubt(logits: Floats) -> F64:
    """(n,) mean entropy of the AUs' probabilities."""
    p = np.clip(sigmoid(np.nan_to_num(np.asarray(logits, np.float64))), 1e-6, 1 - 1e-6)
    return np.asarray(-(p * np.log(p) + (1 - p) * np.log(1 - p)).mean(axis=1))


class _Taken:
    """Frames that are labelled or chosen; others must be _LEAST_S away."""

    def __init__(self, faces: Faces, rows: I64) -> None:
        self._faces = faces
        self._times: dict[int, list[float]] = {}
        for row in rows.tolist():
            self._times.setdefault(int(faces.recording[row]), []).append(float(faces.time_s[row]))

    def add(self, row: int) -> bool:
        """False if the frame is too near to another."""
        times = self._times.setdefault(int(self._faces.recording[row]), [])
        time_s = float(self._faces.time_s[row])
        if any(abs(time_s - other) < _LEAST_S for other in times):
            return False
        times.append(time_s)
        return True
