"""A frame's result as rows of a table: the one place that knows the columns.

The order and the first five columns are OpenFace 2.2's, so that what reads its CSV reads ours:

    frame           from 1, as OpenFace counts; live, missing numbers were dropped
    face_id         from 0 within a stream; -1 where the frame shows no face, which has one row too
    timestamp       seconds, the frame's own time
    confidence      the face finder's score, 0 to 1; 0 without a face
    success         1: there is an answer; 0: there is none, and every AU cell is empty, never a made-up 0
    face_x face_y face_w face_h    box of the face, brows to chin, in pixels of the frame
    AU12_c          1: the AU is there (with hysteresis), 0: it is not
    AU12_p          probability that it is there
    AU12_u          disagreement of the model's two branches about it, 0 to 1
    order_p         probability that the window is in its true order, by the temporal teacher
    window_frames   different frames that the answer rests on
    calibrated      1: to the person's neutral face
    reason          why success is 0: "no face", "small", "turned", "blurred", "edge"; empty where it is 1
    stream          name of the source, without secrets
    epoch           raised by each reconnect of the source

We have occurrence, not intensity: there are no AU12_r. A table has no place to say which AUs are experimental: ks-live
says it when it starts, and --report does.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.types import FaceAUs, Frame, FrameResult

Kind = Literal["integer", "seconds", "share", "pixels", "flag", "text"]
Row = tuple[int | float | bool | str | None, ...]  # None: not known

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
    )


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table whose header this is. Raises DataError when it is none of ours."""
    aus = [int(match[1]) for name in names if (match := re.fullmatch(r"AU(\d{2,})_c", name))]
    found = columns(aus)
    if [column.name for column in found] != list(names):
        raise DataError(f"a table with the columns {', '.join(names)[:80]} is none of this version's")
    return found


def rows(result: FrameResult) -> list[Row]:
    """One row for each face of the frame; one that says so where there is none. Values in the order of columns()."""
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
    )


def _row_without_face(frame: Frame, n_aus: int) -> Row:
    unknown = [None] * (4 + 3 * n_aus + 3)  # box, three for each AU, order_p, window_frames, calibrated
    place = (printable(frame.stream.name), frame.epoch)
    return (frame.index + 1, NO_FACE_ID, float(frame.time_s), 0.0, False, *unknown, NO_FACE, *place)


def known(values: np.ndarray) -> list[float | None]:
    """Floats, None for nan."""
    return [value if value == value else None for value in values.tolist()]


def known_number(value: float) -> float | None:
    return float(value) if value == value else None


def printable(text: str) -> str:
    """Text that UTF-8 and XML take: the bytes of a file name that are no UTF-8 come out as escapes."""
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if text.isprintable() else "".join([mark if mark >= " " or mark in "\t\n\r" else "?" for mark in text])
