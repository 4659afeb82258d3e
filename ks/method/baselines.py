"""The baselines: the same network, data, augmentation and trainer as KS, but another loss."""

import torch
from torch import Tensor
from torch.nn import functional as F

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.method.algorithm import StepLoss, noisy
from knowledge_spreader.method.augment import Augmentation, augment
from knowledge_spreader.method.batch import Batch
from knowledge_spreader.method.losses import pseudo_labels, ramp, weighted_bce
from knowledge_spreader.method.network import KSModel, KSOutput


def supervised_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """Supervised baseline: every head learns from the labelled frames only."""
    l_sup = label_loss(run_labelled(model, batch, batch.labelled.noise.view, config), batch, weight)
    return StepLoss(l_sup, {"l_sup": l_sup.detach()}, {})


def frames_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """Branch A alone, on single labelled frames: a sixth of the work. Its weights can initialise both branches."""
    clips = batch.labelled
    picture = noisy(clips.pictures, clips.noise.view, config)[:, 0]
    l_sup = weighted_bce(model.spatial_teacher(model.base_a(picture)).float(), batch.labels, weight)
    return StepLoss(l_sup, {"l_sup": l_sup.detach()}, {})


def pseudo_label_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """Pseudo-Label (Lee 2013): the more probable class is the label of an unlabelled clip; its weight is ramped up."""
    l_sup = label_loss(run_labelled(model, batch, batch.labelled.noise.view, config), batch, weight)
    if batch.unlabelled is None:
        return StepLoss(l_sup, {"l_sup": l_sup.detach()}, {})
    clips = batch.unlabelled
    free = run(model, noisy(clips.pictures, clips.noise.view, config), batch.m, clips.noise.keep)
    y_hat = pseudo_labels(free.output)
    u_pl = weighted_bce(free.output, y_hat, weight)
    total = l_sup + ramp(batch.epoch, sigma=config.ramp_epochs) * config.semi_weight * u_pl
    counts = right_counts(y_hat, clips.truth[:, batch.m], torch.ones_like(free.output))
    return StepLoss(total, {"l_sup": l_sup.detach(), "u_pl": u_pl.detach()}, counts)


def fixmatch_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """FixMatch (Sohn et al. 2020): a confident prediction on the weakly augmented clip labels the strong one.

    Confidence is per AU: p or 1 - p reaches the threshold. Weak: the flip. Strong: the full augmentation.
    """
    l_sup = label_loss(run_labelled(model, batch, batch.labelled.noise.view.weak(), config), batch, weight)
    if batch.unlabelled is None:
        return StepLoss(l_sup, {"l_sup": l_sup.detach()}, {})
    clips = batch.unlabelled
    with torch.no_grad():
        weak = run(model, noisy(clips.pictures, clips.noise.view.weak(), config), batch.m, None).output
        confident = (weak.sigmoid() - 0.5).abs() >= config.fixmatch_threshold - 0.5  # (B, U)
    strong = run(model, noisy(clips.pictures, clips.noise.view, config), batch.m, clips.noise.keep).output
    y_hat = pseudo_labels(weak)
    bce = F.binary_cross_entropy_with_logits(strong, y_hat.to(strong.dtype), reduction="none")
    u_fm = (weight * bce * confident).mean()
    counts = right_counts(y_hat, clips.truth[:, batch.m], confident.float())
    return StepLoss(l_sup + config.semi_weight * u_fm, {"l_sup": l_sup.detach(), "u_fm": u_fm.detach()}, counts)


