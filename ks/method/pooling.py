"""Pooling of a backbone's feature map: one token per AU, or the mean over all positions."""

import torch
from torch import Tensor, nn


class MeanPooling(nn.Module):
    """Global average pooling (figure 7)."""

    def forward(self, projected: Tensor, feature_map: Tensor) -> Tensor:
        """projected (B, U*D, h, w) -> (B, U*D)."""
        return projected.mean((2, 3))


class AttentionPooling(nn.Module):
    """Weighted mean (ours) with a learned attention map per AU; weights are positive and sum to 1.

    It starts as the mean and draws no random numbers, so that initial weights do not depend on the pooling.
    """

    def __init__(self, width: int, n_aus: int) -> None:
        super().__init__()
        self.look = nn.Parameter(torch.zeros(n_aus, width))  # a 1x1 convolution; the softmax would cancel a bias

    def forward(self, projected: Tensor, feature_map: Tensor) -> Tensor:
        """projected (B, U*D, h, w), feature_map (B, C, h, w) -> (B, U*D)."""
        places = projected.flatten(2).unflatten(1, (len(self.look), -1))  # type: ignore[no-untyped-call]
        pooled: Tensor = places @ self.weights(feature_map).unsqueeze(3)  # (B, U, D, h*w) @ (B, U, h*w, 1)
        return pooled.flatten(1)

    def weights(self, feature_map: Tensor) -> Tensor:
        """The attention maps: (B, C, h, w) -> (B, U, h*w)."""
        return (self.look @ feature_map.flatten(2)).softmax(2)


def make_pooling(kind: str, width: int, n_aus: int) -> nn.Module:
    """The pooling of AUTokens; kind is one of spec.POOLINGS."""
    return AttentionPooling(width, n_aus) if kind == "attention" else MeanPooling()


class AUTokens(nn.Module):
    """A token per AU (figure 7, left): each AU has its own projection of the map, which is then pooled.

    S_a uses them. Branch B's feature can be these tokens, concatenated (ours), which keeps spatial information.
    """

    def __init__(self, width: int, n_aus: int, token_width: int, pool: nn.Module) -> None:
        super().__init__()
        self.project = nn.Conv2d(width, n_aus * token_width, kernel_size=1)
        self.pool = pool

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, U*D)."""
        pooled: Tensor = self.pool(self.project(feature_map).relu(), feature_map)
        return pooled


class FrameMean(nn.Module):
    """Branch B's feature as in the paper: global average pooling."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C)."""
        return feature_map.mean((2, 3))
