"""The strong noise: repeatable, the same for all frames of a clip, and nothing where its columns say nothing."""

import pytest
import torch
from torch import Tensor

from knowledge_spreader.method.augment import augment, draw_noise, no_augmentation
from knowledge_spreader.method.augment_strong import EXTRAS

NEUTRAL = {"zoom": 1.0, "aspect": 1.0, "gamma": 1.0, "red": 1.0, "blue": 1.0}


def clip(clips: int = 1, frames: int = 2) -> Tensor:
    rows = torch.linspace(30, 220, 48).view(1, 1, 48, 1, 1)
    columns = torch.linspace(0, 30, 48).view(1, 1, 1, 48, 1)
    return (rows + columns).round().to(torch.uint8).expand(clips, frames, 48, 48, 3).contiguous()


def changed(**columns: float) -> Tensor:
    """The clip after these columns alone, as float."""
    row = [float(columns.get(name, NEUTRAL.get(name, 0.0))) for name in EXTRAS]
    view = no_augmentation(1)._replace(extra=torch.tensor([row]))
    return augment(clip(), view).float()


def test_neutral_columns_change_nothing() -> None:
    assert (changed() - clip().float()).abs().max() <= 1


def test_a_shift_to_the_right_shows_what_lies_there() -> None:
    side_px, share = 48, 0.125
    moved = round(side_px * share)
    out = changed(right=share)
    assert (out[:, :, :, :-moved] - clip().float()[:, :, :, moved:]).abs().max() <= 1


def test_zoom_above_one_shows_more() -> None:
    seen = clip().float()
    assert changed(zoom=0.5).std() < 0.7 * seen.std()
    assert changed(zoom=1.3).std() > 0.98 * seen.std()


@pytest.mark.parametrize("column", ["red", "blue"])
def test_a_tint_changes_its_channel_alone(column: str) -> None:
    channel = {"red": 0, "blue": 2}[column]
    difference = (changed(**{column: 0.8}) - clip().float()).abs().mean((0, 1, 2, 3))
    assert difference[channel] > 10
    assert difference.sum() == pytest.approx(difference[channel].item(), abs=1)


def test_grain_is_as_strong_as_asked_and_repeats() -> None:
    first, again, other = (changed(grain=8, seed=seed) for seed in (5, 5, 6))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
    assert (first - clip().float()).std() == pytest.approx(8, rel=0.1)


def test_blur_softens_an_edge_and_keeps_the_mean() -> None:
    edge = torch.zeros(1, 1, 32, 32, 3, dtype=torch.uint8)
    edge[:, :, :, 16:] = 200
    row = [1.0 if name == "blur" else NEUTRAL.get(name, 0.0) for name in EXTRAS]
    out = augment(edge, no_augmentation(1)._replace(extra=torch.tensor([row]))).float()
    assert (out[..., 1:, :] - out[..., :-1, :]).max() < 80
    assert out.mean() == pytest.approx(edge.float().mean().item(), abs=1)


def test_a_patch_covers_its_place_alone() -> None:
    out = changed(patch_x=0.25, patch_y=0.5, patch_w=0.1, patch_h=0.1, patch_tone=255)
    covered = (out == 255).all(-1)[0, 0]
    assert covered[24, 12]
    assert covered.float().mean() == pytest.approx(0.04, abs=0.015)


def test_all_frames_of_a_clip_lie_alike_and_clips_differ() -> None:
    view = draw_noise((0, 1, 2), 6, 2, 4, 0.5, strong=True).view
    silent = view.extra.clone()
    silent[:, EXTRAS.index("grain")] = 0  # the one thing that is drawn anew for each frame, as a camera's is
    out = augment(clip(6), view._replace(extra=silent))
    assert (out[:, 0] == out[:, 1]).all()
    assert len({out[i].sum().item() for i in range(6)}) == 6


def test_the_papers_noise_is_drawn_as_ever_and_the_weak_view_has_no_extra() -> None:
    papers, strong = (draw_noise((3, 1, 2), 4, 5, 8, 0.5, strong=s).view for s in (False, True))
    assert papers.extra.shape == (4, 0)
    assert strong.extra.shape == (4, len(EXTRAS))
    assert strong.angle_deg.abs().max() <= 18
    assert strong.weak().extra.shape == (4, 0)
    assert torch.equal(strong.weak().flip, strong.flip)
