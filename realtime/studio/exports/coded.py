"""What one coder says of one recording, and what each statement is called in other programs' files."""

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import MARKS, UNSCORABLE, Statement
from knowledge_spreader.spec import UNKNOWN

SIDES = {"L": "left", "R": "right"}
LEVELS = " ABCDE"  # by their numbers
ABSENT, NOTHING_SAID = "absent", "unknown"


@dataclass(frozen=True)
class Coded:
    """The labels and the marks of one coder on one recording, by frame, face and AU."""

    rec: Rec
    coder: str
    said: tuple[Statement, ...]
    marks: tuple[Statement, ...] = ()

    @cached_property
    def aus(self) -> tuple[int, ...]:
        return tuple(sorted({one.au for one in self.said}))

    @cached_property
    def faces(self) -> tuple[int, ...]:
        return tuple(sorted({one.face for one in self.said}))

    def by_frame(self) -> dict[tuple[int, int], dict[int, Statement]]:
        """(frame, face) -> AU -> its label, in order."""
        found: dict[tuple[int, int], dict[int, Statement]] = {}
        for one in self.said:
            found.setdefault((one.frame, one.face), {})[one.au] = one
        return found

    def marked(self) -> dict[tuple[int, int], dict[int, str]]:
        """(frame, face) -> AU -> its marks: "onset", or "onset apex" if it has two."""
        found: dict[tuple[int, int], dict[int, str]] = {}
        for one in sorted(self.marks, key=lambda one: (one.frame, one.face, one.au, MARKS.index(one.mark or ""))):
            of_frame = found.setdefault((one.frame, one.face), {})
            of_frame[one.au] = f"{of_frame.get(one.au, '')} {one.mark}".strip()
        return found


def coded(said: Iterable[Statement], recs: Sequence[Rec]) -> list[Coded]:
    """By recording, then by coder. Labels of other recordings, and what was taken back, are left out."""
    of: dict[tuple[str, str], list[Statement]] = {}
    for one in sorted(said, key=lambda one: (one.frame, one.face, one.au)):
        if one.value is not None:
            of.setdefault((one.video, one.coder), []).append(one)
    return [
        Coded(
            *(rec, coder),
            tuple(one for one in of[video, coder] if one.mark is None),
            tuple(one for one in of[video, coder] if one.mark is not None),
        )
        for rec in recs
        for video, coder in sorted(of)
        if video == rec.video
    ]


def occurrence(one: Statement) -> int:
    """1, 0 or UNKNOWN, as ks/datasets/own_labels/log.py reads it: absence on one side says nothing of the AU."""
    if one.value is None or one.value == UNSCORABLE:
        return UNKNOWN
    return 1 if one.value else 0 if one.side is None else UNKNOWN


def level(one: Statement) -> int | None:
    """0 to 5; None if no level was told."""
    return one.value if isinstance(one.value, int) and occurrence(one) != UNKNOWN else None


def word(one: Statement) -> str:
    """ "C", "C left", "present", "absent", "unscorable"; "unknown" of an AU that is absent on one side."""
    if occurrence(one) != 1:
        return str(one.value) if one.value == UNSCORABLE else ABSENT if occurrence(one) == 0 else NOTHING_SAID
    strength = LEVELS[one.value] if isinstance(one.value, int) else str(one.value)
    return f"{strength} {SIDES[one.side]}" if one.side else strength


def is_present(said: str) -> bool:
    """Of what word() returns."""
    return said not in ("", ABSENT, NOTHING_SAID, UNSCORABLE)


def cell(one: Statement | None) -> str:
    """In a table: 1, 0, 9 for what cannot be scored, blank for what was not."""
    if one is None or one.value is None:
        return ""
    return "9" if one.value == UNSCORABLE else {1: "1", 0: "0", UNKNOWN: ""}[occurrence(one)]


def path_from(folder: Path, rec: Rec) -> str:
    """How a file in `folder` names the recording: relative if both lie in one project, else in full."""
    near = rec.path.is_relative_to(folder.parent)
    return printable(Path(os.path.relpath(rec.path, folder)).as_posix() if near else str(rec.path))
