"""Onsets and their pairs."""

from itertools import combinations, permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.realtime.studio.agreement.onsets import matched, onsets


def track(values: dict[int, int]) -> dict[int, tuple[float, int]]:
    return {frame: (frame / 10, value) for frame, value in values.items()}


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ({0: 0, 1: 1, 2: 1, 3: 0, 4: 1}, [1, 4]),
        ({0: 1, 1: 1}, []),  # when it began is not known
        ({5: 1}, []),
        ({0: 0, 2: 1}, [2]),  # .2 s is within the tolerance
        ({0: 0, 3: 1}, []),
        ({0: 0, 1: -1, 2: 1}, []),  # not scorable in between
    ],
)
def test_an_onset_is_present_after_an_absent_that_is_near(values: dict[int, int], found: list[int]) -> None:
    assert onsets(track(values), 0.2) == found
    assert onsets(track({frame + 7: value for frame, value in values.items()}), 0.2) == [frame + 7 for frame in found]


def test_neighbours_count_whatever_the_tolerance() -> None:
    assert onsets(track({0: 0, 1: 1}), 0) == [1]


def test_pairs_by_hand() -> None:
    assert matched([1.0, 2.0, 5.0], [1.4, 2.6, 4.5], 0.5) == 2
    assert matched([1.0, 1.2], [1.1], 0.5) == 1  # each once
    assert matched([], [1.0], 0.5) == 0


@given(*(st.lists(st.integers(0, 20), max_size=4, unique=True).map(sorted) for _ in range(2)), st.integers(0, 5))
def test_no_way_to_pair_them_has_more_pairs(a: list[int], b: list[int], tolerance: int) -> None:
    few, many = sorted([a, b], key=len)
    best = max(
        (
            size
            for size in range(len(few) + 1)
            for some in combinations(few, size)
            for others in permutations(many, size)
            if all(abs(x - y) <= tolerance for x, y in zip(some, others, strict=True))
        ),
        default=0,
    )
    assert matched([float(x) for x in a], [float(x) for x in b], tolerance) == best
