"""One step of algorithm 1 and of the baselines: what learns from what, and what each switch takes away."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.method.algorithm import StepLoss, branch_b, guess, ks_step
from knowledge_spreader.method.augment import draw_noise
from knowledge_spreader.method.baselines import (
    contrast,
    fixmatch_step,
    group_contrast,
    pseudo_label_step,
    supervised_step,
    tcl_step,
)
from knowledge_spreader.method.batch import Batch, Clips
from knowledge_spreader.method.network import KSModel

CONFIG = TrainConfig(data="manifest", root="x", out="y", ramp=False, unlabelled_distillation=False)
ONES = torch.ones(4)


def clips(b: int, seed: int, faster: bool = False) -> Clips:
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (b, 5, 32, 32, 3), dtype=torch.uint8, generator=generator)
    truth = torch.randint(0, 2, (b, 5, 4), dtype=torch.int8, generator=generator)
    return Clips(pictures, truth, draw_noise((seed, 0, 2), b, 5, 16, 0.5), pictures.flip(1) if faster else None)


def batch(epoch: int = 5, m: int = 2, unlabelled: int = 0, faster: bool = False) -> Batch:
    return Batch(0, epoch, m, clips(6, 1), clips(unlabelled, 2, faster) if unlabelled else None)


def gradient_of(loss: StepLoss, model: KSModel) -> dict[str, float]:
    """Part of the network -> size of its gradient."""
    model.zero_grad()
    loss.total.backward()
    sizes: dict[str, float] = {}
    for name, parameter in model.named_parameters():
        part = name if name.startswith("spatial_students.logits") else name.split(".")[0]
        sizes[part] = sizes.get(part, 0.0) + (0.0 if parameter.grad is None else float(parameter.grad.abs().sum()))
    return sizes


def test_the_total_is_equation_7_of_its_logged_terms(tiny_model: KSModel) -> None:
    loss = ks_step(tiny_model, batch(), CONFIG, ONES)
    t = loss.terms
    expected = 0.5 * t["l_s"] + (t["l_bce"] + 0.5 * t["l_t"] + 0.2 * t["l_ssl"] + 0.25 * t["l_semi"])
    torch.testing.assert_close(loss.total, expected)


def test_the_ramp_weighs_all_but_the_first_term(tiny_model: KSModel) -> None:
    loss = ks_step(tiny_model, batch(epoch=3), replace(CONFIG, ramp=True), ONES)
    t = loss.terms
    rest = t["l_bce"] + 0.5 * t["l_t"] + 0.2 * t["l_ssl"] + 0.25 * t["l_semi"]
    torch.testing.assert_close(loss.total, 0.5 * t["l_s"] + float(np.exp(-1.28)) * rest)  # eq. 8 at epoch 3


def test_no_pseudo_label_before_the_third_epoch(tiny_model: KSModel) -> None:
    values = [
        ks_step(tiny_model, batch(epoch=e), replace(CONFIG, order_gate=False), ONES).terms["l_semi"].item()
        for e in (1, 2, 3)
    ]
    assert values[0] == values[1] == 0
    assert values[2] > 0


def test_the_gate_drops_exactly_the_clips_judged_shuffled(tiny_model: KSModel) -> None:
    b = batch()
    open_gate = ks_step(tiny_model, b, replace(CONFIG, order_gate=False), ONES)
    with torch.no_grad():
        tiny_model.temporal_teacher.order.bias.fill_(100.0)
    all_pass = ks_step(tiny_model, b, CONFIG, ONES)
    with torch.no_grad():
        tiny_model.temporal_teacher.order.bias.fill_(-100.0)
    none_pass = ks_step(tiny_model, b, CONFIG, ONES)
    assert all_pass.terms["l_semi"].item() == pytest.approx(open_gate.terms["l_semi"].item(), rel=1e-5)
    assert none_pass.terms["l_semi"].item() == 0
    assert (all_pass.counts["kept"].item(), none_pass.counts["kept"].item()) == (6, 0)
    assert none_pass.counts["dropped_known"].item() == 6 * 4 * 4  # clips x unlabelled positions x AUs


def test_pseudo_label_accuracy_is_counted_against_the_hidden_truth(tiny_model: KSModel) -> None:
    b = batch()
    with torch.no_grad():  # students that always say present
        for layer in tiny_model.spatial_students.logits:
            layer.bias.fill_(1e4)  # type: ignore[union-attr, operator]
    counts = ks_step(tiny_model, b, replace(CONFIG, order_gate=False), ONES).counts
    others = [j for j in range(5) if j != b.m]
    assert counts["kept_right"].item() == (b.labelled.truth[:, others] == 1).sum().item()
    assert counts["kept_known"].item() == 6 * 4 * 4


def test_the_label_reaches_only_the_student_at_the_key_position(tiny_model: KSModel) -> None:
    sizes = gradient_of(ks_step(tiny_model, batch(m=3), replace(CONFIG, pseudo_labels=False), ONES), tiny_model)
    reached = [sizes[f"spatial_students.logits.{j}.bias"] > 0 for j in range(5)]
    assert reached == [False, False, False, True, False]


def test_pseudo_labels_reach_the_other_students(tiny_model: KSModel) -> None:
    config = replace(CONFIG, lambda_s=0, lambda_t=0, order_gate=False)
    sizes = gradient_of(ks_step(tiny_model, batch(m=3), config, ONES), tiny_model)
    assert [sizes[f"spatial_students.logits.{j}.bias"] > 0 for j in range(5)] == [True, True, True, False, True]


@pytest.mark.parametrize(
    ("switch", "gone"),
    [
        ("spatial_distillation", ["l_skd"]),
        ("temporal_distillation", ["l_tkd"]),
        ("pseudo_labels", ["l_semi"]),
        ("order_task", ["l_ssl"]),
    ],
)
def test_each_switch_takes_its_term_away_and_no_other(tiny_model: KSModel, switch: str, gone: list[str]) -> None:
    with torch.no_grad():
        tiny_model.temporal_teacher.order.bias.fill_(100.0)  # all clips pass the gate
    off = ks_step(tiny_model, batch(), replace(CONFIG, **{switch: False}), ONES).terms  # type: ignore[arg-type]
    on = ks_step(tiny_model, batch(), CONFIG, ONES).terms
    assert [name for name in on if off[name] == 0 and on[name] != 0] == gone


def test_without_the_order_task_nothing_is_gated(tiny_model: KSModel) -> None:
    with torch.no_grad():
        tiny_model.temporal_teacher.order.bias.fill_(-100.0)
    assert ks_step(tiny_model, batch(), replace(CONFIG, order_task=False), ONES).terms["l_semi"] > 0


def test_branch_a_sees_the_plain_key_frame_and_branch_b_the_noisy_clip(tiny_model: KSModel) -> None:
    seen: dict[str, Tensor] = {}
    tiny_model.base_a.register_forward_pre_hook(lambda _, args: seen.update(a=args[0]))
    tiny_model.base_b.register_forward_pre_hook(lambda _, args: seen.update(b=args[0]))
    b = batch(m=1)
    ks_step(tiny_model, b, CONFIG, ONES)
    assert torch.equal(seen["a"], b.labelled.pictures[:, 1])
    assert not torch.equal(seen["b"].view_as(b.labelled.pictures), b.labelled.pictures)
    ks_step(tiny_model, b, replace(CONFIG, key_frame_noise=True), ONES)
    assert torch.equal(seen["a"], seen["b"].view_as(b.labelled.pictures)[:, 1])


def test_unlabelled_clips_teach_by_pseudo_labels_and_order_alone(tiny_model: KSModel) -> None:
    with torch.no_grad():
        tiny_model.temporal_teacher.order.bias.fill_(100.0)
    without, with_them = (ks_step(tiny_model.eval(), batch(unlabelled=n), CONFIG, ONES) for n in (0, 6))
    extra = 0.2 * with_them.terms["u_ssl"] + 0.25 * with_them.terms["u_semi"]
    torch.testing.assert_close(with_them.total - without.total, extra)
    assert with_them.terms["u_semi"] > 0
    assert with_them.counts["kept_known"].item() == 6 * 4 * 4 + 6 * 5 * 4  # all five positions of the unlabelled


def test_the_truth_of_other_frames_never_reaches_the_loss(tiny_model: KSModel) -> None:
    for step in (ks_step, supervised_step, pseudo_label_step, fixmatch_step, tcl_step):
        b = batch(unlabelled=6, faster=True)
        hidden = b.labelled.truth.clone()
        hidden[:, [j for j in range(5) if j != b.m]] = -1
        blind = b._replace(
            labelled=b.labelled._replace(truth=hidden),
            unlabelled=b.unlabelled._replace(truth=torch.full_like(b.unlabelled.truth, -1)) if b.unlabelled else None,
        )
        assert step(tiny_model, b, CONFIG, ONES).total == step(tiny_model, blind, CONFIG, ONES).total


def test_the_supervised_counterpart_trains_every_part_but_the_order_head(tiny_model: KSModel) -> None:
    sizes = gradient_of(supervised_step(tiny_model, batch(m=2), CONFIG, ONES), tiny_model)
    assert all(sizes[part] > 0 for part in ("base_a", "base_b", "spatial_teacher", "temporal_teacher"))
    assert tiny_model.temporal_teacher.order.weight.grad is None


@pytest.mark.parametrize("step", [pseudo_label_step, fixmatch_step, tcl_step])
def test_a_baseline_without_unlabelled_clips_is_the_supervised_one(tiny_model: KSModel, step: object) -> None:
    config = replace(CONFIG, augment=False)
    assert step(tiny_model, batch(), config, ONES).total == supervised_step(tiny_model, batch(), config, ONES).total  # type: ignore[operator]


def test_fixmatch_learns_only_from_confident_aus(tiny_model: KSModel) -> None:
    b = batch(unlabelled=6)
    none = fixmatch_step(tiny_model, b, replace(CONFIG, fixmatch_threshold=0.999999), ONES)
    every = fixmatch_step(tiny_model, b, replace(CONFIG, fixmatch_threshold=0.5), ONES)
    assert (none.terms["u_fm"].item(), none.counts["kept"].item()) == (0, 0)
    assert every.counts["kept"].item() == 6 * 4
    assert every.terms["u_fm"] > 0


def test_contrast_by_hand() -> None:
    # two clips, orthogonal, each equal to its other speed, temperature 1: for each of the four rows the partner has
    # similarity 1, the two strangers 0: -log(e / (e + 2))
    z = torch.eye(2)
    assert contrast(z, z, 1.0).item() == pytest.approx(-np.log(np.e / (np.e + 2)))


def test_contrast_of_one_clip_is_zero_and_keeps_the_gradient_whole() -> None:
    z = torch.randn(1, 3, requires_grad=True)
    contrast(z, z, 0.5).backward()
    assert z.grad is not None
    assert (z.grad == 0).all()


def test_groups_are_clips_with_the_same_set_of_aus() -> None:
    # clips 0 and 1 say AU a only, clip 2 says b only: group means (2, -1) and (-3, 3) at both speeds
    one = torch.tensor([[1.0, -1.0], [3.0, -1.0], [-3.0, 3.0]])
    expected = contrast(torch.tensor([[2.0, -1.0], [-3.0, 3.0]]), torch.tensor([[2.0, -1.0], [-3.0, 3.0]]), 0.5)
    grouped = group_contrast(one, one, 0.5)
    assert grouped.item() == pytest.approx(expected.item())


def test_unlabelled_distillation_teaches_branch_a_from_clips_without_a_label(tiny_model: KSModel) -> None:
    def gradient_on_a(config: TrainConfig) -> float:
        """Of branch A when no label is known and the labelled clips' distillation is off."""
        b = batch(unlabelled=6)
        blind = b._replace(labelled=b.labelled._replace(truth=torch.full_like(b.labelled.truth, -1)))
        tiny_model.zero_grad()
        ks_step(tiny_model, blind, replace(config, spatial_distillation=False), ONES).total.backward()
        return float(sum(p.grad.abs().sum() for p in tiny_model.base_a.parameters() if p.grad is not None))

    on = replace(CONFIG, unlabelled_distillation=True)
    assert ks_step(tiny_model, batch(unlabelled=6), CONFIG, ONES).terms["u_tkd"] == 0
    assert ks_step(tiny_model, batch(unlabelled=6), on, ONES).terms["u_tkd"] > 0
    assert gradient_on_a(on) > gradient_on_a(CONFIG) > gradient_on_a(replace(on, alpha=0.0)) == 0


