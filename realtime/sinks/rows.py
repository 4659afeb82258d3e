"""Converts a frame's result to table rows. The columns are defined here only.

The order and the first five columns are those of OpenFace 2.2, so that programs that read its CSV can read ours:

    frame           from 1, as in OpenFace; in a live run, missing numbers are dropped frames. Of photographs, their
                    place in the order of their names
    face_id         from 0 within a stream, in a photograph from 0, the largest; -1 in the single row of a frame without
                    a face
    timestamp       time of the frame in seconds by the stream's own clock, continuous across reconnects. The clock of
                    MPEG-TS and others does not start at 0; events and saved videos count from the recording's start.
                    A photograph has no time: 0
    confidence      score of the face detector, 0 to 1; 0 without a face
    success         1: the AUs are predicted; 0: they are not, and every AU cell is empty, never 0
    face_x face_y face_w face_h    box of the face, brows to chin, in pixels of the frame
    AU12_c          1: the AU is present (with hysteresis, but in photographs), 0: it is absent
    AU12_p          probability that it is present
    AU12_u          disagreement of the model's two branches, 0 to 1
    order_p         temporal teacher's probability that the window is in its true order
    window_frames   different frames in the window
    calibrated      1: the person's neutral baseline is subtracted
    reason          why success is 0: "no face", "small", "turned", "blurred", "edge"; of an image, "unreadable" or
                    "size", another size than the recording's; empty if success is 1
    stream          name of the source, without secrets
    epoch           increases with each reconnect of the source
    picture         file name of a photograph, or of an image of a folder; else empty

The model predicts occurrence, not intensity, so there is no AU12_r. The table does not mark experimental AUs; ks-live
lists them when it starts and in --report.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult

Kind = Literal["integer", "seconds", "share", "pixels", "flag", "text"]
Row = tuple[int | float | bool | str | None, ...]  # None: unknown

NO_FACE_ID = -1
NO_FACE = "no face"


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    always: bool = False  # known in every row


def columns(aus: Sequence[int]) -> tuple[Column, ...]:
    """The columns for a model with these AUs."""
    return (
        Column("frame", "integer", always=True),
        Column("face_id", "integer", always=True),
        Column("timestamp", "seconds", always=True),
        Column("confidence", "share"),
        Column("success", "flag", always=True),
        *(Column(f"face_{side}", "pixels") for side in "xywh"),
        *(Column(f"AU{au:02d}_c", "flag") for au in aus),
        *(Column(f"AU{au:02d}_p", "share") for au in aus),
        *(Column(f"AU{au:02d}_u", "share") for au in aus),
        Column("order_p", "share"),
        Column("window_frames", "integer"),
        Column("calibrated", "flag"),
        Column("reason", "text"),
        Column("stream", "text"),
        Column("epoch", "integer", always=True),
        Column("picture", "text"),
    )


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table with this header. Raises DataError if it is not a table of this version."""
    aus = [int(match[1]) for name in names if (match := re.fullmatch(r"AU(\d{2,})_c", name))]
    found = columns(aus)
    if [column.name for column in found] != list(names):
        raise DataError(f"a table with the columns {', '.join(names)[:80]} was not written by this version")
    return found


def rows(result: FrameResult) -> list[Row]:
    """One row per face of the frame, or one row with reason "no face". Values are in the order of columns()."""
    if not result.faces:
        return [_row_without_face(result.frame, len(result.aus))]
    return [_row(result.frame, face, len(result.aus)) for face in result.faces]


def _row(frame: Frame, answer: FaceAUs, n_aus: int) -> Row:
    face = answer.face
    left, top, right, bottom = face.box_xyxy_px
    if answer.success:
        p = known(answer.probability)
        u = known(answer.disagreement)
        c = [None if share is None else on for share, on in zip(p, answer.occurrence.tolist(), strict=True)]
    else:
        c = p = u = [None] * n_aus
    return (
        frame.index + 1,
        face.face_id,
        float(frame.time_s),
        float(face.score),
        answer.success,
        float(left),
        float(top),
        float(right - left),
        float(bottom - top),
        *c,
        *p,
        *u,
        known_number(answer.in_order) if answer.success else None,
        int(answer.window_frames),
        bool(answer.calibrated),
        printable(face.rejected) or None,
        printable(frame.stream.name),
        frame.epoch,
        printable(frame.picture) or None,
    )


def _row_without_face(frame: Frame, n_aus: int) -> Row:
    unknown = [None] * (4 + 3 * n_aus + 3)  # box, three for each AU, order_p, window_frames, calibrated
    place = (frame.unreadable or NO_FACE, printable(frame.stream.name), frame.epoch, printable(frame.picture) or None)
    return (frame.index + 1, NO_FACE_ID, float(frame.time_s), 0.0, False, *unknown, *place)


def known(values: np.ndarray) -> list[float | None]:
    """Floats, None for nan."""
    return [value if value == value else None for value in values.tolist()]


def known_number(value: float) -> float | None:
    return float(value) if value == value else None


def printable(text: str) -> str:
    """Text that is valid in UTF-8 and XML; bytes of a file name that are not UTF-8 are escaped."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else "".join([mark if mark >= " " or mark in "\t\n\r" else "?" for mark in text])
