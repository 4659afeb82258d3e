"""What the readers return: sheets, each of which is what one coder says of one recording in one file.

A sheet holds rows (one per frame and face: tables and the studio's log) or spans of time (ELAN, BORIS, BIDS events).
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from knowledge_spreader.arrays import F64, I8, I32, I64
from knowledge_spreader.spec import UNKNOWN

Kind = Literal["manifest", "openface", "elan", "boris", "bids", "log"]

NO_FACE_NAMED = -1
NO_FRAME = -1
WHOLE_RECORDING = ((float("-inf"), float("inf")),)


@dataclass(frozen=True, slots=True, eq=False)
class OwnLabel:
    """One statement of a coder."""

    recording: str  # as named in the file: a path or a stem; "" if the file's own name names it
    au: int
    value: int  # 1 present, 0 absent, UNKNOWN: not scorable
    frame: int | None = None  # from 0 in decoding order; in a manifest's folder of pictures the number in the name
    face: int | None = None  # None: the file names no face
    span_s: tuple[float, float] | None = None  # instead of frame: onset and offset from where players start
    where: str = ""  # "labels.csv, line 7", for messages
    level: int = 0  # 1 to 5: A to E; 0: not told, or not asked for
    side: str = ""  # "L" or "R": present there alone; "": not told, or not asked for


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """R rows of a table; a row is a frame or a time, and one face."""

    aus: tuple[int, ...]
    frames: I64  # (R,) as in OwnLabel; NO_FRAME: only the time is known
    times_s: F64  # (R,) nan: not known
    faces: I32  # (R,) NO_FACE_NAMED: none
    values: I8  # (R, U) 1, 0, UNKNOWN
    lines: I32  # (R,) of the file
    in_names: bool = False  # a frame of a folder of pictures is the number in the picture's name, not its place
    levels: I8 | None = None  # (R, U) 0 to 5, UNKNOWN: not told; None: no levels in this table, or not asked for
    sides: I8 | None = None  # (R, U) 0 none, 1 left, 2 right


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Spans of time. An AU is absent outside its spans, where the recording was coded."""

    spans: tuple[OwnLabel, ...]
    tiers: frozenset[tuple[int, int]]  # (AU, face or NO_FACE_NAMED) that were coded
    coded_s: tuple[tuple[float, float], ...] = WHOLE_RECORDING


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What one coder says of one recording in one file."""

    file: Path
    kind: Kind
    recording: str  # as in OwnLabel
    says: Rows | Events
    coder: str = ""
    video: str = ""  # SHA-256 of the recording, where the file tells it

    def where(self, line: int) -> str:
        return f"{self.file}, line {line}"

    @property
    def aus(self) -> tuple[int, ...]:
        if isinstance(self.says, Rows):
            return self.says.aus
        return tuple(sorted({au for au, _ in self.says.tiers} | {span.au for span in self.says.spans}))

    def __iter__(self) -> Iterator[OwnLabel]:
        """Each statement, made one by one, because a table may have millions. Blank cells state nothing."""
        if isinstance(self.says, Events):
            yield from self.says.spans
            return
        rows = self.says
        for row in range(len(rows.frames)):
            frame, time_s, face = int(rows.frames[row]), float(rows.times_s[row]), int(rows.faces[row])
            for au, value in zip(rows.aus, rows.values[row].tolist(), strict=True):
                if value != UNKNOWN:
                    yield OwnLabel(
                        self.recording,
                        au,
                        value,
                        None if frame == NO_FRAME else frame,
                        None if face == NO_FACE_NAMED else face,
                        (time_s, time_s) if frame == NO_FRAME else None,
                        self.where(int(rows.lines[row])),
                    )


@dataclass(frozen=True, slots=True, eq=False)
class OwnLabels:
    """All labels of some files. With recordings, each sheet belongs to one of them or to none."""

    sheets: tuple[Sheet, ...]
    notes: tuple[str, ...] = ()  # one line each
    recordings: Mapping[Path, tuple[Sheet, ...]] | None = field(default=None)  # by the path that was given

    @property
    def aus(self) -> tuple[int, ...]:
        return tuple(sorted({au for sheet in self.sheets for au in sheet.aus}))

    @property
    def kinds(self) -> tuple[Kind, ...]:
        return tuple(sorted({sheet.kind for sheet in self.sheets}))

    @property
    def labels(self) -> Iterator[OwnLabel]:
        return (label for sheet in self.sheets for label in sheet)


@dataclass(slots=True)
class RowColumns:
    """Rows that grow line by line."""

    frames: "array[int]" = field(default_factory=lambda: array("q"))
    times_s: "array[float]" = field(default_factory=lambda: array("d"))
    faces: "array[int]" = field(default_factory=lambda: array("i"))
    lines: "array[int]" = field(default_factory=lambda: array("i"))
    values: bytearray = field(default_factory=bytearray)  # U signed bytes for each row
    levels: bytearray = field(default_factory=bytearray)  # the same, or none
    sides: bytearray = field(default_factory=bytearray)

    def add(
        self, line: int, frame: int, time_s: float, face: int, values: bytes, levels: bytes = b"", sides: bytes = b""
    ) -> None:
        self.lines.append(line)
        self.frames.append(frame)
        self.times_s.append(time_s)
        self.faces.append(face)
        self.values += values
        self.levels += levels
        self.sides += sides

    def rows(self, aus: Sequence[int], *, in_names: bool = False) -> Rows:
        """AUs without any label are left out."""
        shape = (len(self.lines), len(aus))
        values = np.frombuffer(self.values, np.int8).reshape(shape)
        levels, sides = (
            np.frombuffer(cells, np.int8).reshape(shape) if cells else None for cells in (self.levels, self.sides)
        )
        said = np.flatnonzero((values != UNKNOWN).any(axis=0))
        return Rows(
            tuple(aus[i] for i in said.tolist()),
            np.array(self.frames, np.int64),
            np.array(self.times_s, np.float64),
            np.array(self.faces, np.int32),
            values[:, said],
            np.array(self.lines, np.int32),
            in_names,
            None if levels is None else levels[:, said],
            None if sides is None else sides[:, said],
        )