def tcl_step(model: KSModel, batch: Batch, config: TrainConfig, weight: Tensor) -> StepLoss:
    """TCL (Singh et al. 2021): an unlabelled clip must agree with itself at another speed, per clip and per group.

    A group is the clips of one speed with the same pseudo label. Our choice for multi-label AUs: the same set of AUs
    (the published method has one class per clip).
    """
    l_sup = label_loss(run_labelled(model, batch, batch.labelled.noise.view, config), batch, weight)
    if batch.unlabelled is None or batch.unlabelled.faster is None:
        return StepLoss(l_sup, {"l_sup": l_sup.detach()}, {})
    clips = batch.unlabelled
    slow = run(model, noisy(clips.pictures, clips.noise.view, config), batch.m, clips.noise.keep).output
    assert clips.faster is not None
    other = augment(clips.faster, clips.noise.second_view) if config.augment else clips.faster
    fast = run(model, other, batch.m, clips.noise.keep).output
    u_instance = contrast(slow, fast, config.tcl_temperature)
    u_group = group_contrast(slow, fast, config.tcl_temperature)
    total = l_sup + config.semi_weight * ramp(batch.epoch, sigma=config.ramp_epochs) * (u_instance + u_group)
    terms = {"l_sup": l_sup, "u_instance": u_instance, "u_group": u_group}
    counts = right_counts(pseudo_labels(slow), clips.truth[:, batch.m], torch.ones_like(slow))
    return StepLoss(total, {name: term.detach() for name, term in terms.items()}, counts)


def run_labelled(model: KSModel, batch: Batch, view: Augmentation, config: TrainConfig) -> KSOutput:
    """The network on the labelled clips. --key-frame-noise works as for KS: methods differ only in the loss."""
    clips = batch.labelled
    clip = noisy(clips.pictures, view, config)
    key_frame = (clip if config.key_frame_noise else clips.pictures)[:, batch.m]
    return KSOutput(*(x.float() for x in model(key_frame, clip, clips.noise.keep, batch.m)))


def run(model: KSModel, clip: Tensor, m: int, keep: Tensor | None) -> KSOutput:
    """The network on unlabelled clips, key frame at m; both branches see the augmented clip. Outputs float32."""
    return KSOutput(*(x.float() for x in model(clip[:, m], clip, keep, m)))


def label_loss(out: KSOutput, batch: Batch, weight: Tensor) -> Tensor:
    """The loss of every head that KS trains on labels, weighted as in KS (eq. 7 without distillation). -> ()"""
    labels = batch.labels
    a, s, b = (weighted_bce(o, labels, weight) for o in (out.o_a, out.o_s[:, batch.m], out.o_b))
    return 0.5 * (a + s) + weighted_bce(out.output, labels, weight) + 0.5 * (b + a)


def contrast(one: Tensor, two: Tensor, temperature: float) -> Tensor:
    """NT-Xent over the 2B logit vectors: the positive is the clip at the other speed. (B, U), (B, U) -> ()"""
    b = len(one)
    if b < 2:
        return one.sum() * 0
    z = F.normalize(torch.cat([one, two]), dim=1)  # (2B, U)
    similarity = (z @ z.T / temperature).masked_fill(torch.eye(2 * b, dtype=torch.bool, device=z.device), float("-inf"))
    partner = torch.arange(2 * b, device=z.device).roll(b)
    return F.cross_entropy(similarity, partner)


def group_contrast(one: Tensor, two: Tensor, temperature: float) -> Tensor:
    """NT-Xent between the mean logits of the groups that occur at both speeds. (B, U), (B, U) -> ()"""
    sets, group = torch.unique(torch.cat([pseudo_labels(one), pseudo_labels(two)]), dim=0, return_inverse=True)
    first, second = F.one_hot(group[: len(one)], len(sets)), F.one_hot(group[len(one) :], len(sets))  # (B, G)
    shared = (first.sum(0) > 0) & (second.sum(0) > 0)

    def mean(member: Tensor, logits: Tensor) -> Tensor:
        m = member[:, shared].to(logits.dtype)
        return (m / m.sum(0)).T @ logits  # (G', U)

    return contrast(mean(first, one), mean(second, two), temperature)


def right_counts(y_hat: Tensor, truth: Tensor, used: Tensor) -> dict[str, Tensor]:
    """Counts for the accuracy of used and of dropped pseudo labels; all inputs (B, U)."""
    right, known = (y_hat == truth).float(), (truth >= 0).float()
    return {
        "clips": used.new_tensor(float(used.numel())),
        "kept": used.sum(),
        "kept_right": (right * used).sum(),
        "kept_known": (known * used).sum(),
        "dropped_right": (right * (1 - used)).sum(),
        "dropped_known": (known * (1 - used)).sum(),
    }
