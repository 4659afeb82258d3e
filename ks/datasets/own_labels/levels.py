"""Puts levels (A to E) and sides on the frames of a recording, for what on_frames says is present."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F64, I8, I64
from knowledge_spreader.datasets.own_labels.frames_of import Target, positions
from knowledge_spreader.datasets.own_labels.on_frames import during
from knowledge_spreader.datasets.own_labels.recordings import sheets_of
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, Events, OwnLabels, Rows, Sheet

LEFT, RIGHT = 1, 2
_BOTH = 4  # present, and no side was told
_MORE = 6  # than any level


class OnFrames(NamedTuple):
    levels: I8  # (T, U) 1 to 5; 0: not told
    sides: I8  # (T, U) LEFT, RIGHT, 0: not told, or both


class _Piece(NamedTuple):
    """What is told of an AU that is present, at some frames."""

    at: I64  # positions
    column: int  # of the AU
    levels: I8  # 0: not told
    sides: I8


def levels_on_frames(
    labels: OwnLabels,
    recording: Path,
    frames: I64,
    times_s: F64,
    aus: Sequence[int],
    face: int,
    notes: list[str] | None = None,
) -> OnFrames:
    """Of labels that were read with levels. Arguments and errors as of on_frames.

    Of several labels of one frame that tell different levels none is taken, and a note counts them. One of the left
    side and one of the right, or one of no side, are of both sides.
    """
    target = Target(recording, frames, times_s)
    lowest = np.full((len(frames), len(aus)), _MORE, np.int8)
    highest, sides = np.zeros_like(lowest), np.zeros_like(lowest)
    for sheet in sheets_of(labels.recordings, labels.sheets, recording) if len(frames) else ():
        says = sheet.says
        if isinstance(says, Rows):
            pieces = _of_rows(target, sheet, says, aus, face, [] if notes is None else notes)
        else:
            pieces = _of_events(target, says, aus, face)
        for at, column, level, side in pieces:
            np.minimum.at(lowest[:, column], at, np.where(level > 0, level, _MORE).astype(np.int8))
            np.maximum.at(highest[:, column], at, level)
            np.bitwise_or.at(sides[:, column], at, np.where(side > 0, side, _BOTH).astype(np.int8))
    differ = (highest > 0) & (lowest != highest)
    if notes is not None and differ.any():
        t, u = np.argwhere(differ)[0]
        which = f"first AU{aus[u]} of frame {frames[t]}"
        notes.append(f"{recording}: labels with different levels, present without one: {differ.sum()}, {which}")
    one_sided = (sides == LEFT) | (sides == RIGHT)
    return OnFrames(np.where(differ, 0, highest).astype(np.int8), np.where(one_sided, sides, 0).astype(np.int8))


def _of_rows(
    target: Target, sheet: Sheet, rows: Rows, aus: Sequence[int], face: int, notes: list[str]
) -> Iterator[_Piece]:
    if rows.levels is None and rows.sides is None:
        return
    at = positions(target, sheet, rows)
    here = (at >= 0) & (rows.faces == face)
    if rows.levels is not None:
        present, level = rows.values[here], rows.levels[here]
        if other := np.count_nonzero(((present == 1) & (level == 0)) | ((present == 0) & (level > 0))):
            notes.append(f"{sheet.file}: levels that contradict the presence beside them, and are not used: {other}")
    for u, au in enumerate(rows.aus):
        if au in aus:
            kept = np.flatnonzero(here & (rows.values[:, u] == 1))
            none = np.zeros(len(kept), np.int8)
            levels = none if rows.levels is None else np.maximum(rows.levels[kept, u], 0)
            sides = none if rows.sides is None else rows.sides[kept, u]
            yield _Piece(at[kept], list(aus).index(au), levels, sides)


def _of_events(target: Target, events: Events, aus: Sequence[int], face: int) -> Iterator[_Piece]:
    for span in events.spans:
        if span.value == 1 and span.au in aus and face == (NO_FACE_NAMED if span.face is None else span.face):
            where = during(target, span)
            at = np.arange(where.start, where.stop)
            level, side = (np.full(len(at), value, np.int8) for value in (span.level, " LR".index(span.side or " ")))
            yield _Piece(at, list(aus).index(span.au), level, side)
