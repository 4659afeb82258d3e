"""Equations 1 to 8: by hand, zero where zero, gradients, refusals."""

import math

import pytest
import torch
from torch import Tensor
from torch.autograd import gradcheck

from knowledge_spreader.errors import KSError
from knowledge_spreader.method.losses import (
    distillation,
    order_loss,
    pseudo_label_loss,
    pseudo_labels,
    ramp,
    total_loss,
    two_network_loss,
    weighted_bce,
)

LN2 = math.log(2)


def t(*rows: object) -> Tensor:
    return torch.tensor(rows, dtype=torch.float64)


# eq. 3


def test_weighted_bce_by_hand() -> None:
    # logit 0: -log(1/2) = ln 2 whatever the label; weights 2 and 0.5 over two places
    loss = weighted_bce(t([0, 0]), torch.tensor([[1, 0]]), t(2, 0.5))
    assert loss.item() == pytest.approx((2 * LN2 + 0.5 * LN2) / 2)


def test_weighted_bce_multiplies_the_term_of_absence_too() -> None:
    # -log(1 - sigmoid(ln 3)) = -log(1/4) = 2 ln 2, times weight 3
    loss = weighted_bce(t([math.log(3)]), torch.tensor([[0]]), t(3))
    assert loss.item() == pytest.approx(3 * 2 * LN2)


def test_weighted_bce_is_zero_for_sure_right_answers_and_for_unknown_labels() -> None:
    assert weighted_bce(t([80, -80]), torch.tensor([[1, 0]]), t(1, 1)).item() == pytest.approx(0)
    assert weighted_bce(t([3, -5]), torch.tensor([[-1, -1]]), t(1, 1)).item() == 0


def test_an_unknown_label_does_not_change_the_weight_of_its_neighbours() -> None:
    both = weighted_bce(t([1, 1]), torch.tensor([[1, 1]]), t(1, 1))
    one = weighted_bce(t([1, 1]), torch.tensor([[1, -1]]), t(1, 1))
    assert one.item() == pytest.approx(both.item() / 2)


def test_weighted_bce_has_the_right_gradient_and_none_where_unknown() -> None:
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    y = torch.tensor([[1, 0, -1, 1], [0, 0, 1, -1], [1, 1, 0, 0]])
    assert gradcheck(lambda x: weighted_bce(x, y, t(1, 2, 3, 0.5)), x)
    weighted_bce(x, y, t(1, 2, 3, 0.5)).backward()
    assert x.grad is not None
    assert (x.grad[y == -1] == 0).all()


def test_weighted_bce_refuses_other_shapes() -> None:
    with pytest.raises(KSError, match=r"weight \(3,\)"):
        weighted_bce(t([0, 0]), torch.tensor([[1, 0]]), t(1, 1, 1))


# eq. 1 and 2


def test_softmax_distillation_by_hand() -> None:
    # logits a = (ln 9, 0), b = (-ln 9, 0): p = (.9, .1) and (.1, .9), their mean logit 0 gives q = (.5, .5)
    # KL(q || p) = .5 ln(.5/.9) + .5 ln(.5/.1) = .5 ln(.25/.09), for both alike
    a, b = t([math.log(9), 0]), t([-math.log(9), 0])
    assert distillation(a, b, "softmax").item() == pytest.approx(2 * 0.5 * math.log(0.25 / 0.09))


def test_bernoulli_distillation_by_hand() -> None:
    # one AU, logits +-ln 9: the same two distributions as above, one AU to average over
    a, b = t([math.log(9)]), t([-math.log(9)])
    assert distillation(a, b, "bernoulli").item() == pytest.approx(math.log(0.25 / 0.09))


@pytest.mark.parametrize("kind", ["softmax", "bernoulli"])
def test_distillation_is_zero_where_both_agree(kind: str) -> None:
    x = torch.randn(4, 5, dtype=torch.float64)
    assert distillation(x, x.clone(), kind).item() == pytest.approx(0, abs=1e-12)


def test_softmax_distillation_does_not_see_a_shift_of_all_logits_but_bernoulli_does() -> None:
    x = torch.randn(4, 5, dtype=torch.float64)
    assert distillation(x, x + 3, "softmax").item() == pytest.approx(0, abs=1e-12)
    assert distillation(x, x + 3, "bernoulli").item() > 0.1


