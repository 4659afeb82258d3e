"""The marks of onset, apex and offset in files that the studio wrote for other programs (exports/).

Labels, and all of the studio's label file, come in through imports.py. A file of exports/ is of one recording.
"""

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.own_labels.elan import shift_s
from knowledge_spreader.datasets.own_labels.table import Heading, headings, rows, seconds
from knowledge_spreader.realtime.play_start import from_file_start
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import MARKED, MARKS, Statement

_EVENT = re.compile(r"AU(\d{1,3}) (onset|apex|offset)")
_TIER = re.compile(r"AU(\d{1,3}) marks face (\d{1,9})")
_COLUMN = re.compile(r"au0*(\d{1,3})_mark")
_FACE = re.compile(r"(?:face )?(\d{1,9})")
_ALONE_S = 0.04  # how long the only frame of a recording is shown


class _Found(NamedTuple):
    face: int
    au: int
    mark: str
    at_s: float


def marks_of(
    path: Path, said: Sequence[Statement], recordings: Sequence[Rec], times: Callable[[Rec], F64], aus: Collection[int]
) -> list[Statement]:
    """Marks of these AUs, as said by the coder of `said`, the labels that imports.py found in the same file.

    times: of a recording's frames, by its clock. A mark before or after all frames is left out. Raises DataError, with
    file and line, on a time that is none.
    """
    coder = said[0].coder
    with path.open("rb") as file:
        start = file.read(1 << 16).removeprefix(b"\xef\xbb\xbf").lstrip()[:1]
    if start == b"{":
        return []
    videos = {one.video for one in said}
    rec = next(rec for rec in recordings if rec.video in videos)
    own_clock, points = (False, _of_elan(path)) if start == b"<" else _of_table(path)
    found = [one for one in points if one.au in aus]
    if not found or len(videos) > 1:
        return []
    times_s = times(rec)
    clock_s = times_s if own_clock else from_file_start(rec.path, times_s)
    far_s = float(np.median(np.diff(clock_s))) if len(clock_s) > 1 else _ALONE_S
    found = [one for one in found if clock_s[0] - far_s < one.at_s < clock_s[-1] + far_s]
    frames = [int(np.argmin(np.abs(clock_s - one.at_s))) for one in found]
    about = (rec.video, str(rec.path))
    return [
        Statement(*about, one.face, frame, float(times_s[frame]), one.au, MARKED, coder=coder, mark=one.mark)
        for one, frame in zip(found, frames, strict=True)
    ]


def _of_elan(path: Path) -> Iterator[_Found]:
    root = ET.parse(path).getroot()  # imports.py refused what is not plain
    begins_s = shift_s(path, root.find("HEADER"))
    times_ms = {slot.get("TIME_SLOT_ID"): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    for tier in root.iter("TIER"):
        named = _TIER.fullmatch(tier.get("TIER_ID", ""))
        for one in tier.iter("ALIGNABLE_ANNOTATION") if named else ():
            begin_ms = times_ms.get(one.get("TIME_SLOT_REF1"))
            for mark in (one.findtext("ANNOTATION_VALUE") or "").split():
                if named and begin_ms and mark in MARKS:
                    yield _Found(int(named[2]), int(named[1]), mark, int(begin_ms) / 1000 + begins_s)


def _of_table(path: Path) -> tuple[bool, Iterator[_Found]]:
    """Whether the times are by the recording's clock, not from where players start; and the marks."""
    heading = next(headings(path))
    if heading.column("trial_type") >= 0:
        return False, _of_events(path, heading, "trial_type", "face_id", "onset")
    if heading.column("behavior type") >= 0:
        return False, _of_events(path, heading, "behavior", "subject", "time")
    return True, _of_wide(path, heading)


def _of_events(path: Path, heading: Heading, *names: str) -> Iterator[_Found]:
    name, face, time = columns = [heading.column(name) for name in names]
    if min(columns) < 0:
        return
    for where, row in rows(path, heading, *columns):
        event, number = _EVENT.fullmatch(row[name].strip()), _FACE.fullmatch(row[face].strip())
        if event and number:
            yield _Found(int(number[1]), int(event[1]), event[2], seconds(where, "the time", row[time]))


def _of_wide(path: Path, heading: Heading) -> Iterator[_Found]:
    columns = {c: int(match[1]) for c, name in enumerate(heading.names) if (match := _COLUMN.fullmatch(name))}
    face, time = heading.column("face_id"), heading.column("timestamp")
    if not columns or min(face, time) < 0:
        return
    for where, row in rows(path, heading, face, time, *columns):
        number = _FACE.fullmatch(row[face].strip())
        for column, au in columns.items() if number else ():
            for mark in row[column].split():
                if number and mark in MARKS:
                    yield _Found(int(number[1]), au, mark, seconds(where, "the time", row[time]))
