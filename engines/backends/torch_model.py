"""Prepares a trained model for export: splits it into encoder and head, and folds batch norms into convolutions."""

import copy
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from knowledge_spreader.engines.ks_file.half_storage import LEAST_VALUES
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel

_TEACHING = "spatial_students.logits."  # the students' logits are only used in training


class Encoder(nn.Module):
    """The part per frame: faces (F, H, W, 3) uint8 -> o_a (F, U), feature (F, C)."""

    def __init__(self, model: KSModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, faces: Tensor) -> tuple[Tensor, Tensor]:
        o_a, feature = self.model.encode(faces)
        return o_a, feature


class Head(nn.Module):
    """The part per window: o_a (F, U), window (F, N, C) -> probability (F, U), o_b (F, U), in_order (F,)."""

    def __init__(self, model: KSModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, o_a: Tensor, window: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        output, o_b, in_order = self.model.predict(o_a, window)
        return output.float().sigmoid(), o_b, in_order


def folded(model: KSModel) -> KSModel:
    """A copy, in eval mode, with batch norms folded into the convolutions before them."""
    model = copy.deepcopy(model).eval()
    _fold(model)
    return model


def _fold(module: nn.Module) -> None:
    for (a, conv), (b, norm) in pairwise(list(module.named_children())):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            setattr(module, a, fuse_conv_bn_eval(conv, norm))
            setattr(module, b, nn.Identity())
    for child in module.children():
        _fold(child)


@torch.no_grad()
def round_to_half(model: KSModel) -> None:
    """Rounds the large tensors of a folded model to fp16 values, in place; their type stays fp32.

    Fold first, because folding changes the weights. Raises ModelError on a weight beyond fp16's range.
    """
    for name, x in answering_weights(model).items():
        if x.is_floating_point() and x.numel() >= LEAST_VALUES:
            if float(x.abs().max()) > torch.finfo(torch.float16).max:
                raise ModelError(
                    f"{name} has weights beyond fp16's range, {float(x.abs().max()):.1e}; leave --half out"
                )
            x.copy_(x.half())


def answering_weights(model: KSModel) -> dict[str, Tensor]:
    """The tensors of a folded model that its outputs depend on."""
    return {name: x for name, x in model.state_dict().items() if not name.startswith(_TEACHING)}
