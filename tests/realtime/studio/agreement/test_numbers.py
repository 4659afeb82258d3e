"""Kappa, Wexler's ratio and intraclass correlations, by hand and by other formulas."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.geometry.intensity import agreement
from knowledge_spreader.realtime.studio.agreement.numbers import icc, kappa, wexler


def test_kappa_by_hand() -> None:
    a = np.array([1, 1, 1, 1, 0, 0, 0, 0, 0, 0], bool)
    b = np.array([1, 1, 1, 0, 1, 0, 0, 0, 0, 0], bool)
    # 8 of 10 alike; by chance .4 x .4 + .6 x .6 = .52; (.8 - .52) / .48
    assert kappa(a, b) == pytest.approx(0.28 / 0.48)
    assert kappa(a, a) == 1
    assert kappa(a, ~a) == pytest.approx((0 - 0.48) / 0.52)  # by chance .4 x .6 twice


def test_kappa_does_not_exist_where_chance_alone_agrees_always() -> None:
    assert kappa(np.zeros(5, bool), np.zeros(5, bool)) is None
    assert kappa(np.zeros(0, bool), np.zeros(0, bool)) is None
    assert kappa(np.zeros(4, bool), np.array([0, 0, 0, 1], bool)) == 0


@given(st.lists(st.tuples(st.booleans(), st.booleans()), min_size=1, max_size=60))
def test_kappa_is_that_of_the_weighted_table_of_disagreements(pairs: list[tuple[bool, bool]]) -> None:
    """As scikit-learn has it: 1 - sum(w x observed) / sum(w x expected), w = 1 off the diagonal."""
    table = np.zeros((2, 2))
    for one, other in pairs:
        table[int(one), int(other)] += 1
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    off = 1 - np.eye(2)
    found = kappa(np.array([one for one, _ in pairs]), np.array([other for _, other in pairs]))
    if (off * expected).sum() == 0:
        assert found is None
    else:
        assert found == pytest.approx(1 - (off * table).sum() / (off * expected).sum())


def test_the_wexler_ratio_is_twice_the_shared_by_all_that_were_scored() -> None:
    # one scores 1+2+5+25, the other 1+2+25+26: three shared, 2 x 3 / (4 + 4)
    assert wexler(3, 4, 4) == 0.75
    assert wexler(0, 0, 0) is None


def test_icc_of_the_example_of_shrout_and_fleiss() -> None:
    """Their table 2: six targets by four judges; table 4 gives ICC(2,1) = .29 and ICC(3,1) = .71."""
    levels = np.array([[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]], float)
    absolute, consistent = icc(levels)
    assert absolute == pytest.approx(0.29, abs=0.005)
    assert consistent == pytest.approx(0.71, abs=0.005)


def test_icc_by_hand() -> None:
    # 0 1 2 and 1 2 3: frames differ by 1 each, the second coder is 1 higher, nothing is left.
    # Mean squares: frames 2 (.5, 1.5, 2.5 around 1.5: 2 x (1 + 0 + 1) / 2), coders 3 x (.25 + .25) / 1 = 1.5, rest 0.
    absolute, consistent = icc(np.array([[0, 1], [1, 2], [2, 3]], float))
    assert consistent == pytest.approx(1)
    assert absolute == pytest.approx(2 / (2 + 2 * 1.5 / 3))
    assert icc(np.array([[1, 2]], float)) == (None, None)
    assert icc(np.full((4, 2), 3.0)) == (None, None)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=2, max_size=40))
def test_icc_of_two_coders_is_that_of_sums_and_differences(pairs: list[tuple[int, int]]) -> None:
    """Of two coders the rest is half the variance of the difference, and the frames' half that of the sum."""
    levels = np.array(pairs, float)
    total, difference = levels.sum(axis=1), levels[:, 0] - levels[:, 1]
    frames, rest = total.var(ddof=1) / 2, difference.var(ddof=1) / 2
    absolute, consistent = icc(levels)
    if frames + rest < 1e-9:
        assert consistent is None
    else:
        assert consistent == pytest.approx((frames - rest) / (frames + rest))
        assert consistent == pytest.approx(agreement(levels[:, 0], levels[:, 1]).icc)
    coders = len(levels) * difference.mean() ** 2 / 2
    below = frames + rest + 2 * (coders - rest) / len(levels)
    if abs(below) > 1e-9:
        assert absolute == pytest.approx((frames - rest) / below)
