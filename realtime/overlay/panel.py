"""A face's panel: a row with a bar for each AU, and how reliable the window is.

    face 0                        face id
    ▸ AU12 lip corner puller ▇▇▇├▇▇┤  0.83     present: mark, bright bold name, thick amber bar
      AU15 lip corner depr.  ━├┤      0.12     absent: no mark, dim name, thin blue bar
      AU14~ dimpler          ┤        0.04     experimental: not shown to work on real faces
    order 0.97, window 5/5        temporal teacher's order probability; amber if it is low or the window is not full

A bar's length is the probability. The width of the whisker at its end is the disagreement of the two branches.
"""

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.overlay.layout import Rect, Size
from knowledge_spreader.realtime.overlay.text import (
    Colour,
    darken,
    fitted,
    line_px,
    put,
    put_steady,
    steady_width_px,
    width_px,
)
from knowledge_spreader.realtime.types import FaceAUs
from knowledge_spreader.spec import AU_NAMES, au_label

INK: Colour = (248, 248, 248)
DIM: Colour = (186, 194, 204)
PRESENT: Colour = (255, 196, 46)  # amber and blue also differ in lightness, for colour-blind readers and grey prints
ABSENT: Colour = (112, 158, 204)
_TRACK: Colour = (96, 100, 106)
_SHADOW: Colour = (16, 16, 16)
_DOUBT_IN_ORDER = 0.5  # below, the temporal teacher takes the window for shuffled


@dataclass(frozen=True, slots=True)
class Form:
    """How much a panel shows, and which AUs it marks as experimental."""

    em_px: int
    long_names: bool = True  # "AU12 lip corner puller", else "AU12"
    bar_em: int = 6  # length of a bar
    all_aus: bool = True  # else only those present
    bars: bool = True  # else one line of numbers
    experimental: frozenset[int] = frozenset()  # AUs with a ~ after their number


@dataclass(frozen=True, slots=True)
class _Columns:
    """Offsets from a panel's left edge in pixels."""

    name: int
    bar: int
    bar_end: int
    value: int
    end: int


def forms(em_px: int, experimental: Collection[int] = ()) -> tuple[Form, ...]:
    """The forms from the largest to the smallest, for a text size."""
    small = max(round(0.84 * em_px), 9)
    sizes = (
        Form(em_px),
        Form(small),
        Form(small, bar_em=3),
        Form(em_px, long_names=False, bar_em=4),
        Form(small, long_names=False, bar_em=4),
        Form(small, long_names=False, bar_em=4, all_aus=False),
        Form(small, long_names=False, bar_em=4, all_aus=False, bars=False),
    )
    return tuple(replace(form, experimental=frozenset(experimental)) for form in sizes)


def panel_size(face: FaceAUs, aus: tuple[int, ...], form: Form, n_frames: int | None) -> Size:
    """Width and height in pixels; (0, 0) for a rejected face, which has no panel."""
    if not face.success:
        return 0, 0
    pad = _pad(form)
    if not form.bars:
        return width_px(_line(face, aus, form), form.em_px, True) + 2 * pad, line_px(form.em_px) + pad
    rows = 1 + max(len(_shown(face, form)), 1) + len(_verdicts(face, form, n_frames))
    return _columns(aus, form).end, rows * line_px(form.em_px) + 2 * pad


