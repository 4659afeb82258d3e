"""threshold.py: the threshold with the best F1 to expect."""

import numpy as np
import pytest

from knowledge_spreader.adapt.threshold import expected_f1_threshold


def test_it_is_the_one_that_does_best_when_probabilities_are_true() -> None:
    rng = np.random.default_rng(0)
    p = rng.beta(0.4, 1.2, 20_000)
    truth = rng.random(len(p)) < p

    def f1(threshold: float) -> float:
        said = p >= threshold
        return float(2 * (said & truth).sum() / (said.sum() + truth.sum()))

    found = expected_f1_threshold(p)
    assert f1(found) == pytest.approx(max(f1(t) for t in np.linspace(0.01, 0.99, 99)), abs=0.003)


@pytest.mark.parametrize(
    ("p", "wanted"), [(np.zeros(10), 0.05), (np.ones(10), 0.95), (np.array([0.9, 0.8, 0.01]), 0.8)]
)
def test_by_hand(p: np.ndarray, wanted: float) -> None:
    assert expected_f1_threshold(p) == pytest.approx(wanted)
