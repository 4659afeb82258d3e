"""Which labels are kept apart, and how labels are divided to see how well heads do on what they have not seen.

Audit: a fifth of the time of every recording, chosen by its name and the second, so that it is the same part for ever,
however many labels come later. A head never learns from it.

Cross-validation divides by what the model is for:

    these   the other frames of these recordings     stretches of half a second
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
_STRETCH_S = 0.5


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


def groups(faces: Faces, goal: str) -> I64:
    """(T,) what may not be divided between learning and testing, for this goal."""
    if goal == ANYONE:
        return np.unique(faces.person, return_inverse=True)[1].astype(np.int64)
    if goal == PEOPLE:
        return faces.recording.astype(np.int64)
    stretch: F64 = np.floor(faces.time_s / _STRETCH_S)
    return np.unique(np.column_stack([faces.recording, stretch]), axis=0, return_inverse=True)[1].reshape(-1)


def folds(group: I64, labelled: Bools) -> I64:
    """(T,) 0 ... FOLDS - 1: the groups with a label, dealt at random but always alike. Fewer groups, fewer folds."""
    mine = np.unique(group[labelled])
    fold = np.full(int(group.max()) + 1 if len(group) else 1, -1, np.int64)
    fold[mine] = np.random.default_rng(0).permutation(len(mine)) % FOLDS
    return np.asarray(fold[group])
