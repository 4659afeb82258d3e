"""draw.py: what is drawn lies in the picture, beside the faces, can be read anywhere, and is true."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from knowledge_spreader.realtime.overlay.draw import Overlay, draw, plan, text_size_px
from knowledge_spreader.realtime.overlay.layout import Layout, Rect, Scene, arrange
from knowledge_spreader.realtime.overlay.panel import ABSENT, INK, PRESENT, bar_px, draw_panel, forms, panel_size
from knowledge_spreader.realtime.overlay.text import fitted, line_px, put, steady_width_px, width_px, wrapped
from knowledge_spreader.realtime.types import Face, FaceAUs, Frame, FrameResult, Stream

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 45)
SIZES = [(320, 240), (640, 480), (1280, 720), (3840, 2160)]  # width, height


def face(box, face_id=0, *, probability=0.3, present=(), rejected="", disagreement=0.1, in_order=0.9, window=5):
    values = np.full(len(AUS), np.nan if rejected else probability, np.float32)
    occurrence = np.isin(AUS, present)
    differ = np.full(len(AUS), np.nan if rejected else disagreement, np.float32)
    found = Face(face_id, box, np.zeros((6, 2)), 0.9, rejected)
    return FaceAUs(found, AUS, values, occurrence, differ, np.nan if rejected else in_order, window)


def result_of(image, faces=(), notes=(), *, index=0, captured_s=0.0, **stream):
    frame = Frame(image, Stream("a", **stream), index, index * 40, Fraction(1, 1000), captured_s)
    return FrameResult(frame, AUS, tuple(faces), (), 34.0, tuple(notes))


def ground(kind, width, height):
    if kind == "noise":
        return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    return np.full((height, width, 3), {"white": 255, "black": 0, "grey": 128}[kind], np.uint8)


def rects(faces):
    return [Rect(*(round(value) for value in each.face.box_xyxy_px)) for each in faces]


def test_a_new_picture_is_drawn_and_the_frames_own_stays_as_it_was():
    image = ground("noise", 640, 480)
    before = image.copy()
    drawn = draw(result_of(image, [face((100, 100, 200, 200))], ["untrained model"]), fps=25.0)
    assert drawn.shape == image.shape
    assert drawn.dtype == np.uint8
    assert np.array_equal(image, before)
    assert not np.array_equal(drawn, image)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("count", [1, 2, 6])
def test_panels_lie_in_the_picture_and_over_no_face_and_no_other_panel(width, height, count):
    w = width / (8 if count == 6 else 6)
    faces = [
        face((x, y, x + w, y + w), i, present=(1, 12))
        for i in range(count)
        for x, y in [((0.08 + 0.32 * (i % 3)) * width, (0.17 + 0.42 * (i // 3)) * height)]
    ]
    layout, _ = plan(result_of(ground("grey", width, height), faces), n_frames=5)
    panels = [panel for panel in layout.panels if panel]
    assert len(panels) == count
    for panel in panels:
        assert 0 <= panel.left < panel.right <= width
        assert 0 <= panel.top < panel.bottom <= height
        assert not any(panel.shared(other) for other in rects(faces))
    assert not any(a.shared(b) for a, b in combinations(panels, 2))


def test_one_face_in_a_large_picture_has_all_aus_by_their_names():
    _, form = plan(result_of(ground("grey", 1280, 720), [face((500, 200, 700, 400))]))
    assert form.long_names
    assert form.all_aus


def test_many_faces_in_a_small_picture_have_only_the_aus_present_by_number():
    faces = [
        face((x, y, x + 50, y + 50), i, present=(1, 12)) for i, (x, y) in enumerate([(20, 40), (120, 40), (220, 40)])
    ]
    _, form = plan(result_of(ground("grey", 320, 240), faces))
    assert not form.long_names
    assert not form.all_aus


def test_a_face_that_fills_the_picture_still_tells_its_aus():
    layout, form = plan(result_of(ground("grey", 320, 240), [face((0, 0, 320, 240), present=(12,))]))
    assert not form.bars
    assert layout.panels[0] is not None


@pytest.mark.parametrize(("form_number", "present"), [*((i, True) for i in range(6)), *((i, False) for i in range(5))])
@pytest.mark.parametrize("probability", [0.0, 0.004, 0.25, 0.5, 0.87, 1.0])
def test_a_bars_pixels_are_the_probability(form_number, present, probability):
    """Counted in the drawn row: amber or blue pixels side by side = round(probability x track)."""
    form = forms(15)[form_number]
    image = panel_of_one_row(form, probability, present)
    track = form.bar_em * form.em_px
    beyond_name = image.shape[1] - track - steady_width_px("0.00", form.em_px) - form.em_px
    row = image[round(0.45 * form.em_px) + line_px(form.em_px) :][: line_px(form.em_px), beyond_name:]
    bar = (row == (PRESENT if present else ABSENT)).all(axis=2).any(axis=0)
    assert bar.sum() == bar_px(probability, track) == round(probability * track)


def panel_of_one_row(form, probability, present, disagreement=np.nan):
    """The picture of a panel with AU12 alone."""
    one = FaceAUs(
        Face(0, (0, 0, 9, 9), np.zeros((6, 2)), 0.9),
        (12,),
        np.full(1, probability, np.float32),
        np.full(1, present),
        np.full(1, disagreement, np.float32),
        0.9,
        5,
    )
    size = panel_size(one, (12,), form, 5)
    image = ground("black", *size)
    draw_panel(image, Rect(0, 0, *size), one, (12,), form, 5)
    return image


def test_the_whisker_is_as_wide_as_the_branches_differ():
    """0.2 around 0.5 on a track of 6 em = 90 px: dark or light pixels on the middle line from 36 to 54, no others."""
    plain, with_whisker = (panel_of_one_row(forms(15)[0], 0.5, True, disagreement) for disagreement in (np.nan, 0.2))
    changed = np.flatnonzero((plain != with_whisker).any(axis=(0, 2)))
    assert changed[-1] - changed[0] == 54 - 36


def test_present_and_absent_differ_in_shape_not_only_in_colour():
    """An AU present has a mark before its name and a thicker bar."""
    pad, em = round(0.45 * 15), 15
    marks, thick = [], []
    for present, colour in ((True, PRESENT), (False, ABSENT)):
        row = panel_of_one_row(forms(em)[0], 0.6, present)[pad + line_px(em) :][: line_px(em)]
        marks.append(row[:, pad : pad + 4].max())
        thick.append((row[:, em * 5 :] == colour).all(axis=2).any(axis=1).sum())
    assert (marks[0], marks[1]) == (255, 10)  # amber's red; the bare ground
    assert thick[0] >= 1.5 * thick[1] > 0


@pytest.mark.parametrize(
    ("in_order", "window", "amber"), [(0.9, 5, False), (0.2, 5, True), (0.9, 3, True), (np.nan, 5, True)]
)
def test_a_doubtful_order_and_a_window_that_fills_are_said_in_amber_words(in_order, window, amber):
    one = face((10, 10, 100, 100), in_order=in_order, window=window)
    for form in forms(15)[:4]:
        size = panel_size(one, AUS, form, 5)
        image = ground("black", *size)
        draw_panel(image, Rect(0, 0, *size), one, AUS, form, 5)
        below_bars = image[-(line_px(form.em_px) * (1 if form.long_names else 2)) - round(0.45 * form.em_px) :]
        assert (below_bars.max(axis=2) > 120).any()
        assert (below_bars == PRESENT).all(axis=2).any() == amber


def test_a_rejected_face_has_a_dashed_box_its_reason_and_no_panel():
    image = ground("black", 640, 480)
    result = result_of(image, [face((200, 200, 300, 300), rejected="turned")])
    layout, _ = plan(result)
    assert layout.panels == (None,)
    top_side = draw(result)[200, 200:300].max(axis=1)
    runs = np.flatnonzero(np.diff((top_side > 100).astype(int)))
    assert len(runs) >= 8
    assert not (draw(result) == ABSENT).all(axis=2).any()
    plain = draw(result_of(image, [face((200, 200, 300, 300), rejected="small")]))
    assert not np.array_equal(plain, draw(result))  # another reason, other words


@pytest.mark.parametrize("kind", ["white", "black", "noise"])
@pytest.mark.parametrize(("width", "height"), SIZES)
def test_text_stands_out_from_any_ground_by_the_contrast_that_wcag_asks(kind, width, height):
    """Of WCAG 2 (section 1.4.3), 4.5 : 1: the ink of the dim names against what lies behind the panel's text."""
    image = ground(kind, width, height)
    w = width // 8
    result = result_of(image, [face((w, w, 2 * w, 2 * w), disagreement=np.nan, probability=0.0, present=(1,))])
    layout, _ = plan(result)
    panel = layout.panels[0]
    light = luminance(draw(result)[panel.top : panel.bottom, panel.left : panel.right])
    behind = np.median(light)  # most of a panel is ground
    dim = luminance(np.array([[[186, 194, 204]]], np.uint8))[0, 0]
    assert (dim + 0.05) / (behind + 0.05) >= 4.5
    assert (light.max() + 0.05) / (behind + 0.05) >= 7  # the inks are really there
    assert np.quantile(light, 0.5) <= luminance(np.array([[[61, 61, 61]]], np.uint8))[0, 0]