def test_the_temporal_source_gives_each_frame_of_a_clip_the_clips_verdict(tiny_model: KSModel) -> None:
    spread = branch_b(tiny_model, tiny_model.features(clips(6, 1).pictures), clips(6, 1), 2)
    y_hat = guess(tiny_model, spread, clips(6, 1), replace(CONFIG, pseudo_source="temporal"))
    assert (y_hat == (spread.o_b > 0)[:, None]).all()
    own = guess(tiny_model, spread, clips(6, 1), CONFIG)
    assert (own == (tiny_model.spatial_students.classify(spread.p_b) > 0)).all()


@pytest.mark.parametrize("source", ["students", "temporal"])
def test_the_priors_threshold_finds_as_many_as_among_the_labels(tiny_model: KSModel, source: str) -> None:
    aus = len(ONES)
    c = clips(6, 1)._replace(prior=torch.full((aus,), 0.5))
    spread = branch_b(tiny_model, tiny_model.features(c.pictures), c, 2)
    y_hat = guess(tiny_model, spread, c, replace(CONFIG, pseudo_source=source, pseudo_threshold="prior"))
    assert (y_hat.float().mean((0, 1)) == 0.5).all()


def test_the_plain_view_labels_the_clip_as_it_was_before_the_noise(tiny_model: KSModel) -> None:
    c = clips(6, 1)
    noisy_spread = branch_b(tiny_model, tiny_model.features(c.pictures.flip(2)), c, 2)
    plain_spread = branch_b(tiny_model, tiny_model.features(c.pictures), c, 2)
    seen = guess(tiny_model, noisy_spread, c, replace(CONFIG, pseudo_view="plain", pseudo_source="temporal"))
    assert (seen == (plain_spread.o_b > 0)[:, None]).all()
