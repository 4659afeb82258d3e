"""Strong augmentation (ours): the variation of cameras and face detectors, to generalise to other recordings.

It shifts, scales, stretches and shears the crop, changes gamma and colour, blurs it, adds grain and covers a patch.
Rotation is smaller than the paper's 45 degrees, because crops are aligned upright.
"""

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from knowledge_spreader.arrays import F64

STRONG_ANGLE_DEG = 18.0
EXTRAS = (  # columns of Augmentation.extra
    "zoom",
    "aspect",
    "right",
    "down",
    "shear",
    "gamma",
    "red",
    "blue",
    "grey",
    "blur",
    "grain",
    "seed",
    "patch_x",
    "patch_y",
    "patch_w",
    "patch_h",
    "patch_tone",
)
UNTOUCHED = tuple(
    float(name in ("zoom", "aspect", "gamma", "red", "blue")) for name in EXTRAS
)  # values that change nothing
_BLUR = (0.03, 0.11, 0.22, 0.28, 0.22, 0.11, 0.03)  # about a Gaussian of 1.4 px


def draw_extra(rng: np.random.Generator, clips: int) -> F64:
    """(B, E), a row per clip; columns as in EXTRAS."""

    def sometimes(chance: float, values: F64) -> F64:
        return np.asarray(np.where(rng.random(clips) < chance, values, 0.0))

    patch = sometimes(0.15, np.ones(clips))
    columns = {
        "zoom": np.exp(rng.normal(0, 0.07, clips)),
        "aspect": np.exp(rng.normal(0, 0.04, clips)),
        "right": rng.normal(0, 0.05, clips),
        "down": rng.normal(0, 0.05, clips),
        "shear": rng.normal(0, 0.03, clips),
        "gamma": np.exp(rng.normal(0, 0.22, clips)),
        "red": np.exp(rng.normal(0, 0.06, clips)),
        "blue": np.exp(rng.normal(0, 0.06, clips)),
        "grey": sometimes(0.12, np.ones(clips)),
        "blur": sometimes(0.35, rng.uniform(0, 1, clips)),
        "grain": sometimes(0.35, rng.uniform(0, 14, clips)),
        "seed": rng.integers(0, 1 << 20, clips),
        "patch_x": rng.uniform(-0.1, 1.1, clips),
        "patch_y": rng.uniform(-0.1, 1.1, clips),
        "patch_w": patch * rng.uniform(0.05, 0.22, clips),
        "patch_h": patch * rng.uniform(0.05, 0.22, clips),
        "patch_tone": rng.uniform(0, 255, clips),
    }
    return np.stack([columns[name] for name in EXTRAS], 1)


def _columns(extra: Tensor) -> dict[str, Tensor]:
    return dict(zip(EXTRAS, extra.unbind(1), strict=True))


def placed(theta: Tensor, extra: Tensor) -> Tensor:
    """Adds zoom, aspect, shear and shift to theta (B, 2, 3) of affine_grid."""
    e = _columns(extra)
    zero = torch.zeros_like(e["zoom"])
    change = torch.stack(
        [torch.stack([e["zoom"] * e["aspect"], e["shear"]], 1), torch.stack([zero, e["zoom"] / e["aspect"]], 1)], 1
    )
    shift = torch.stack([2 * e["right"], 2 * e["down"]], 1)  # in affine_grid the picture's side is 2
    return torch.cat([theta[:, :, :2] @ change, (theta[:, :, 2] + shift)[:, :, None]], 2)


def spoil(x: Tensor, extra: Tensor) -> Tensor:
    """Colour, blur, grain and patch, the same for all frames of a clip. (B, N, 3, H, W) float, 0 to 255."""
    e = {name: column.view(-1, 1, 1, 1, 1) for name, column in _columns(extra).items()}
    x = 255 * (x / 255).clamp(1e-4, 1) ** e["gamma"]
    x = x * torch.cat([e["red"], torch.ones_like(e["red"]), e["blue"]], 2)
    x = torch.lerp(x, x.mean(2, keepdim=True), e["grey"])
    if (soft := extra[:, EXTRAS.index("blur")] > 0).any():
        x[soft] = torch.lerp(x[soft], _blurred(x[soft]), e["blur"][soft])
    if (grainy := extra[:, EXTRAS.index("grain")] > 0).any():
        dice = torch.Generator(x.device).manual_seed(int(extra[0, EXTRAS.index("seed")]))
        some = x[grainy]
        x[grainy] = some + e["grain"][grainy] * torch.randn(some.shape, generator=dice, device=x.device)
    height, width = x.shape[-2:]
    rows = ((torch.arange(height, device=x.device) + 0.5) / height).view(1, 1, 1, -1, 1)
    columns = ((torch.arange(width, device=x.device) + 0.5) / width).view(1, 1, 1, 1, -1)
    behind = ((rows - e["patch_y"]).abs() < e["patch_h"]) & ((columns - e["patch_x"]).abs() < e["patch_w"])
    return torch.where(behind, e["patch_tone"], x).clamp(0, 255)


def _blurred(x: Tensor) -> Tensor:
    """(B, N, 3, H, W) -> the same shape, blurred."""
    planes = x.flatten(0, 2)[:, None]  # (B*N*3, 1, H, W)
    kernel = x.new_tensor(_BLUR)
    half = len(_BLUR) // 2
    planes = F.conv2d(F.pad(planes, (half, half, 0, 0), mode="replicate"), kernel.view(1, 1, 1, -1))
    planes = F.conv2d(F.pad(planes, (0, 0, half, half), mode="replicate"), kernel.view(1, 1, -1, 1))
    return planes.view(x.shape)
