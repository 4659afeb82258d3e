"""Equations 1 to 8 of the paper, one pure function each.

Losses divide by a fixed size (B or B x U), not by the number of known labels. So unknown labels add nothing, known
labels have the same weight in every batch, and the losses of a batch split over processes add up to the whole.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import UNKNOWN


def weighted_bce(logits: Tensor, labels: Tensor, weight: Tensor) -> Tensor:
    """Eq. 3: weighted BCE with logits; sum over known labels divided by the number of elements.

    logits (..., U); labels (..., U) with 1, 0 and UNKNOWN; weight (U,) multiplies both terms. -> ()
    """
    if logits.shape != labels.shape or weight.shape != logits.shape[-1:]:
        shapes = f"logits {tuple(logits.shape)}, labels {tuple(labels.shape)}, weight {tuple(weight.shape)}"
        raise KSError(f"eq. 3 needs logits and labels (..., U) and weight (U,); got {shapes}")
    known = labels != UNKNOWN
    y = labels.clamp(min=0).to(logits.dtype)
    bce = F.binary_cross_entropy_with_logits(logits, y, reduction="none")
    return (weight * bce * known).sum() / max(1, labels.numel())


def distillation(student: Tensor, other: Tensor, kind: str, temperature: float = 1.0) -> Tensor:
    """Eq. 1 and 2: T^2 KL of both networks against the mean of their logits, without its gradient. -> ()

    student, other: (B, U) logits. kind "softmax", as in the paper: one distribution over the AUs. "bernoulli": one per
    AU, averaged over AUs, because several AUs can be present. 0 if both agree.
    """
    if student.shape != other.shape or student.dim() != 2:
        raise KSError(f"eq. 1 needs two (B, U); got {tuple(student.shape)} and {tuple(other.shape)}")
    target = ((student + other) / 2).detach() / temperature
    if kind == "softmax":
        divergence = _softmax_kl
    elif kind == "bernoulli":
        divergence = _bernoulli_kl
    else:
        raise KSError(f"kind must be softmax or bernoulli; got {kind!r}")
    total = divergence(student / temperature, target) + divergence(other / temperature, target)
    return temperature**2 * total / max(1, len(student))


def _softmax_kl(logits: Tensor, target: Tensor) -> Tensor:
    """Sum over the batch of KL(softmax(target) || softmax(logits)). (B, U), (B, U) -> ()"""
    return F.kl_div(logits.log_softmax(-1), target.log_softmax(-1), reduction="sum", log_target=True)


def _bernoulli_kl(logits: Tensor, target: Tensor) -> Tensor:
    """Sum over the batch, mean over AUs, of KL(Bernoulli(target) || Bernoulli(logits)). (B, U), (B, U) -> ()"""
    q = target.sigmoid()
    present = q * (F.logsigmoid(target) - F.logsigmoid(logits))
    absent = (1 - q) * (F.logsigmoid(-target) - F.logsigmoid(-logits))
    return (present + absent).mean(-1).sum()


def two_network_loss(
    first: Tensor, second: Tensor, labels: Tensor, weight: Tensor, divergence: Tensor, alpha: float
) -> Tensor:
    """Eq. 4: L_s = wBCE(o_a) + wBCE(o_s[m]) + alpha L_skd; L_t = wBCE(o_b) + wBCE(o_a) + alpha L_tkd (z = 2). -> ()"""
    return weighted_bce(first, labels, weight) + weighted_bce(second, labels, weight) + alpha * divergence


def pseudo_labels(logits: Tensor, prior: Tensor | None = None) -> Tensor:
    """The more probable class of each AU (section 6.2). (..., U) logits -> (..., U) int8, without gradient.

    prior (U,), 0 to 1: mark this share of each AU's highest logits as present. The more probable class of a rare AU is
    nearly always "absent"; students that learn it from their own predictions forget the AU.
    """
    if prior is None:
        return (logits.detach() > 0).to(torch.int8)
    flat = logits.detach().flatten(0, -2)  # (M, U)
    rank = flat.argsort(0, descending=True).argsort(0)
    return (rank < (prior * len(flat)).round()).to(torch.int8).view(logits.shape)


def pseudo_label_loss(o_s: Tensor, y_hat: Tensor, weight: Tensor, counts: Tensor) -> Tensor:
    """Eq. 5 and 6: wBCE against pseudo labels, sum over positions, mean over the batch. -> ()

    o_s, y_hat (B, N, U); weight (U,); counts (B, N): 1 if the position is used (not the key frame, clip passed the
    gate), else 0.
    """
    if o_s.shape != y_hat.shape or counts.shape != o_s.shape[:2] or weight.shape != o_s.shape[2:]:
        shapes = ", ".join(str(tuple(x.shape)) for x in (o_s, y_hat, weight, counts))
        raise KSError(f"eq. 6 needs o_s and y_hat (B, N, U), weight (U,) and counts (B, N); got {shapes}")
    bce = F.binary_cross_entropy_with_logits(o_s, y_hat.to(o_s.dtype), reduction="none")  # (B, N, U)
    return ((weight * bce).mean(2) * counts).sum() / max(1, len(o_s))


def order_loss(true_order: Tensor, shuffled: Tensor) -> Tensor:
    """L_ssl (figure 3): BCE of g_sigma; target 1 for the true order, 0 for the shuffled. (B,), (B,) -> ()"""
    if true_order.shape != shuffled.shape or true_order.dim() != 1:
        raise KSError(f"the order loss needs two (B,); got {tuple(true_order.shape)} and {tuple(shuffled.shape)}")
    return (F.softplus(-true_order).sum() + F.softplus(shuffled).sum()) / max(1, 2 * len(true_order))


def ramp(epoch: int, omega: float = 2.0, mu: float = 0.0, sigma: float = 5.0) -> float:
    """Eq. 8 for epochs counted from 1: exp(-omega (1 - (x - mu)^2 / sigma^2)) up to epoch sigma, then 1.

    The printed formula grows without bound; the text caps it at 1 after five epochs.
    """
    if epoch < 0 or sigma <= 0:
        raise KSError(f"eq. 8 needs an epoch of 0 or more and a positive sigma; got {epoch} and {sigma}")
    return 1.0 if epoch >= sigma + mu else math.exp(-omega * (1 - (epoch - mu) ** 2 / sigma**2))


def total_loss(
    l_s: Tensor,
    l_bce: Tensor,
    l_t: Tensor,
    l_ssl: Tensor,
    l_semi: Tensor,
    lambdas: tuple[float, float, float, float],
    w_ramp: float,
) -> Tensor:
    """Eq. 7: lambda_1 L_s + w_ramp (L_bce + lambda_2 L_t + lambda_3 L_ssl + lambda_4 L_semi). -> ()"""
    if len(lambdas) != 4:
        raise KSError(f"eq. 7 has 4 weights; got {lambdas}")
    one, two, three, four = lambdas
    return one * l_s + w_ramp * (l_bce + two * l_t + three * l_ssl + four * l_semi)