@pytest.mark.parametrize("kind", ["softmax", "bernoulli"])
def test_distillation_pulls_both_networks_to_their_fixed_mean(kind: str) -> None:
    a = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    b = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    distillation(a, b, kind, temperature=2.0).backward()
    # by hand, T = 2: T^2/B * (p - q)/T for softmax, the same over U for bernoulli
    target = ((a + b) / 2).detach() / 2
    assert a.grad is not None
    if kind == "softmax":
        expected = 2 / 3 * ((a / 2).softmax(1) - target.softmax(1))
    else:
        expected = 2 / 3 / 4 * ((a / 2).sigmoid() - target.sigmoid())
    torch.testing.assert_close(a.grad, expected.detach())
    assert b.grad is not None
    assert b.grad.abs().sum() > 0


@pytest.mark.parametrize("kind", ["softmax", "bernoulli"])
def test_the_divergences_pass_gradcheck_against_a_fixed_target(kind: str) -> None:
    from knowledge_spreader.method.losses import _bernoulli_kl, _softmax_kl

    divergence = _softmax_kl if kind == "softmax" else _bernoulli_kl
    target = torch.randn(2, 3, dtype=torch.float64)
    assert gradcheck(lambda x: divergence(x, target), torch.randn(2, 3, dtype=torch.float64, requires_grad=True))


def test_distillation_refuses_other_shapes_and_kinds() -> None:
    with pytest.raises(KSError, match="two \\(B, U\\)"):
        distillation(t([1, 2]), t([1, 2, 3]), "softmax")
    with pytest.raises(KSError, match="softmax or bernoulli; got 'cosine'"):
        distillation(t([1, 2]), t([1, 2]), "cosine")


# eq. 4


def test_two_network_loss_by_hand() -> None:
    # both logits 0: ln 2 each, plus alpha 0.5 times a divergence of 0.8
    loss = two_network_loss(t([0]), t([0]), torch.tensor([[1]]), t(1), torch.tensor(0.8).double(), 0.5)
    assert loss.item() == pytest.approx(2 * LN2 + 0.4)


def test_two_network_loss_is_zero_when_both_are_right_and_agree() -> None:
    nothing = torch.tensor(0.0).double()
    assert two_network_loss(t([90]), t([90]), torch.tensor([[1]]), t(1), nothing, 0.5).item() == pytest.approx(0)


