"""Refuses a coder who says in one file that an AU is both present and absent in the same frame of the same face."""

from itertools import groupby, pairwise

import numpy as np

from knowledge_spreader.datasets.own_labels.types import NO_FRAME, Events, OwnLabel, Rows, Sheet
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN

_TOUCHING_S = 0.001  # times in files are rounded to milliseconds


def refuse_contradictions(sheet: Sheet) -> None:
    """Raises DataError with both places. Rows that have only a time are left to on_frames, which knows the frames."""
    if isinstance(sheet.says, Rows):
        _in_rows(sheet, sheet.says)
    else:
        _in_spans(sheet.says)


def _in_rows(sheet: Sheet, rows: Rows) -> None:
    order = np.lexsort((rows.faces, rows.frames))
    order = order[rows.frames[order] != NO_FRAME]
    if not len(order):
        return
    frames, faces = rows.frames[order], rows.faces[order]
    starts = np.flatnonzero(np.r_[True, (np.diff(frames) != 0) | (np.diff(faces) != 0)])  # of each frame and face
    if len(starts) == len(order):
        return
    said = rows.values[order]
    present = np.logical_or.reduceat(said == 1, starts, axis=0)
    absent = np.logical_or.reduceat(said == 0, starts, axis=0)
    wrong = np.argwhere(present & absent)
    if not len(wrong):
        return
    group, column = wrong[0]
    same = order[starts[group] : starts[group + 1] if group + 1 < len(starts) else None]
    yes, no = (int(rows.lines[same[rows.values[same, column] == value][0]]) for value in (1, 0))
    what = f"AU{rows.aus[column]} of frame {rows.frames[same[0]]}"
    raise DataError(
        f"{sheet.where(max(yes, no))}: {what} is {'present' if yes > no else 'absent'}, but line {min(yes, no)} says "
        "the opposite; keep one"
    )


def _in_spans(events: Events) -> None:
    def tier(span: OwnLabel) -> tuple[int, int]:
        return span.au, -1 if span.face is None else span.face

    said = [span for span in events.spans if span.value != UNKNOWN]
    for _, spans in groupby(sorted(said, key=lambda span: (*tier(span), span.span_s or (0, 0))), tier):
        for a, b in pairwise(spans):
            assert a.span_s is not None
            assert b.span_s is not None
            if a.value != b.value and b.span_s[0] + _TOUCHING_S < a.span_s[1]:
                says = ["absent", "present"]
                raise DataError(f"{b.where}: AU{b.au} is {says[b.value]}, but {says[a.value]} in {a.where}; keep one")
