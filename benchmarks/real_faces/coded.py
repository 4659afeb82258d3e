"""A face that was coded by eye, and which of the detected faces it is."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import I64
from knowledge_spreader.face.detector import Box, box_width

UNSURE = -1
_REACH = 0.5  # how far a coded centre may lie from the detected one, in widths of the face


@dataclass(frozen=True, slots=True)
class CodedFace:
    """One row of a table of labels."""

    file: str
    frame: int  # index of the decoded frame, from 0; 0 for a still
    face: int  # from 0, counted from the left
    person: str
    at_px: tuple[float, float] | None  # the face's centre, if the row has it
    codes: tuple[int, ...]  # 1, 0 or UNSURE, in the order of CodedFaces.aus


@dataclass(frozen=True, slots=True)
class CodedFaces:
    """All rows of a table of labels."""

    aus: tuple[int, ...]
    faces: tuple[CodedFace, ...]

    @property
    def labels(self) -> I64:
        """(T, U) 1, 0 or UNSURE, for faces x AUs."""
        return np.array([face.codes for face in self.faces], np.int64).reshape(len(self.faces), len(self.aus))

    @property
    def files(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(face.file for face in self.faces))

    def labels_of(self, aus: Sequence[int]) -> I64:
        """(T, len(aus)) as `labels`; UNSURE for an AU that the table does not have."""
        labels, found = self.labels, np.full((len(self.faces), len(aus)), UNSURE, np.int64)
        for u, au in enumerate(aus):
            if au in self.aus:
                found[:, u] = labels[:, self.aus.index(au)]
        return found


def pick(coded: CodedFace, boxes: Sequence[Box], *, alone: bool) -> int | None:
    """The index of the detected box that is the coded face, or None.

    With a known centre it is the nearest box. Otherwise it is the widest box if the face is alone in its frame's rows,
    else the n-th from the left.
    """
    if not boxes:
        return None
    if coded.at_px is not None:
        apart = [_apart(box, coded.at_px) for box in boxes]
        nearest = int(np.argmin(apart))
        return nearest if apart[nearest] <= _REACH else None
    if alone:
        return max(range(len(boxes)), key=lambda i: box_width(boxes[i]))
    from_left = sorted(range(len(boxes)), key=lambda i: boxes[i][0] + boxes[i][2])
    return from_left[coded.face] if coded.face < len(from_left) else None


def _apart(box: Box, at_px: tuple[float, float]) -> float:
    """Distance of a point from a box's centre, in box widths."""
    x, y = (box[0] + box[2]) / 2 - at_px[0], (box[1] + box[3]) / 2 - at_px[1]
    return math.hypot(x, y) / max(box_width(box), 1e-6)
