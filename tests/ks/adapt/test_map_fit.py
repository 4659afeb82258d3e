"""map_fit.py: without labels the base model, with labels the optimum, and nothing in between is guessed."""

import numpy as np
import pytest

from knowledge_spreader.adapt.map_fit import PULL, Head, cross_entropy, fit_head
from knowledge_spreader.arrays import F64


def some_labels(n: int = 60, seed: int = 0) -> tuple[F64, F64, F64]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    present = (x[:, 0] + 0.5 * rng.normal(size=n) > 0).astype(float)
    return rng.normal(size=n), x, present


def loss(at: F64, base: F64, x: F64, present: F64, strength: float) -> float:
    head = Head(at[:-2], float(at[-2]), float(at[-1]))
    held = strength / 2 * (at[:-1] ** 2).sum() + PULL / 2 * at[-1] ** 2
    return float(cross_entropy(head(base, x), present).sum() + held)


def test_without_a_label_the_head_is_the_base_model() -> None:
    base, x, _ = some_labels()
    head = fit_head(np.zeros(0), np.zeros((0, 5)), np.zeros(0), 10.0)
    assert (head(base, x) == base).all()


def test_a_head_moves_towards_its_labels_and_the_more_the_more_there_are() -> None:
    base, x = np.zeros(8), np.tile([1.0, 0.0], (8, 1))
    few, many = (fit_head(base[:n], x[:n], np.ones(n), 3.0)(np.zeros(1), x[:1])[0] for n in (1, 8))
    assert 0 < few < many


@pytest.mark.parametrize("strength", [0.5, 3.0, 30.0])
def test_at_the_head_the_loss_is_flat_in_every_direction(strength: float) -> None:
    base, x, present = some_labels()
    head = fit_head(base, x, present, strength)
    at, step = np.array([*head.weight, head.scale, head.bias]), 1e-5
    assert abs(at).max() > 0.05
    for i in range(len(at)):
        up, down = (loss(at + sign * step * np.eye(len(at))[i], base, x, present, strength) for sign in (1, -1))
        assert abs(up - down) / (2 * step) < 1e-3


def test_infinite_strength_moves_the_bias_alone() -> None:
    base, x, present = some_labels()
    head = fit_head(base, x, present, np.inf)
    assert not head.weight.any()
    assert head.scale == 0
    assert head.bias != 0
    near = [
        cross_entropy(base + head.bias + d, present).sum() + PULL / 2 * (head.bias + d) ** 2 for d in (-0.01, 0, 0.01)
    ]
    assert near[1] == min(near)


def test_few_labels_are_shrunk_towards_the_base_model() -> None:
    """A strength of 30 leaves a tenth of what 60 labels would move, and a hundredth of it with 2."""
    base, x, present = some_labels(200)
    moved = [float(np.abs(fit_head(base[:n], x[:n], present[:n], 30.0).weight).sum()) for n in (2, 20, 200)]
    assert moved[0] < moved[1] / 2 < moved[2] / 4


def test_a_row_that_counts_twice_is_two_rows() -> None:
    base, x, present = some_labels(20)
    twice = fit_head(base, x, present, 3.0, counts=np.full(20, 2.0))
    both = fit_head(np.tile(base, 2), np.tile(x, (2, 1)), np.tile(present, 2), 3.0)
    assert twice.weight == pytest.approx(both.weight, abs=1e-4)


def test_labels_that_can_be_told_apart_perfectly_and_logits_without_bound_give_finite_heads() -> None:
    x = np.repeat([[-1e3], [1e3]], 10, axis=0)
    head = fit_head(1e4 * x[:, 0], x, (x[:, 0] < 0).astype(float), 3.0)
    assert np.isfinite([*head.weight, head.scale, head.bias]).all()
