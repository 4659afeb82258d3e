"""The rolling window picks features by time."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.realtime.temporal.windows import GAP_S, Windows
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 12), fps=25.0)
KEY = (0, 0)


def feature(value: float) -> np.ndarray:
    return np.full(3, value, np.float32)


def pushed(times_s: list[float], windows: Windows | None = None) -> tuple[list[float], int]:
    """Pushes features that hold their own time; what the last window holds."""
    windows = windows or Windows(SPEC)
    for time_s in times_s:
        window, different = windows.push(KEY, time_s, feature(time_s), False)
    return window[:, 0].tolist(), different


def test_at_the_models_own_rate_the_window_is_the_last_five_frames() -> None:
    window, different = pushed([i / 25 for i in range(8)])
    assert window == pytest.approx([3 / 25, 4 / 25, 5 / 25, 6 / 25, 7 / 25])
    assert different == 5


def test_a_faster_camera_is_sampled_at_the_models_interval() -> None:
    window, different = pushed([i / 100 for i in range(40)])  # every fourth of 100 frames/s is 25 a second
    assert window == pytest.approx([0.23, 0.27, 0.31, 0.35, 0.39])
    assert different == 5


def test_at_30_fps_the_nearest_frames_are_taken() -> None:
    window, _ = pushed([i / 30 for i in range(10)])  # 0.3 - .16 .12 .08 .04: nearest thirtieths 0.133 .167 .233 .267
    assert window == pytest.approx([4 / 30, 5 / 30, 7 / 30, 8 / 30, 9 / 30])


def test_a_slower_camera_fills_several_places_with_one_frame() -> None:
    window, different = pushed([0.0, 0.1, 0.2])
    assert window == pytest.approx([0.0, 0.1, 0.1, 0.2, 0.2])
    assert different == 3


def test_a_short_track_repeats_its_first_frame() -> None:
    assert pushed([1.0]) == ([1.0] * 5, 1)
    window, different = pushed([1.0, 1.04])
    assert window == pytest.approx([1.0, 1.0, 1.0, 1.0, 1.04])
    assert different == 2


@pytest.mark.parametrize("next_s", [1.0 + GAP_S + 0.01, 0.9, 1.0])
def test_a_gap_and_time_that_does_not_go_on_start_afresh(next_s: float) -> None:
    assert pushed([0.96, 1.0, next_s]) == ([pytest.approx(next_s)] * 5, 1)


def test_a_fresh_face_starts_afresh() -> None:
    windows = Windows(SPEC)
    pushed([0.0, 0.04], windows)
    window, different = windows.push(KEY, 0.08, feature(9), True)
    assert (window == 9).all()
    assert different == 1


def test_faces_and_streams_do_not_mix() -> None:
    windows = Windows(SPEC)
    for key in ((0, 0), (0, 1), (1, 0)):
        window, _ = windows.push(key, 1.0, feature(10 * key[0] + key[1]), False)
        assert (window == 10 * key[0] + key[1]).all()


def test_a_forgotten_stream_starts_afresh_and_others_go_on() -> None:
    windows = Windows(SPEC)
    for key in ((0, 0), (1, 0)):
        windows.push(key, 0.0, feature(0), False)
    windows.forget(0)
    assert windows.push((0, 0), 0.04, feature(1), False)[1] == 1
    assert windows.push((1, 0), 0.04, feature(1), False)[1] == 2


def test_faces_that_are_gone_are_dropped_and_those_that_are_there_are_kept() -> None:
    windows = Windows(SPEC)
    windows.push((0, 0), 0.0, feature(0), False)
    windows.push((0, 1), 0.9, feature(0), False)
    windows.forget(0, 1.0)
    assert list(windows._histories) == [(0, 1)]


@given(st.lists(st.floats(0.001, 0.4), min_size=1, max_size=60))
def test_any_camera_gets_the_nearest_feature_in_every_place(steps_s: list[float]) -> None:
    times = np.cumsum(steps_s)
    windows = Windows(SPEC)
    for time_s in times:
        window, _ = windows.push(KEY, float(time_s), np.array([time_s], np.float64), False)
    wanted = times[-1] - np.arange(4, -1, -1) / 25
    nearest = np.abs(times[:, None] - wanted).min(0)
    assert np.abs(window[:, 0] - wanted) == pytest.approx(nearest, abs=1e-6)
    assert len(windows._histories[KEY].times_s) <= 2 + 0.16 / 0.001
