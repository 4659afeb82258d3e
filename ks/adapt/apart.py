"""Which labels are kept apart, and how labels are divided to see how well heads do on what they have not seen.

Audit: a fifth of the time of every recording, chosen by its name and the second, so that it is the same part for ever,
however many labels come later. A head never learns from it.

Cross-validation divides by what the model is for:

    these   the other frames of these recordings     stretches as long as frames without a label are far from one
    people  new recordings of the same people        recordings
    anyone  people that are not in the recordings    people
"""

import zlib
from collections.abc import Sequence

import numpy as np

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F64, I64, Bools

THESE, PEOPLE, ANYONE = "these", "people", "anyone"
GOALS = (THESE, PEOPLE, ANYONE)
FOLDS = 5
_AUDIT_ONE_OF = 5
_SHORTEST_S, _LONGEST_S = 0.1, 5.0  # of a stretch
_FAR = 4  # a label in the middle of a stretch is a quarter of it from the others, on average


def audited(names: Sequence[str], faces: Faces) -> Bools:
    """(T,) the faces that are kept apart. names: of the recordings."""
    seconds = np.floor(np.maximum(faces.time_s, 0)).astype(int)
    found = np.zeros(len(faces), np.bool_)
    for recording in np.unique(faces.recording):
        mine = faces.recording == recording
        of = {s: in_audit(names[recording], float(s)) for s in np.unique(seconds[mine]).tolist()}
        found[mine] = [of[s] for s in seconds[mine].tolist()]
    return found


def in_audit(name: str, time_s: float) -> bool:
    """Whether this second of the recording of this name is kept apart."""
    return zlib.crc32(f"{name}\n{int(max(time_s, 0))}".encode()) % _AUDIT_ONE_OF == 0


def groups(faces: Faces, goal: str, labelled: Bools) -> I64:
    """(T,) what may not be divided between learning and testing, for this goal. labelled (T,): faces with labels."""
    if goal == ANYONE:
        return np.unique(faces.person, return_inverse=True)[1].astype(np.int64)
    if goal == PEOPLE:
        return faces.recording.astype(np.int64)
    return stretches(faces, float(np.clip(_FAR * _distance_s(faces, labelled), _SHORTEST_S, _LONGEST_S)))


def stretches(faces: Faces, length_s: float) -> I64:
    """(T,) the stretch of its recording in which each face lies."""
    at: F64 = np.floor(faces.time_s / length_s)
    return np.unique(np.column_stack([faces.recording, at]), axis=0, return_inverse=True)[1].reshape(-1)


def _distance_s(faces: Faces, labelled: Bools) -> float:
    """Median of the time from a frame without a label to the nearest one with, in recordings that have some."""
    found: list[F64] = []
    for recording in np.unique(faces.recording[labelled]).tolist():
        mine = faces.recording == recording
        times, others = np.sort(faces.time_s[mine & labelled]), faces.time_s[mine & ~labelled]
        after = np.clip(np.searchsorted(times, others), 0, len(times) - 1)
        before = np.maximum(after - 1, 0)
        found.append(np.minimum(np.abs(times[after] - others), np.abs(times[before] - others)))
    every = np.concatenate(found) if found else np.zeros(0)
    return float(np.median(every)) if len(every) else _LONGEST_S


def folds(group: I64, labelled: Bools) -> I64:
    """(T,) 0 ... FOLDS - 1: the groups with a label, dealt at random but always alike. Fewer groups, fewer folds."""
    mine = np.unique(group[labelled])
    fold = np.full(int(group.max()) + 1 if len(group) else 1, -1, np.int64)
    fold[mine] = np.random.default_rng(0).permutation(len(mine)) % FOLDS
    return np.asarray(fold[group])
