"""Calibration to a person takes off what their neutral face says."""

import numpy as np
import pytest

from knowledge_spreader.realtime.temporal.neutral_baseline import REST, Neutral

KEY = (0, 0)


def p(*values: float) -> np.ndarray:
    return np.array(values, np.float32)


def fed(seconds: float, neutral: np.ndarray) -> Neutral:
    """Calibrated with ten frames a second of one neutral answer."""
    made = Neutral(seconds)
    for i in range(round(seconds * 10)):
        same, calibrated = made.apply(KEY, i / 10, neutral)
        assert not calibrated
        assert (same == neutral).all()
    return made


def test_a_neutral_face_that_looks_frowning_is_brought_to_rest() -> None:
    after, calibrated = fed(2.0, p(0.6, 0.02)).apply(KEY, 2.0, p(0.6, 0.02))
    assert calibrated
    assert after == pytest.approx([REST, 0.02], abs=1e-4)  # and what said nothing is not raised


def test_what_comes_on_top_is_told_by_the_difference_of_logits() -> None:
    after, _ = fed(1.0, p(0.6)).apply(KEY, 1.0, p(0.95))
    logit = np.log(0.95 / 0.05) - np.log(0.6 / 0.4) + np.log(REST / (1 - REST))
    assert after[0] == pytest.approx(1 / (1 + np.exp(-logit)), abs=1e-4)


def test_a_blink_in_the_neutral_seconds_does_not_count() -> None:
    neutral = Neutral(1.0)
    for i in range(10):
        neutral.apply(KEY, i / 10, p(0.99 if i in (4, 5) else 0.2))
    after, _ = neutral.apply(KEY, 1.0, p(0.2))
    assert after[0] == pytest.approx(REST, abs=1e-4)


def test_each_person_is_calibrated_alone_and_nobody_without_the_option() -> None:
    neutral = fed(1.0, p(0.6))
    assert neutral.apply((0, 1), 1.0, p(0.6)) == (p(0.6), False)
    assert Neutral(0.0).apply(KEY, 99.0, p(0.6)) == (p(0.6), False)


def test_one_frame_a_minute_is_not_enough_to_calibrate_on() -> None:
    neutral = Neutral(1.0)
    assert [neutral.apply(KEY, 60.0 * i, p(0.6))[1] for i in range(7)] == [False] * 5 + [True] * 2


def test_who_is_gone_for_long_is_forgotten() -> None:
    neutral = fed(1.0, p(0.6))
    neutral.forget(0, 5.0)
    assert neutral.apply(KEY, 5.0, p(0.6))[1]
    neutral.forget(0, 60.0)
    assert not neutral.apply(KEY, 60.0, p(0.6))[1]
