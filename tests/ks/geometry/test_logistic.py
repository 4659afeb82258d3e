"""fit_logistic finds weights that are known, and a strong ridge keeps them small."""

import numpy as np
import pytest

from knowledge_spreader.geometry.logistic import fit_logistic


def drawn(n: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, 3))
    logit = x @ (2.0, -1.0, 0.0) + 0.5
    return x, (rng.random(n) < 1 / (1 + np.exp(-logit))).astype(float)


def test_known_weights_are_found() -> None:
    x, present = drawn(20_000)
    weight, bias = fit_logistic(x, present, np.ones(len(x)), ridge=0.0)
    assert weight == pytest.approx((2.0, -1.0, 0.0), abs=0.08)
    assert bias == pytest.approx(0.5, abs=0.08)


def test_rows_without_weight_teach_nothing() -> None:
    x, present = drawn(500)
    twice = np.vstack([x, -x]), np.concatenate([present, present])
    share = np.concatenate([np.ones(500), np.zeros(500)])
    alone, both = fit_logistic(x, present, np.ones(500), 1e-3), fit_logistic(*twice, share, 1e-3)
    assert both[0] == pytest.approx(alone[0])
    assert both[1] == pytest.approx(alone[1])


def test_a_strong_ridge_keeps_weights_small_and_frees_the_bias() -> None:
    x, present = drawn(2_000)
    weight, bias = fit_logistic(x, present, np.ones(len(x)), ridge=1e4)
    assert np.abs(weight).max() < 1e-3
    assert bias == pytest.approx(np.log(present.mean() / (1 - present.mean())), abs=1e-3)


def test_what_can_be_told_without_error_stays_finite() -> None:
    x = np.linspace(-1, 1, 50)[:, None]
    weight, bias = fit_logistic(x, (x[:, 0] > 0).astype(float), np.ones(50), ridge=1e-6)
    assert np.isfinite([weight[0], bias]).all()