def test_two_network_loss_passes_gradcheck_for_both_networks() -> None:
    a, b = (torch.randn(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(2))
    y = torch.tensor([[1, 0, -1], [0, 1, 1]])
    assert gradcheck(lambda a, b: two_network_loss(a, b, y, t(1, 2, 3), (a - b).square().mean(), 0.5), (a, b))


def test_two_network_loss_refuses_labels_of_another_shape() -> None:
    with pytest.raises(KSError, match=r"eq\. 3 needs"):
        two_network_loss(t([0]), t([0]), torch.tensor([[1, 1]]), t(1), torch.tensor(0.0), 0.5)


# eq. 5 and 6


def test_pseudo_labels_are_the_more_probable_class_without_gradient() -> None:
    x = torch.tensor([[-0.1, 0.2], [3.0, -4.0]], requires_grad=True)
    y = pseudo_labels(x)
    assert y.tolist() == [[0, 1], [1, 0]]
    assert not y.requires_grad


def test_with_a_prior_as_many_pseudo_labels_are_present_as_it_says_those_with_the_highest_logits() -> None:
    x = torch.randn(4, 5, 3) - 4  # nothing is more probable than not
    y = pseudo_labels(x, torch.tensor([0.1, 0.25, 0.0]))
    assert not pseudo_labels(x).any()
    assert y.shape == x.shape
    assert y.sum((0, 1)).tolist() == [2, 5, 0]
    for au in (0, 1):
        assert x[..., au][y[..., au] == 1].min() > x[..., au][y[..., au] == 0].max()


def test_pseudo_label_loss_by_hand() -> None:
    # two clips, three positions, logits 0: each counted position gives ln 2 * weight 2; 2 + 0 positions over 2 clips
    o_s, y_hat = torch.zeros(2, 3, 1).double(), torch.ones(2, 3, 1)
    counts = t([1, 0, 1], [0, 0, 0])
    assert pseudo_label_loss(o_s, y_hat, t(2), counts).item() == pytest.approx(2 * 2 * LN2 / 2)


def test_pseudo_label_loss_is_zero_when_every_clip_is_dropped() -> None:
    o_s = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    loss = pseudo_label_loss(o_s, pseudo_labels(o_s), t(1, 1, 1, 1), torch.zeros(2, 3))
    loss.backward()
    assert loss.item() == 0
    assert o_s.grad is not None
    assert (o_s.grad == 0).all()


def test_pseudo_label_loss_has_the_right_gradient() -> None:
    o_s = torch.randn(2, 3, 2, dtype=torch.float64, requires_grad=True)
    y_hat = pseudo_labels(torch.randn(2, 3, 2))
    assert gradcheck(lambda x: pseudo_label_loss(x, y_hat, t(1, 2), t([1, 0, 1], [1, 1, 1])), o_s)


def test_pseudo_label_loss_refuses_other_shapes() -> None:
    with pytest.raises(KSError, match=r"counts \(B, N\)"):
        pseudo_label_loss(torch.zeros(2, 3, 1), torch.zeros(2, 3, 1), torch.ones(1), torch.ones(3, 2))


# figure 3


def test_order_loss_by_hand() -> None:
    # undecided about all: ln 2; sigmoid(ln 3) = 3/4 right about one pair: (ln(4/3) + ln(4/3)) / 2
    assert order_loss(t(0, 0), t(0, 0)).item() == pytest.approx(LN2)
    assert order_loss(t(math.log(3)), t(-math.log(3))).item() == pytest.approx(math.log(4 / 3))


def test_order_loss_is_zero_when_sure_and_right() -> None:
    assert order_loss(t(90), t(-90)).item() == pytest.approx(0)


def test_order_loss_has_the_right_gradient() -> None:
    a, b = (torch.randn(4, dtype=torch.float64, requires_grad=True) for _ in range(2))
    assert gradcheck(order_loss, (a, b))


def test_order_loss_refuses_other_shapes() -> None:
    with pytest.raises(KSError, match="two \\(B,\\)"):
        order_loss(t(1, 2), t(1))


# eq. 8


@pytest.mark.parametrize(
    ("epoch", "expected"),
    # sigma 5, omega 2: exp(-2 (1 - x^2/25)): x = 1 exp(-1.92), 3 exp(-1.28), 4 exp(-0.72); from 5 on 1
    [(1, math.exp(-1.92)), (3, math.exp(-1.28)), (4, math.exp(-0.72)), (5, 1.0), (6, 1.0), (50, 1.0)],
)
def test_ramp_by_hand(epoch: int, expected: float) -> None:
    assert ramp(epoch) == pytest.approx(expected)


def test_ramp_never_falls_and_never_passes_one() -> None:
    values = [ramp(x) for x in range(60)]
    assert values == sorted(values)
    assert max(values) == 1


def test_ramp_refuses_a_negative_epoch() -> None:
    with pytest.raises(KSError, match="got -1"):
        ramp(-1)


# eq. 7


def test_total_loss_by_hand() -> None:
    # 0.5*1 + 0.1*(2 + 0.5*3 + 0.2*4 + 0.25*5) = 0.5 + 0.1*5.55
    terms = [torch.tensor(float(x)) for x in (1, 2, 3, 4, 5)]
    assert total_loss(*terms, (0.5, 0.5, 0.2, 0.25), 0.1).item() == pytest.approx(1.055)


def test_total_loss_is_zero_without_weights() -> None:
    terms = [torch.tensor(float(x)) for x in (1, 2, 3, 4, 5)]
    assert total_loss(*terms, (0, 0, 0, 0), 0.0).item() == 0


def test_total_loss_has_the_right_gradient() -> None:
    terms = tuple(torch.randn((), dtype=torch.float64, requires_grad=True) for _ in range(5))
    assert gradcheck(lambda *x: total_loss(*x, (0.5, 0.5, 0.2, 0.25), 0.3), terms)


def test_total_loss_refuses_too_few_weights() -> None:
    with pytest.raises(KSError, match="4 weights"):
        total_loss(*[torch.tensor(0.0)] * 5, (0.5, 0.5, 0.2), 1.0)  # type: ignore[arg-type]
