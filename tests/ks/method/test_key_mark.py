"""The mark of the key frame: on the token at m, in every pass of every method, and with it when tokens are shuffled."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import KSError
from knowledge_spreader.method.algorithm import StepLoss, branch_b, guess, ks_step
from knowledge_spreader.method.augment import draw_noise
from knowledge_spreader.method.baselines import fixmatch_step, pseudo_label_step, supervised_step, tcl_step
from knowledge_spreader.method.batch import Batch, Clips
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

CONFIG = TrainConfig(data="manifest", root="x", out="y", mark_key=True)
MARK = 1000.0  # of each number of the mark: no feature comes near it
Step = Callable[[KSModel, Batch, TrainConfig, Tensor], StepLoss]


def clips(seed: int) -> Clips:
    generator = torch.Generator().manual_seed(seed)
    pictures = torch.randint(0, 256, (6, 5, 32, 32, 3), dtype=torch.uint8, generator=generator)
    truth = torch.randint(0, 2, (6, 5, 4), dtype=torch.int8, generator=generator)
    return Clips(pictures, truth, draw_noise((seed, 0, 2), 6, 5, 16, 0.5), pictures.flip(1))


def batch(m: int) -> Batch:
    return Batch(0, 5, m, clips(1), clips(2))


@pytest.fixture
def marking(tiny_spec: ModelSpec) -> KSModel:
    torch.manual_seed(0)  # the seed of tiny_model
    return make_model(replace(tiny_spec, mark_key=True)).eval()


def set_mark(model: KSModel, value: float) -> None:
    assert model.temporal_teacher.key_mark is not None
    with torch.no_grad():
        model.temporal_teacher.key_mark.fill_(value)


@contextmanager
def watched(model: KSModel) -> Iterator[list[Tensor]]:
    """Collects (B, N) for each pass through T_b: whether a token is marked."""
    set_mark(model, MARK)
    seen: list[Tensor] = []

    def note(_: nn.Module, args: tuple[Tensor, ...]) -> None:
        seen.append(args[0].mean(2) > MARK / 2)

    handle = model.temporal_teacher.register_forward_pre_hook(note)
    yield seen
    handle.remove()


def only_at(m: int) -> Tensor:
    return torch.arange(5).eq(m).expand(6, 5)


def test_a_mark_of_zero_is_no_mark_and_changes_no_other_weight(tiny_model: KSModel, marking: KSModel) -> None:
    own, plain = marking.state_dict(), tiny_model.state_dict()
    assert own.keys() - plain.keys() == {"temporal_teacher.key_mark"}
    assert all(torch.equal(own[name], plain[name]) for name in plain)
    clip = clips(1).pictures
    with torch.no_grad():
        for m in range(5):
            assert torch.equal(marking(clip[:, m], clip, m=m).output, tiny_model(clip[:, m], clip).output)


def test_the_answer_depends_on_which_frame_is_marked_and_only_where_the_spec_marks(
    tiny_model: KSModel, marking: KSModel
) -> None:
    torch.nn.init.normal_(marking.get_parameter("temporal_teacher.key_mark"))
    clip = clips(1).pictures
    with torch.no_grad():
        with_mark, without = ([model(clip[:, 0], clip, m=m).o_b for m in range(5)] for model in (marking, tiny_model))
    assert all(not torch.allclose(with_mark[i], with_mark[j], atol=1e-4) for i in range(5) for j in range(i))
    assert all(torch.equal(o_b, without[0]) for o_b in without)


def test_where_nothing_is_said_the_newest_frame_is_marked_as_live(marking: KSModel) -> None:
    torch.nn.init.normal_(marking.get_parameter("temporal_teacher.key_mark"))
    clip = clips(1).pictures
    with torch.no_grad():
        assert torch.equal(marking(clip[:, 4], clip).o_b, marking(clip[:, 4], clip, m=4).o_b)
        o_a, window = marking.encode(clip[:, 4]).o_a, marking.features(clip)
        assert torch.equal(marking.predict(o_a, window).o_b, marking.predict(o_a, window, 4).o_b)
        assert not torch.equal(marking.predict(o_a, window).o_b, marking.predict(o_a, window, 0).o_b)


@pytest.mark.parametrize("m", [0, 3])
def test_the_mark_is_shuffled_with_its_frame(marking: KSModel, m: int) -> None:
    c = clips(1)
    with watched(marking) as seen, torch.no_grad():
        branch_b(marking, marking.features(c.pictures), c, m)
    in_order, shuffled = seen
    assert torch.equal(in_order, only_at(m))
    assert torch.equal(shuffled, c.noise.order == m)  # place i holds frame order[i]


@pytest.mark.parametrize("step", [supervised_step, pseudo_label_step, fixmatch_step, tcl_step])
def test_each_baseline_marks_its_labelled_and_unlabelled_clips_at_m(marking: KSModel, step: Step) -> None:
    with watched(marking) as seen:
        step(marking, batch(m=1), CONFIG, torch.ones(4))
    assert len(seen) == {supervised_step: 1, pseudo_label_step: 2, fixmatch_step: 3, tcl_step: 3}[step]
    assert all(torch.equal(marks, only_at(1)) for marks in seen)


def test_ks_marks_its_labelled_and_unlabelled_clips_at_m(marking: KSModel) -> None:
    b = batch(m=1)
    assert b.unlabelled is not None
    with watched(marking) as seen:
        ks_step(marking, b, CONFIG, torch.ones(4))
    orders = (b.labelled.noise.order == 1, b.unlabelled.noise.order == 1)
    wanted = (only_at(1), orders[0], only_at(1), orders[1])
    assert len(seen) == 4
    assert all(torch.equal(marks, want) for marks, want in zip(seen, wanted, strict=True))


def test_the_look_at_the_plain_clip_is_marked_too(marking: KSModel) -> None:
    c = clips(1)
    with torch.no_grad():
        spread = branch_b(marking, marking.features(c.pictures), c, 2)
        with watched(marking) as seen:
            guess(marking, spread, c, replace(CONFIG, pseudo_view="plain", pseudo_source="temporal"))
    assert torch.equal(seen[0], only_at(2))


def test_training_moves_the_mark(marking: KSModel) -> None:
    ks_step(marking, batch(m=2), CONFIG, torch.ones(4)).total.backward()
    gradient = marking.get_parameter("temporal_teacher.key_mark").grad
    assert gradient is not None
    assert gradient.abs().max() > 0


def test_a_key_frame_that_never_moves_is_not_marked() -> None:
    with pytest.raises(KSError, match="--no-key-shift"):
        replace(CONFIG, key_shift=False)
