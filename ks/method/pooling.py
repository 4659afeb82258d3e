"""From a backbone's map to what a branch goes on with: one token per AU, or the mean of all places."""

import torch
from torch import Tensor, nn


class MeanPooling(nn.Module):
    """Global average pooling (figure 7): every place counts alike for every AU."""

    def forward(self, projected: Tensor, feature_map: Tensor) -> Tensor:
        """projected (B, U*D, h, w) -> (B, U*D)."""
        return projected.mean((2, 3))


class AttentionPooling(nn.Module):
    """A learned map per AU says how much each place counts; its weights are positive and sum to 1.

    It starts as the mean, and draws no random number: a model has the same first weights with either pooling.
    """

    def __init__(self, width: int, n_aus: int) -> None:
        super().__init__()
        self.look = nn.Parameter(torch.zeros(n_aus, width))  # a 1x1 convolution; a bias would fall out of the softmax

    def forward(self, projected: Tensor, feature_map: Tensor) -> Tensor:
        """projected (B, U*D, h, w), feature_map (B, C, h, w) -> (B, U*D)."""
        places = projected.flatten(2).unflatten(1, (len(self.look), -1))  # type: ignore[no-untyped-call]
        pooled: Tensor = places @ self.weights(feature_map).unsqueeze(3)  # (B, U, D, h*w) @ (B, U, h*w, 1)
        return pooled.flatten(1)

    def weights(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, U, h*w): where each AU looks."""
        return (self.look @ feature_map.flatten(2)).softmax(2)


def make_pooling(kind: str, width: int, n_aus: int) -> nn.Module:
    """kind is one of spec.POOLINGS."""
    return AttentionPooling(width, n_aus) if kind == "attention" else MeanPooling()


class AUTokens(nn.Module):
    """A token per AU (figure 7, left): decoupled from the map by a projection of its own, then pooled.

    S_a goes on from these; base_b's feature may be these side by side (ours): then the students see where something is.
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
    """base_b's feature as the paper has it: global average pooling."""

    def forward(self, feature_map: Tensor) -> Tensor:
        """(B, C, h, w) -> (B, C)."""
        return feature_map.mean((2, 3))
