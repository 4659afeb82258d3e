"""Refuses a coder who says in one file that an AU is both present and absent in the same frame of the same face."""

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
    longest: dict[tuple[int, int | None, int], tuple[float, OwnLabel]] = {}  # (AU, face, value) -> which ends last
    known = [(span.span_s, span) for span in events.spans if span.value != UNKNOWN and span.span_s]
    for (begin, end), span in sorted(known, key=lambda pair: pair[0]):
        until, other = longest.get((span.au, span.face, 1 - span.value), (begin, span))
        if begin + _TOUCHING_S < until:
            says = ["absent", "present"]
            raise DataError(
                f"{span.where}: AU{span.au} is {says[span.value]}, but {says[other.value]} in {other.where}; keep one"
            )
        same = (span.au, span.face, span.value)
        if same not in longest or end > longest[same][0]:
            longest[same] = (end, span)
