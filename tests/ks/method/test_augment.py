"""The noise of section 6.4: drawn the same for the same step, one change for all frames of a clip."""

import numpy as np
import pytest
import torch
from torchvision.transforms.v2 import functional as tv

from knowledge_spreader.method.augment import Augmentation, augment, draw_noise, no_augmentation


def test_noise_repeats_for_the_same_step_and_differs_for_another() -> None:
    a, again, b = (draw_noise((0, step, 2), 6, 5, 8, 0.5) for step in (4, 4, 5))
    assert torch.equal(a.keep, again.keep)
    assert torch.equal(a.view.angle_deg, again.view.angle_deg)
    assert not torch.equal(a.keep, b.keep)


def test_dropout_keeps_the_mean_and_its_share() -> None:
    keep = draw_noise((0, 1, 2), 64, 5, 128, 0.25).keep
    assert keep.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert keep.mean().item() == pytest.approx(1, abs=0.01)


@pytest.mark.parametrize("n", range(2, 10))
def test_a_shuffle_is_a_permutation_and_never_the_identity(n: int) -> None:
    order = draw_noise((0, n, 2), 500, n, 4, 0.5).order
    assert (order.sort(1).values == torch.arange(n)).all()
    assert (order != torch.arange(n)).any(1).all()


def views(**changes: float) -> Augmentation:
    view = no_augmentation(1)
    return view._replace(**{name: torch.tensor([float(value)]) for name, value in changes.items()})


def smooth_clip() -> torch.Tensor:
    rng = np.random.default_rng(0)
    small = torch.from_numpy(rng.uniform(0, 255, (4, 3, 6, 6)).astype(np.float32))
    big = torch.nn.functional.interpolate(small, size=(48, 48), mode="bicubic").clamp(0, 255).round().to(torch.uint8)
    return big.permute(0, 2, 3, 1)[None]  # (1, 4, 48, 48, 3)


def test_no_augmentation_changes_nothing() -> None:
    clip = smooth_clip()
    assert (augment(clip, no_augmentation(1)).int() - clip.int()).abs().max() <= 1


def test_a_flip_mirrors_left_and_right() -> None:
    clip = smooth_clip()
    assert (augment(clip, views(flip=1)).int() - clip.flip(3).int()).abs().max() <= 1


@pytest.mark.parametrize(
    ("name", "function"),
    [("brightness", tv.adjust_brightness), ("contrast", tv.adjust_contrast), ("saturation", tv.adjust_saturation)],
)
@pytest.mark.parametrize("factor", [0.6, 1.4])
def test_colour_factors_mean_what_they_mean_in_torchvision(name: str, function: object, factor: float) -> None:
    clip = smooth_clip()
    theirs = function(clip[0].permute(0, 3, 1, 2), factor).permute(0, 2, 3, 1)  # type: ignore[operator]
    ours = augment(clip, views(**{name: factor}))[0]
    assert (ours.int() - theirs.int()).abs().max() <= 2  # their uint8 steps are cut, ours rounded


@pytest.mark.parametrize("angle", [-45.0, 20.0])
def test_an_angle_turns_as_torchvision_turns(angle: float) -> None:
    clip = smooth_clip()
    theirs = tv.rotate(clip[0].permute(0, 3, 1, 2), angle, interpolation=tv.InterpolationMode.BILINEAR).permute(
        0, 2, 3, 1
    )
    ours = augment(clip, views(angle_deg=angle))[0]
    middle = slice(12, 36)  # the corners differ: they are filled with black there, with the border here
    difference = (ours.int() - theirs.int()).abs()[:, middle, middle]
    assert difference.float().mean() < 1.5


def test_all_frames_of_a_clip_get_the_same_change_and_clips_differ() -> None:
    frame = smooth_clip()[:, :1]
    clip = frame.expand(3, 5, -1, -1, -1)
    out = augment(clip, draw_noise((0, 0, 2), 3, 5, 4, 0.5).view)
    assert (out == out[:, :1]).all()
    assert not torch.equal(out[0], out[1])
