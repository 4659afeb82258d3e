"""Draws boxes, ids, AU panels, reasons for rejected faces, notes, and a line with time and speed.

Nothing is shown by colour alone: a word, a shape or a thickness says the same. Text has a dark translucent background
and lines have dark edges, so both can be read on any image.
"""

from collections import deque
from collections.abc import Sequence
from functools import partial

from knowledge_spreader.arrays import U8
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.overlay.face_points import draw_face
from knowledge_spreader.realtime.overlay.layout import Layout, Rect, Scene, Size, arrange
from knowledge_spreader.realtime.overlay.panel import DIM, INK, PRESENT, Form, draw_panel, forms, panel_size
from knowledge_spreader.realtime.overlay.text import (
    darken,
    fitted,
    line_px,
    put,
    put_steady,
    steady_width_px,
    width_px,
    wrapped,
)
from knowledge_spreader.realtime.types import FaceAUs, FrameResult

_REASONS = {
    "small": "too small",
    "turned": "turned away",
    "blurred": "blurred",
    "edge": "cut off by the picture's edge",
}
_NOTE_SHARE = 0.3  # largest share of the image's height
_RATE_OVER_S = 1.0


class Overlay:
    """Draws the results of one stream. Keeps panels in place from frame to frame, and smooths a live frame rate.

    n_frames: N of the model, to show when a face's window is not full yet; None: unknown. points: "68" or "478" points
    of each face, with the axes of its head and its gaze; "": none of them.
    """

    def __init__(self, n_frames: int | None = None, points: str = "") -> None:
        self._n_frames, self._points = n_frames, points
        self._layout: Layout | None = None
        self._arrivals_s: deque[float] = deque()  # of the frames of the last second

    def draw(self, result: FrameResult) -> U8:
        """The annotated copy of the frame, (H, W, 3) uint8 RGB."""
        if result.frame.stream.stills:
            return draw(result, points=self._points)
        fps = self._rate(result) if result.frame.stream.live else None  # a recording is read ahead, in bursts
        picture, self._layout = _draw(result, fps, self._n_frames, self._layout, self._points)
        return picture

    def _rate(self, result: FrameResult) -> float | None:
        """Analysed frames per second, over the last second."""
        arrivals_s = self._arrivals_s
        arrivals_s.append(result.frame.captured_s)
        while len(arrivals_s) > 2 and arrivals_s[-1] - arrivals_s[0] > _RATE_OVER_S:
            arrivals_s.popleft()
        span_s = arrivals_s[-1] - arrivals_s[0]
        return (len(arrivals_s) - 1) / span_s if span_s > 0 else None


def draw(result: FrameResult, *, fps: float | None = None, n_frames: int | None = None, points: str = "") -> U8:
    """The annotated copy, (H, W, 3) uint8 RGB, of a single result; the frame's own image is not changed.

    fps: shown if given. n_frames, points: as in Overlay.
    """
    return _draw(result, fps, n_frames, None, points)[0]


def text_size_px(width_px: int, height_px: int) -> int:
    """The em of all text: 10 px at 240 lines, 15 at 720, 33 at 2160."""
    return max(round(min(width_px, height_px) / 80 + 6), 10)