def draw_panel(image: U8, rect: Rect, face: FaceAUs, aus: tuple[int, ...], form: Form, n_frames: int | None) -> None:
    """Draws a panel into the image."""
    em, pad = form.em_px, _pad(form)
    darken(image, rect.left, rect.top, rect.right, rect.bottom)
    if not form.bars:
        put(image, _line(face, aus, form), rect.left + pad, rect.top + pad // 2, em, INK, True)
        return
    top = rect.top + pad
    title = f"face {face.face.face_id}" + (", calibrated" if face.calibrated else "")
    put(image, fitted(title, em, rect.width - 2 * pad, True), rect.left + pad, top, em, INK, True)
    columns = _columns(aus, form)
    for i in _shown(face, form):
        top += line_px(em)
        _draw_row(image, rect.left, top, columns, form, _name(aus[i], form), face, i)
    if not _shown(face, form):
        top += line_px(em)
        put(image, "AU none", rect.left + columns.name, top, em, DIM)
    for text, doubtful in _verdicts(face, form, n_frames):
        top += line_px(em)
        put(image, text, rect.left + pad, top, em, PRESENT if doubtful else DIM)


def bar_px(probability: float, width_px: int) -> int:
    """Length of a bar in pixels."""
    return round(min(max(probability, 0.0), 1.0) * width_px)


def _draw_row(image: U8, left: int, top: int, at: _Columns, form: Form, name: str, face: FaceAUs, i: int) -> None:
    em, row = form.em_px, line_px(form.em_px)
    probability, present = float(face.probability[i]), bool(face.occurrence[i])
    ink = INK if present else DIM
    middle = top + row // 2
    if present:
        x, half = left + _pad(form), max(round(0.28 * em), 2)
        mark = np.array([(x, middle - half), (x, middle + half), (x + round(1.4 * half), middle)], np.int32)
        cv2.fillPoly(image, [mark], PRESENT, cv2.LINE_AA)
    put(image, name, left + at.name, top, em, ink, present)
    if math.isnan(probability):
        put(image, "no value", left + at.bar, top, em, DIM)
        return
    start, width = left + at.bar, at.bar_end - at.bar
    edge = max(round(0.36 * em), 3)
    half = edge if present else max(round(0.2 * em), 1)
    cv2.rectangle(image, (start - 1, middle - edge - 1), (start + width, middle + edge + 1), _TRACK, 1)
    length = bar_px(probability, width)
    if length:
        corner = (start + length - 1, middle + half)
        cv2.rectangle(image, (start, middle - half), corner, PRESENT if present else ABSENT, cv2.FILLED)
    disagreement = float(face.disagreement[i])
    if not math.isnan(disagreement):
        reach = [bar_px(probability + side * disagreement / 2, width) for side in (-1, 1)]
        _draw_whisker(image, start, length, (reach[0], min(reach[1], width - 1)), middle, em)
    put_steady(image, f"{probability:.2f}", left + at.value, top, em, ink)


def _draw_whisker(image: U8, start: int, bar: int, reach: tuple[int, int], middle: int, em: int) -> None:
    """From the lower to the upper end; dark on the bar and light beyond it, so that the bar's end stays visible."""
    thick, cap = max(round(em / 12), 1), max(round(0.2 * em), 2)
    for low, high, colour in ((reach[0], min(reach[1], bar - 1), _SHADOW), (max(reach[0], bar), reach[1], INK)):
        if low <= high:
            cv2.line(image, (start + low, middle), (start + high, middle), colour, thick)
    for end in reach:
        x = start + end
        cv2.line(image, (x, middle - cap), (x, middle + cap), _SHADOW if end < bar else INK, thick)


def _shown(face: FaceAUs, form: Form) -> list[int]:
    return [i for i, there in enumerate(face.occurrence.tolist()) if there or form.all_aus]


def _name(au: int, form: Form) -> str:
    label = au_label(au) + _mark(au, form)
    return f"{label} {AU_NAMES.get(au, '')}".rstrip() if form.long_names else label


def _mark(au: int, form: Form) -> str:
    return "~" if au in form.experimental else ""


def _line(face: FaceAUs, aus: tuple[int, ...], form: Form) -> str:
    """The smallest form: the face id and the numbers of the AUs present."""
    present = " ".join(
        f"{au}{_mark(au, form)}" for au, there in zip(aus, face.occurrence.tolist(), strict=True) if there
    )
    return f"{face.face.face_id}: AU {present or 'none'}"


def _verdicts(face: FaceAUs, form: Form, n_frames: int | None) -> list[tuple[str, bool]]:
    """The lines below the bars, and whether each one is a warning."""
    filling = n_frames is not None and face.window_frames < n_frames
    window = f"window {face.window_frames}" + (f"/{n_frames}" if n_frames else "") + (" frames" if filling else "")
    if math.isnan(face.in_order):
        order, doubtful = "order unknown", True
    else:
        doubtful = face.in_order < _DOUBT_IN_ORDER
        order = f"order {face.in_order:.2f}" + (" doubtful" if doubtful else "")
    if form.long_names:
        legend = [("~ experimental", False)] if form.experimental else []
        return [(f"{order}, {window}", doubtful or filling), *legend]
    verdicts = [(order, doubtful), (window, filling)]
    return verdicts if form.all_aus else [verdict for verdict in verdicts if verdict[1]]


def _columns(aus: tuple[int, ...], form: Form) -> _Columns:
    em, pad = form.em_px, _pad(form)
    name = pad + round(0.7 * em)
    bar = name + max((width_px(_name(au, form), em, True) for au in aus), default=0) + round(0.4 * em)
    bar_end = bar + form.bar_em * em
    value = bar_end + round(0.4 * em)
    return _Columns(name, bar, bar_end, value, value + steady_width_px("0.00", em) + pad)


def _pad(form: Form) -> int:
    return max(round(0.45 * form.em_px), 3)
