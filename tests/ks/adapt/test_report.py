"""report.py: F1 beside the base model's, an interval from whole groups, and who does worse beyond chance."""

import numpy as np
import pytest

from knowledge_spreader.adapt.report import compare, worse_than_base
from knowledge_spreader.spec import UNKNOWN


def column(*values: int) -> np.ndarray:
    return np.array(values)[:, None]


def test_f1_by_hand_over_known_labels() -> None:
    labels = column(1, 1, 1, 1, 1, 0, 0, UNKNOWN).astype(np.int8)
    base = column(1, 1, 0, 0, 0, 1, 0, 1).astype(bool)
    own = column(1, 1, 1, 1, 0, 0, 0, 0).astype(bool)
    found = compare(base, own, labels, np.arange(8))
    assert found["frames"] == 7
    assert found["f1_base"] == round(2 * 2 / (2 * 2 + 1 + 3), 3)
    assert found["f1_own"] == round(2 * 4 / (2 * 4 + 0 + 1), 3)
    of_au = {"present": 5, "absent": 2, "f1_base": 0.5, "f1_own": 0.889, "gain_95": found["gain_95"]}
    assert found["per_au"] == [of_au]
    assert found["gain_95"][0] < 0.389 < found["gain_95"][1]
    assert found["aus"] == 1


def test_an_au_that_is_hardly_shown_counts_in_no_mean() -> None:
    labels = column(1, 1, 1, 1, 0, 0).astype(np.int8)
    found = compare(labels == 1, labels == 1, labels, np.arange(6))
    assert (found["aus"], found["f1_base"], found["gain_95"]) == (0, None, None)


def test_the_interval_is_wide_where_few_groups_differ_and_holds_0_where_nothing_does() -> None:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, (400, 1)).astype(np.int8)
    base = np.where(rng.random((400, 1)) < 0.7, labels, 1 - labels) == 1
    frames = compare(base, labels == 1, labels, np.arange(400))["gain_95"]
    groups = compare(base, labels == 1, labels, np.arange(400) // 40)["gain_95"]
    assert 0 < frames[0] < 0.3 < frames[1]
    assert groups[0] > 0
    assert compare(base, base, labels, np.arange(400))["gain_95"] == [0, 0]


@pytest.mark.parametrize(("lost", "won", "worse"), [(5, 0, [0]), (4, 0, []), (8, 1, [0]), (7, 2, []), (0, 9, [])])
def test_worse_beyond_chance_is_a_sign_test_of_groups(lost: int, won: int, worse: list[int]) -> None:
    """5 of 5 by chance: 1 in 32. 4 of 4: 1 in 16. 8 of 9: 10 in 512. 7 of 9: 46 in 512."""
    n = 3 * (lost + won)
    labels = np.ones((n, 1), np.int8)
    base = np.repeat([True] * lost + [False] * won, 3)[:, None]
    assert worse_than_base(base, ~base, labels, np.arange(n) // 3) == worse


def test_no_label_at_all_is_no_verdict() -> None:
    labels = np.full((4, 2), UNKNOWN, np.int8)
    says = np.zeros((4, 2), bool)
    assert worse_than_base(says, ~says, labels, np.arange(4)) == []
    assert compare(says, says, labels, np.arange(4))["f1_own"] is None
