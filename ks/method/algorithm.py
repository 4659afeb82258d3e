"""Algorithm 1: the loss of one training step of Knowledge-Spreader."""

from typing import NamedTuple

import torch
from torch import Tensor

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.method.augment import Augmentation, augment
from knowledge_spreader.method.batch import Batch, Clips
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
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.spec import UNKNOWN


class StepLoss(NamedTuple):
    """The loss of a step, and what is logged of it."""

    total: Tensor  # ()
    terms: dict[str, Tensor]  # each loss by name, before its weight, without gradient
    counts: dict[str, Tensor]  # sums over the batch; the log makes ratios of them at the end of the epoch


class Spread(NamedTuple):
    """Outputs of branch B on some clips."""

    p_b: Tensor  # (B, N, D)
    o_s: Tensor  # (B, N, U)
    o_b: Tensor  # (B, U)
    in_order: Tensor  # (B,) order logit for the true order
    in_order_shuffled: Tensor  # (B,) order logit for the same features, shuffled
    m: int  # position of the key frame


def ks_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """Algorithm 1, lines 3 to 22: the loss on the labelled clips and, if the batch has any, the unlabelled clips.

    weight (U,) is the class weight of eq. 3. The config can switch each term off (table 3).
    """
    m, labels = batch.m, batch.labels
    pictures, noise = batch.labelled.pictures, batch.labelled.noise
    view = noisy(pictures, noise.view, config)
    key_frame = (view if config.key_frame_noise else pictures)[:, m]
    o_a = model.spatial_teacher(model.base_a(key_frame)).float()  # (B, U)  line 4
    features = model.features(
        view
        if batch.unlabelled is None
        else torch.cat([view, noisy(batch.unlabelled.pictures, batch.unlabelled.noise.view, config)])
    )
    spread = branch_b(model, features[: len(view)], batch.labelled, m)  # lines 5 to 15

    zero = o_a.new_zeros(())
    l_skd = distillation(o_a, spread.o_s[:, m], config.kl) if config.spatial_distillation else zero  # line 8
    l_tkd = distillation(spread.o_b, o_a, config.kl) if config.temporal_distillation else zero  # line 20
    l_s = two_network_loss(o_a, spread.o_s[:, m], labels, weight, l_skd, config.alpha)
    l_t = two_network_loss(spread.o_b, o_a, labels, weight, l_tkd, config.alpha)
    output = (o_a + spread.o_b) / 2  # line 21
    l_bce = weighted_bce(output, labels, weight)
    l_ssl = order_loss(spread.in_order, spread.in_order_shuffled) if config.order_task else zero  # line 16
    l_semi, counts = spread_labels(
        model, spread, batch.labelled, batch.epoch, config, weight, key_position=m
    )  # line 10
    terms = {"l_s": l_s, "l_skd": l_skd, "l_t": l_t, "l_tkd": l_tkd, "l_bce": l_bce, "l_ssl": l_ssl, "l_semi": l_semi}
    w_ramp = ramp(batch.epoch, sigma=config.ramp_epochs) if config.ramp else 1.0
    lambdas = (config.lambda_s, config.lambda_t, config.lambda_ssl, config.lambda_semi)
    total = total_loss(l_s, l_bce, l_t, l_ssl, l_semi, lambdas, w_ramp)

    if batch.unlabelled is not None:  # section 6.2: losses of the pseudo labels and of the temporal teacher
        free = branch_b(model, features[len(view) :], batch.unlabelled, m)
        u_ssl = order_loss(free.in_order, free.in_order_shuffled) if config.order_task else zero
        u_semi, more = spread_labels(model, free, batch.unlabelled, batch.epoch, config, weight, key_position=None)
        u_tkd = zero
        if config.unlabelled_distillation and config.temporal_distillation:
            free_key = batch.unlabelled.pictures[:, m]
            u_tkd = distillation(free.o_b, model.spatial_teacher(model.base_a(free_key)).float(), config.kl)
        temporal = config.lambda_t * config.alpha * u_tkd + config.lambda_ssl * u_ssl
        total = total + w_ramp * (temporal + config.lambda_semi * u_semi)
        terms |= {"u_ssl": u_ssl, "u_semi": u_semi, "u_tkd": u_tkd}
        counts = {name: counts[name] + more[name] for name in counts}
    return StepLoss(total, {name: term.detach() for name, term in terms.items()}, counts)