def plan(result: FrameResult, n_frames: int | None = None, before: Layout | None = None) -> tuple[Layout, Form]:
    """The place of each face's panel, and the form of all panels."""
    height, width = result.frame.image.shape[:2]
    em = text_size_px(width, height)
    notes = _notes_rect(result.notes, em, width, height)
    scene = Scene(
        faces=tuple(_body(face, em, width, height) for face in result.faces),
        keys=tuple(face.face.face_id for face in result.faces),
        blocked=(_status_rect(em, width, height), *([notes] if notes else [])),
        room=Rect(0, 0, width, height).grown(-_gap(em) // 2),
        gap_px=_gap(em),
    )
    shapes = forms(em, result.experimental)

    def size(form: Form, i: int) -> Size:
        return panel_size(result.faces[i], result.aus, form, n_frames)

    layout = arrange(scene, [partial(size, form) for form in shapes], before)
    return layout, shapes[layout.form]


def _draw(
    result: FrameResult, fps: float | None, n_frames: int | None, before: Layout | None, points: str
) -> tuple[U8, Layout]:
    image = result.frame.image.copy()
    height, width = image.shape[:2]
    em = text_size_px(width, height)
    layout, form = plan(result, n_frames, before)
    for face in result.faces:
        if points:
            draw_face(image, face, result.frame, points)
        _draw_box(image, face, em)
    for face, rect in zip(result.faces, layout.panels, strict=True):
        if rect:
            _draw_leader(image, _body(face, em, width, height), rect, em)
    for face, rect in zip(result.faces, layout.panels, strict=True):
        if rect:
            draw_panel(image, rect, face, result.aus, form, n_frames)
    for face in result.faces:
        _draw_tag(image, face, em)
    _draw_notes(image, result.notes, em)
    _draw_status(image, result, fps, em)
    return image, layout


def _draw_box(image: U8, face: FaceAUs, em: int) -> None:
    """White with a dark edge; dashed and grey for a rejected face."""
    box = _box(face, image.shape[1], image.shape[0])
    thick = max(round(em / 7), 1)
    if face.success:
        for colour, more in (((0, 0, 0), 2), (INK, 0)):
            cv2.rectangle(image, (box.left, box.top), (box.right, box.bottom), colour, thick + more)
        return
    cv2.rectangle(image, (box.left, box.top), (box.right, box.bottom), (0, 0, 0), thick + 2)
    dash = max(em // 2, 4)
    for x in range(box.left, box.right, 2 * dash):
        for y in (box.top, box.bottom):
            cv2.line(image, (x, y), (min(x + dash, box.right), y), DIM, thick)
    for y in range(box.top, box.bottom, 2 * dash):
        for x in (box.left, box.right):
            cv2.line(image, (x, y), (x, min(y + dash, box.bottom)), DIM, thick)


def _draw_leader(image: U8, face: Rect, panel: Rect, em: int) -> None:
    """A line from a panel to its face, unless they are side by side."""
    if panel.apart(face) <= 3 * _gap(em):
        return
    start, end = panel.nearest(face.middle), face.nearest(panel.middle)
    for colour, thick in (((0, 0, 0), 3), (INK, 1)):
        cv2.line(image, start, end, colour, thick * max(em // 14, 1), cv2.LINE_AA)


def _draw_tag(image: U8, face: FaceAUs, em: int) -> None:
    rect, text = _tag(face, em, image.shape[1], image.shape[0])
    darken(image, rect.left, rect.top, rect.right, rect.bottom)
    put(image, text, rect.left + em // 3, rect.top, em, INK if face.success else DIM, face.success)


def _draw_notes(image: U8, notes: Sequence[str], em: int) -> None:
    rect = _notes_rect(notes, em, image.shape[1], image.shape[0])
    if rect is None:
        return
    darken(image, rect.left, rect.top, rect.right, rect.bottom)
    cv2.rectangle(image, (0, rect.top), (max(em // 4, 2), rect.bottom - 1), PRESENT, cv2.FILLED)
    for i, line in enumerate(_note_lines(notes, em, rect.width, image.shape[0])):
        put(image, line, round(0.7 * em), rect.top + em // 4 + i * line_px(em), em, PRESENT)


def _draw_status(image: U8, result: FrameResult, fps: float | None, em: int) -> None:
    """Time stamp, and if live frame rate and latency, at the bottom left; omits what does not fit."""
    parts = [] if result.frame.stream.stills else [_clock(result.frame.time_s)]
    if fps is not None:
        parts.append(f"{fps:.1f} fps")
    if result.frame.stream.live:  # of a recording, it only shows how long the batch waited
        parts.append(f"{result.latency_ms:.0f} ms")
    if not result.faces:
        parts.append("no face")
    room = image.shape[1] - em
    while parts and steady_width_px("   ".join(parts), em) > room:
        parts.pop()
    rect = _status_rect(em, image.shape[1], image.shape[0])
    if not parts:
        return
    text = "   ".join(parts)
    darken(image, 0, rect.top, steady_width_px(text, em) + em, rect.bottom)
    put_steady(image, text, em // 2, rect.top + em // 6, em, INK)


def _clock(time_s: float) -> str:
    """65.25 -> "1:05.250"."""
    sign, milliseconds = "-" if time_s < 0 else "", round(abs(time_s) * 1000)
    minutes, rest = divmod(milliseconds, 60_000)
    hours, minutes = divmod(minutes, 60)
    head = f"{hours}:{minutes:02d}" if hours else f"{minutes}"
    return f"{sign}{head}:{rest // 1000:02d}.{rest % 1000:03d}"


def _tag(face: FaceAUs, em: int, width: int, height: int) -> tuple[Rect, str]:
    """The place of the box's label, above the box or, at the image's edge, inside it; and its text."""
    text = f"face {face.face.face_id}"
    if not face.success:
        text += f": {_REASONS.get(face.face.rejected, face.face.rejected)}"
    text = fitted(text, em, width - 2 * (em // 3), face.success)
    size = (width_px(text, em, face.success) + 2 * (em // 3) if text else 0, line_px(em))
    box = _box(face, width, height)
    rect = Rect.at(box.left, box.top - size[1] - max(em // 7, 1), size)
    return rect.within(Rect(0, 0, width, height)), text


def _body(face: FaceAUs, em: int, width: int, height: int) -> Rect:
    """The area that no panel may cover: the face and its label."""
    box, (tag, _) = _box(face, width, height), _tag(face, em, width, height)
    return Rect(min(box.left, tag.left), min(box.top, tag.top), max(box.right, tag.right), max(box.bottom, tag.bottom))


def _box(face: FaceAUs, width: int, height: int) -> Rect:
    """The face's box in whole pixels, clipped far outside the image."""
    far = max(width, height)
    left, top, right, bottom = (round(min(max(value, -far), 2 * far)) for value in face.face.box_xyxy_px)
    return Rect(left, top, right, bottom)


def _notes_rect(notes: Sequence[str], em: int, width: int, height: int) -> Rect | None:
    lines = _note_lines(notes, em, width, height)
    return Rect(0, 0, width, len(lines) * line_px(em) + em // 2) if lines else None


def _note_lines(notes: Sequence[str], em: int, width: int, height: int) -> list[str]:
    most = max(int(_NOTE_SHARE * height) // line_px(em), 1)
    lines = [line for note in notes for line in wrapped(note, em, width - round(1.4 * em), most)]
    return lines[:most]


def _status_rect(em: int, width: int, height: int) -> Rect:
    tall = line_px(em) + em // 3
    return Rect(0, height - tall, min(width, steady_width_px("0:00:00.000   00.0 fps   000 ms", em) + em), height)


def _gap(em: int) -> int:
    return max(round(0.6 * em), 4)
