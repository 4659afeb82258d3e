"""Augmentation (section 6.4), the same for all frames of a clip: drawn from the seed, applied on the batch's device."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from knowledge_spreader.method.augment_strong import STRONG_ANGLE_DEG, UNTOUCHED, draw_extra, placed, spoil


class Augmentation(NamedTuple):
    """The augmentation of each clip (section 6.4); (B,) float32 unless noted."""

    angle_deg: Tensor
    flip: Tensor  # 1 or 0
    brightness: Tensor  # factors around 1
    contrast: Tensor
    saturation: Tensor
    extra: Tensor  # (B, E) parameters of the strong augmentation, columns as in method.augment_strong; (B, 0): off

    def weak(self) -> "Augmentation":
        """Only the flip: FixMatch's weak augmentation."""
        one = torch.ones_like(self.angle_deg)
        return Augmentation(torch.zeros_like(self.angle_deg), self.flip, one, one, one, self.extra[:, :0])

    def calmed(self, which: Tensor) -> "Augmentation":
        """Only the flip for the clips `which` (B,) bool; the others are unchanged."""
        untouched = self.extra.new_tensor(UNTOUCHED[: self.extra.shape[1]])
        return Augmentation(
            angle_deg=self.angle_deg.masked_fill(which, 0.0),
            flip=self.flip,
            brightness=self.brightness.masked_fill(which, 1.0),
            contrast=self.contrast.masked_fill(which, 1.0),
            saturation=self.saturation.masked_fill(which, 1.0),
            extra=torch.where(which[:, None], untouched, self.extra),
        )


class Noise(NamedTuple):
    """All random numbers of a step for one set of clips. They depend on seed and step only, so that a resumed run and a
    run split over processes use the same."""

    view: Augmentation
    second_view: Augmentation  # a second draw, for methods with two augmented versions
    keep: Tensor  # (B, N, D) float32 dropout mask, scaled by 1 / (1 - p)
    order: Tensor  # (B, N) int64 permutation, never the identity


MAX_ANGLE_DEG = 45.0  # section 6.4
JITTER = 0.4  # brightness, contrast and saturation factors in 1 +- 0.4; our choice, the paper gives no range


def draw_noise(
    entropy: Sequence[int], clips: int, n_frames: int, token_width: int, dropout: float, strong: bool = False
) -> Noise:
    """Random numbers for the global batch; entropy is (seed, step, index of the set of clips)."""
    rng = np.random.default_rng(list(entropy))
    views = [_draw_view(rng, clips, strong), _draw_view(rng, clips, strong)]
    keep = (rng.random((clips, n_frames, token_width), np.float32) >= dropout).astype(np.float32) / (1 - dropout)
    order = rng.permuted(np.tile(np.arange(n_frames), (clips, 1)), axis=1)
    still = (order == np.arange(n_frames)).all(1)
    order[still] = np.roll(order[still], 1, axis=1)
    return Noise(views[0], views[1], torch.from_numpy(keep), torch.from_numpy(order))


def _draw_view(rng: np.random.Generator, clips: int, strong: bool) -> Augmentation:
    angle = rng.uniform(-MAX_ANGLE_DEG, MAX_ANGLE_DEG, clips)
    flip = rng.integers(0, 2, clips)
    factors = rng.uniform(1 - JITTER, 1 + JITTER, (3, clips))
    extra = np.empty((clips, 0))
    if strong:
        angle *= STRONG_ANGLE_DEG / MAX_ANGLE_DEG
        extra = draw_extra(rng, clips)
    return Augmentation(*(torch.from_numpy(np.asarray(a, np.float32)) for a in (angle, flip, *factors, extra)))


def no_augmentation(clips: int) -> Augmentation:
    """The augmentation that changes nothing."""
    zero, one = torch.zeros(clips), torch.ones(clips)
    return Augmentation(zero, zero, one, one, one, torch.zeros(clips, 0))


LUMA = (0.2989, 0.587, 0.114)  # ITU-R BT.601, as in torchvision's rgb_to_grayscale


def augment(clip: Tensor, view: Augmentation) -> Tensor:
    """Rotate, flip and jitter the colours of each clip: uint8 (B, N, H, W, 3) -> the same shape and type.

    Runs on the batch's device, so that it costs the loader processes nothing. Factors are those of torchvision's
    adjust_brightness, adjust_contrast (around the frame's mean luma) and adjust_saturation.
    """
    b, n, h, w, _ = clip.shape
    x = clip.permute(0, 1, 4, 2, 3).reshape(b, n * 3, h, w).float()
    x = _rotate_and_flip(x, view).view(b, n, 3, h, w)
    factor = [f.to(x.device).view(b, 1, 1, 1, 1) for f in (view.brightness, view.contrast, view.saturation)]
    luma = x.new_tensor(LUMA).view(3, 1, 1)
    x = (x * factor[0]).clamp(0, 255)
    mean = (x * luma).sum(2, keepdim=True).mean((3, 4), keepdim=True)
    x = (mean + (x - mean) * factor[1]).clamp(0, 255)
    grey = (x * luma).sum(2, keepdim=True)
    x = (grey + (x - grey) * factor[2]).clamp(0, 255)
    if view.extra.shape[1]:
        x = spoil(x, view.extra.to(x.device))
    return x.round().to(torch.uint8).permute(0, 1, 3, 4, 2)


def _rotate_and_flip(x: Tensor, view: Augmentation) -> Tensor:
    """(B, C, H, W) float. Outside the picture the border is repeated, because real crops have no black corners."""
    angle = torch.deg2rad(view.angle_deg.to(x.device))
    mirror = 1 - 2 * view.flip.to(x.device)
    cos, sin, zero = angle.cos(), angle.sin(), torch.zeros_like(angle)
    theta = torch.stack([torch.stack([mirror * cos, -mirror * sin, zero], 1), torch.stack([sin, cos, zero], 1)], 1)
    if view.extra.shape[1]:
        theta = placed(theta, view.extra.to(x.device))
    grid = F.affine_grid(theta, list(x.shape), align_corners=False)
    return F.grid_sample(x, grid, mode="bilinear", padding_mode="border", align_corners=False)