def noisy(pictures: Tensor, view: Augmentation, config: TrainConfig) -> Tensor:
    """The augmented clip; with --no-augment, the clip itself."""
    return augment(pictures, view) if config.augment else pictures


def branch_b(model: KSModel, features: Tensor, clips: Clips, m: int) -> Spread:
    """S_b^1..S_b^N with dropout, and T_b on the features in their true order and shuffled. features (B, N, C).

    The key frame's mark, if used, is shuffled with its token. It does not reveal the order, because m changes with each
    batch.
    """
    p_b, o_s = model.spatial_students(features, clips.noise.keep)
    tokens = model.temporal_teacher.marked(p_b, m)
    o_b, in_order = model.temporal_teacher(tokens)
    shuffled = tokens.gather(1, clips.noise.order[:, :, None].expand_as(tokens))
    _, in_order_shuffled = model.temporal_teacher(shuffled)
    return Spread(p_b, o_s.float(), o_b.float(), in_order.float(), in_order_shuffled.float(), m)


def guess(model: KSModel, spread: Spread, clips: Clips, config: TrainConfig) -> Tensor:
    """Pseudo labels of all frames, (B, N, U) int8, predicted without dropout.

    In the paper, each student labels the augmented frame that it learns from. Options of ours: T_b's prediction for all
    frames of the clip, predictions on the clip without augmentation, the same share of positives as in the labels.
    """
    prior = clips.prior if config.pseudo_threshold == "prior" else None
    p_b, o_b = spread.p_b, spread.o_b
    if config.pseudo_view == "plain":
        p_b, _ = model.spatial_students(model.features(clips.pictures), None)
        o_b, _ = model.temporal_teacher(model.temporal_teacher.marked(p_b, spread.m))
    if config.pseudo_source == "students":
        return pseudo_labels(model.spatial_students.classify(p_b), prior)
    return pseudo_labels(o_b, prior)[:, None].expand(spread.o_s.shape)


def spread_labels(
    model: KSModel,
    spread: Spread,
    clips: Clips,
    epoch: int,
    config: TrainConfig,
    weight: Tensor,
    key_position: int | None,
) -> tuple[Tensor, dict[str, Tensor]]:
    """L_semi (eq. 5, 6) with the temporal gate (line 17), and counts for the accuracy of the pseudo labels.

    key_position None: unlabelled clips, so all N positions are used.
    """
    with torch.no_grad():
        y_hat = guess(model, spread, clips, config)  # (B, N, U)
        others = torch.ones_like(spread.o_s[..., 0])  # (B, N)
        if key_position is not None:
            others[:, key_position] = 0
        gated = config.order_gate and config.order_task
        kept = (spread.in_order > 0 if gated else torch.ones_like(spread.in_order, dtype=torch.bool)).float()  # (B,)
        started = config.pseudo_labels and epoch >= config.gate_from
        right = ((y_hat == clips.truth) * others[..., None]).sum((1, 2))  # (B,)
        known = ((clips.truth != UNKNOWN) * others[..., None]).sum((1, 2))
        counts = {
            "clips": kept.new_tensor(float(len(kept))),
            "kept": kept.sum(),
            "kept_right": (right * kept).sum(),
            "kept_known": (known * kept).sum(),
            "dropped_right": (right * (1 - kept)).sum(),
            "dropped_known": (known * (1 - kept)).sum(),
            "shuffled_caught": (spread.in_order_shuffled <= 0).float().sum(),
        }
    if not started:
        return spread.o_s.new_zeros(()), counts
    return pseudo_label_loss(spread.o_s, y_hat, weight, others * kept[:, None]), counts