def luminance(image):
    """Relative luminance, WCAG 2."""
    c = image.astype(np.float64) / 255
    linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722])


def test_a_box_can_be_seen_on_black_and_on_white():
    for kind in ("black", "white"):
        drawn = draw(result_of(ground(kind, 640, 480), [face((200, 200, 300, 300))]))
        side = drawn[250, 190:210].max(axis=1)
        assert side.max() > 240
        assert side.min() < 20


def test_notes_are_a_banner_at_the_top_that_panels_keep_clear_of():
    image = ground("white", 640, 480)
    note = "untrained model: AU values mean nothing"
    drawn = draw(result_of(image, [face((200, 20, 300, 120))], [note]))
    height = line_px(text_size_px(640, 480))
    assert luminance(drawn[:height, 400:]).max() < 0.06  # dark to the right end
    layout, _ = plan(result_of(image, [face((200, 20, 300, 120))], [note]))
    assert layout.panels[0].top >= height


def test_long_notes_are_wrapped_and_end_within_a_third_of_the_picture():
    image = ground("white", 320, 240)
    drawn = draw(result_of(image, notes=["word " * 400, "more " * 100]))
    assert (drawn[240 // 3 : 200] == 255).all()


@given(text=st.text("abcdefgh IJKÄß0123:", max_size=80), em=st.integers(9, 40), room=st.integers(0, 400))
@settings(deadline=None)
def test_text_that_was_fitted_or_wrapped_is_no_wider_than_its_room(text, em, room):
    short = fitted(text, em, room)
    assert width_px(short, em) <= max(room, 1)
    for line in wrapped(text, em, room, 3):
        assert width_px(line, em) <= room


@given(em=st.integers(9, 40), text=st.text("Aglpqy19, ", min_size=1, max_size=20))
@settings(deadline=None)
def test_no_ink_falls_outside_the_width_and_the_line_that_a_label_claims(em, text):
    wide = np.zeros((3 * line_px(em), width_px(text, em) + 80, 3), np.uint8)
    put(wide, text, 40, line_px(em), em, INK)
    ys, xs = np.nonzero(wide.max(axis=2))
    if len(xs):
        assert 40 <= xs.min() <= xs.max() < 40 + width_px(text, em)
        assert line_px(em) <= ys.min() <= ys.max() < 2 * line_px(em)


@given(
    width=st.integers(64, 700),
    height=st.integers(48, 500),
    boxes=st.lists(st.tuples(st.floats(-0.5, 1.2), st.floats(-0.5, 1.2), st.floats(0.0, 1.5)), max_size=8),
    rejected=st.sampled_from(["", "small", "edge", "a reason of tomorrow"]),
    note=st.sampled_from(["", "untrained model: AU values mean nothing", "x" * 300]),
)
@settings(deadline=None, max_examples=60)
def test_any_picture_from_64_by_48_with_any_faces_can_be_drawn(width, height, boxes, rejected, note):
    faces = [
        face((x * width, y * height, x * width + s * width, y * height + s * width), i, present=AUS[:i], window=i)
        for i, (x, y, s) in enumerate(boxes)
    ]
    if faces:
        faces[0] = face(faces[0].face.box_xyxy_px, rejected=rejected)
    overlay = Overlay(n_frames=5)
    for captured_s in (0.0, 0.0, 0.04):
        drawn = overlay.draw(result_of(ground("grey", width, height), faces, [note], captured_s=captured_s))
        assert drawn.shape == (height, width, 3)


def test_a_value_that_is_not_there_has_no_bar_and_does_not_stop_the_drawing():
    one = face((10, 10, 100, 100), probability=np.nan, disagreement=np.nan, in_order=np.nan, present=(12,))
    drawn = draw(result_of(ground("black", 1280, 720), [one]))
    assert not (drawn == ABSENT).all(axis=2).any()


def test_the_rate_is_that_of_the_frames_of_the_last_second():
    """25 a second, then 10 a second for longer than one second: 25.0, then 10.0."""
    overlay, reference = Overlay(), ground("grey", 320, 240)
    at_25 = [i / 25 for i in range(50)]
    at_10 = [at_25[-1] + (i + 1) / 10 for i in range(15)]
    for i, captured_s in enumerate(at_25):
        last = overlay.draw(result_of(reference, index=i, captured_s=captured_s, live=True))
    assert np.array_equal(last, draw(result_of(reference, index=49, live=True), fps=25.0))
    for i, captured_s in enumerate(at_10):
        last = overlay.draw(result_of(reference, index=i, captured_s=captured_s, live=True))
    assert np.array_equal(last, draw(result_of(reference, index=14, live=True), fps=10.0))


def test_a_recording_shows_no_rate_for_it_is_read_ahead_in_bursts():
    overlay, reference = Overlay(), ground("grey", 320, 240)
    for i in range(50):
        last = overlay.draw(result_of(reference, index=i, captured_s=i / 1000))
    assert np.array_equal(last, draw(result_of(reference, index=49)))


def test_a_panel_with_the_aus_present_says_so_if_there_are_none():
    one, form = face((10, 10, 100, 100)), next(form for form in forms(15) if not form.all_aus)
    size = panel_size(one, AUS, form, 5)
    image = ground("black", *size)
    draw_panel(image, Rect(0, 0, *size), one, AUS, form, 5)
    below_title = image[line_px(form.em_px) + round(0.45 * form.em_px) :]
    assert size == panel_size(face((10, 10, 100, 100), present=(12,)), AUS, form, 5)
    assert (below_title.max(axis=2) > 120).any()


def test_panels_rest_while_their_face_trembles():
    rng = np.random.default_rng(0)
    layout, places = None, set()
    for _ in range(50):
        x, y = 500 + rng.integers(-4, 5), 250 + rng.integers(-4, 5)
        layout, _ = plan(result_of(ground("grey", 1280, 720), [face((x, y, x + 150, y + 150))]), before=layout)
        places.add(layout.panels)
    assert len(places) == 1


def test_the_form_does_not_flicker_at_the_size_where_it_changes():
    """A face that comes closer and goes, 3 px at a time, over the place where the roomy form just fits."""
    widths = [*range(270, 380, 3), *range(380, 270, -3)]
    layout, forms_seen = None, []
    for i, w in enumerate(widths):
        w += 3 * (i % 2)  # and trembles
        layout, _ = plan(result_of(ground("grey", 640, 480), [face((20, 100, 20 + w, 400))]), before=layout)
        forms_seen.append(layout.form)
    assert len(set(forms_seen)) > 1
    assert np.count_nonzero(np.diff(forms_seen)) <= 2 * (len(set(forms_seen)) - 1)


def test_where_no_panel_fits_the_smallest_form_covers_least():
    """One face over all but the right third: the panel of the last form lies in that third, as far as it can."""
    scene = Scene((Rect(0, 0, 200, 300),), (0,), (), Rect(0, 0, 300, 300), 5)
    layout = arrange(scene, [lambda i: (150, 150), lambda i: (120, 20)])
    assert layout == Layout(1, (Rect(180, 0, 300, 20),), (0,))
