"""Puts labels on the frames of a recording: present, absent or unknown for each frame and AU."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.arrays import F64, I8, I32, I64
from knowledge_spreader.datasets.own_labels.frames_of import Target, positions
from knowledge_spreader.datasets.own_labels.recordings import sheets_of
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, Events, OwnLabel, OwnLabels, Rows, Sheet
from knowledge_spreader.spec import UNKNOWN


def on_frames(
    labels: OwnLabels,
    recording: Path,
    frames: I64,
    times_s: F64,
    aus: Sequence[int],
    face: int | None = None,
    notes: list[str] | None = None,
) -> I8:
    """(T, U): 1 present, 0 absent, UNKNOWN for each frame of a recording and each of aus.

    frames (T,): of a video the index from 0, of a folder the number in the picture's name; increasing, the last one of
    the recording among them. times_s (T,): from where players start, increasing.
    face: labels of this face id alone; NO_FACE_NAMED: those that name no face. None: both, and of several faces what
    all agree on.
    notes: takes one line for each kind of label that is not used.

    Where coders or files contradict each other, the label is unknown. Raises DataError, which names the place, if
    labels lie beyond the recording, if their times run at another rate, and if a name may mean two recordings.
    """
    target = Target(recording, frames, times_s)
    said = [] if notes is None else notes
    present = np.zeros((len(frames), len(aus)), bool)
    absent = np.zeros_like(present)
    for sheet in sheets_of(labels.recordings, labels.sheets, recording) if len(frames) else ():
        if isinstance(sheet.says, Rows):
            layer = _of_rows(target, sheet, sheet.says, aus, face, said)
        else:
            layer = _of_events(target, sheet, sheet.says, aus, face, said)
        present |= layer == 1
        absent |= layer == 0
    both = present & absent
    if both.any():
        t, u = np.argwhere(both)[0]
        which = f"first AU{aus[u]} of frame {frames[t]}"
        count = np.count_nonzero(both)
        said.append(f"{recording}: labels that contradict each other and are unknown: {count}, {which}")
    return np.where(present == absent, UNKNOWN, present).astype(np.int8)


def faces_named(labels: OwnLabels, recording: Path) -> tuple[int, ...]:
    """Ids of the faces that the labels of a recording name; () if they name none, so that the widest is meant."""
    found: set[int] = set()
    for sheet in sheets_of(labels.recordings, labels.sheets, recording):
        says = sheet.says
        found |= set(np.unique(says.faces).tolist()) if isinstance(says, Rows) else {face for _, face in says.tiers}
    return tuple(sorted(found - {NO_FACE_NAMED}))


def _of_rows(target: Target, sheet: Sheet, rows: Rows, aus: Sequence[int], face: int | None, notes: list[str]) -> I8:
    """(T, U): what the rows of a table say."""
    layer = _nothing(target, aus)
    at = positions(target, sheet, rows)
    lost = np.count_nonzero((at < 0) & (rows.values != UNKNOWN).any(axis=1))
    if lost:
        notes.append(f"{sheet.file}: labelled rows of no frame of {target.recording}: {lost}")
    kept = np.flatnonzero((at >= 0) if face is None else (at >= 0) & (rows.faces == face))
    columns = {au: column for column, au in enumerate(rows.aus)}
    to = [u for u, au in enumerate(aus) if au in columns]
    if to and len(kept):
        values = rows.values[kept][:, [columns[aus[u]] for u in to]]
        where, values = _one_per_frame(sheet, at[kept], rows.faces[kept], values, notes)
        layer[where[:, None], to] = values
    return layer


def _one_per_frame(sheet: Sheet, at: I64, faces: I32, values: I8, notes: list[str]) -> tuple[I64, I8]:
    """Rows of a frame made one: of a face what is not contradicted, of several faces what all agree on."""
    order = np.lexsort((faces, at))
    at, faces, values = at[order], faces[order], values[order]
    starts = _starts(at, faces)
    if len(starts) < len(at):
        present = np.logical_or.reduceat(values == 1, starts, axis=0)
        absent = np.logical_or.reduceat(values == 0, starts, axis=0)
        if twice := np.count_nonzero(present & absent):
            notes.append(f"{sheet.file}: labels at times of the same frame that differ and are unknown: {twice}")
        values = np.where(present == absent, UNKNOWN, present).astype(np.int8)
        at, faces = at[starts], faces[starts]
    starts = _starts(at)
    if len(starts) < len(at):
        lowest, highest = np.minimum.reduceat(values, starts, axis=0), np.maximum.reduceat(values, starts, axis=0)
        values, at = np.where(lowest == highest, lowest, UNKNOWN).astype(np.int8), at[starts]
        notes.append(_several(sheet))
    return at, values


def _of_events(
    target: Target, sheet: Sheet, events: Events, aus: Sequence[int], face: int | None, notes: list[str]
) -> I8:
    """(T, U): present in spans, absent elsewhere where the recording was coded."""
    coded = np.zeros(len(target.frames), bool)
    for begin, end in events.coded_s:
        coded[target.during(begin, end)] = True
    faces = sorted({face for _, face in events.tiers}) if face is None else [face]
    layers = [_nothing(target, aus) for _ in faces]
    for layer, of_face in zip(layers, faces, strict=True):
        for u, au in enumerate(aus):
            if (au, of_face) in events.tiers:
                layer[coded, u] = 0
        for span in sorted(events.spans, key=lambda span: span.value == UNKNOWN):  # not scorable wins
            if span.au in aus and of_face == (NO_FACE_NAMED if span.face is None else span.face):
                layer[during(target, span), list(aus).index(span.au)] = span.value
    if len(faces) > 1:
        notes.append(_several(sheet))
    for layer in layers[1:]:
        layers[0][layers[0] != layer] = UNKNOWN
    return layers[0] if layers else _nothing(target, aus)


def during(target: Target, span: OwnLabel) -> slice:
    """The positions of a span; of a point, or a span between two frames, the nearest."""
    assert span.span_s is not None
    begin, end = span.span_s
    target.refuse_later(begin, span.where)
    found = target.during(begin, end)
    if found.start < found.stop:
        return found
    nearest = int(target.nearest(np.array([(begin + end) / 2]))[0])
    return slice(nearest, nearest + 1)


def _nothing(target: Target, aus: Sequence[int]) -> I8:
    return np.full((len(target.frames), len(aus)), UNKNOWN, np.int8)


def _several(sheet: Sheet) -> str:
    return f"{sheet.file}: labels of several faces; without a choice of one, what they do not agree on is unknown"


def _starts(*columns: I64 | I32) -> I64:
    """Where a new run of equal rows begins."""
    new = np.ones(len(columns[0]), bool)
    new[1:] = np.logical_or.reduce([np.diff(column) != 0 for column in columns])
    return np.flatnonzero(new)
