"""Intensity from the logit: the curve rises, is right on the mean, and agreement is that of Shrout and Fleiss."""

import numpy as np
import pytest

from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.geometry.intensity import IntensityCurve, agreement, fit_curve, out_of_fold

RNG = np.random.default_rng(0)


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Half of the frames without the AU; else the logit follows the intensity, with noise."""
    intensity = np.where(RNG.random(n) < 0.5, 0, RNG.uniform(0, 5, n))
    return 2 * intensity - 5 + RNG.normal(0, 1, n), intensity


def test_the_curve_rises_and_is_right_on_the_mean() -> None:
    logit, intensity = drawn(4_000)
    curve = fit_curve(logit, intensity)
    assert np.all(np.diff(curve.intensities) > 0)
    assert len(curve.logits) <= 17
    for low in (-4, -1, 2):
        here = (logit >= low) & (logit < low + 2)
        assert curve(logit[here]).mean() == pytest.approx(intensity[here].mean(), abs=0.15)


def test_beyond_its_ends_it_is_level() -> None:
    curve = IntensityCurve((-1.0, 1.0), (0.0, 4.0))
    assert curve(np.array([-9.0, -1.0, 0.0, 1.0, 9.0])).tolist() == [0, 0, 2, 4, 4]
    assert curve.shifted(1.0)(np.array([1.0])).tolist() == [2]


def test_what_never_rises_is_one_level() -> None:
    logit = np.arange(100.0)
    curve = fit_curve(logit, 5 - logit / 20)
    assert curve(np.array([0.0, 99.0])) == pytest.approx([5 - 99 / 40] * 2)


def test_people_who_are_left_out_agree_nearly_as_well() -> None:
    logit, intensity = drawn(2_000)
    said = agreement(out_of_fold(logit, intensity, np.arange(2_000) % 4), intensity)
    assert said.icc > 0.9
    assert said.mae < 0.5


def test_agreement_of_two_judges_follows_from_the_variance_of_means_and_of_differences() -> None:
    """Two of the judges of Shrout & Fleiss 1979, table 2."""
    one, two = np.array([9.0, 6, 8, 7, 10, 6]), np.array([2.0, 1, 4, 1, 5, 2])
    between = 2 * np.var((one + two) / 2, ddof=1)
    rest = np.var(one - two, ddof=1) / 2
    assert agreement(one, two).icc == pytest.approx((between - rest) / (between + rest))
    assert agreement(one, two).mae == pytest.approx(np.abs(one - two).mean())
    assert agreement(one, one + 3).icc == pytest.approx(1)  # consistency, not level


def test_knots_that_fall_and_few_frames_are_one_line() -> None:
    with pytest.raises(ModelError, match="2 or more knots that rise"):
        IntensityCurve((0.0, 1.0), (2.0, 1.0))
    with pytest.raises(ModelError, match="from 0 to 5"):
        IntensityCurve((0.0, 1.0), (0.0, 6.0))
    with pytest.raises(DataError, match="50 or more frames"):
        fit_curve(np.zeros(10), np.zeros(10))
