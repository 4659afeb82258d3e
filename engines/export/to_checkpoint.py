"""Restores a checkpoint, to start training from, out of a `.ks` file.

A `.ks` file only contains what inference needs: batch norms are folded into convolutions, and the students' logits are
left out. The restored model gives the same outputs up to rounding, whatever faces are given. What training needs in
addition is chosen here:

- each batch norm gets the mean and standard deviation of its channel on the faces, so that it does the same in training
  mode, where it measures them, as in eval mode;
- each kernel gets the norm of a newly initialised one, so that a training step changes it as much;
- the layer for the students' logits is newly initialised.
"""

from collections.abc import Iterator
from itertools import pairwise
from math import sqrt
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from knowledge_spreader.arrays import U8
from knowledge_spreader.checkpoint import Checkpoint
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.backends.torch_model import answering_weights, folded
from knowledge_spreader.engines.backends.torch_weights import fill
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel, make_model

TOLERANCE = 1e-3  # largest difference; absolute for values up to 1, relative above
_BATCH = 64


@torch.no_grad()
def restored(file: ModelFile, faces: U8, seed: int = 0) -> KSModel:
    """The model of a `.ks` file with separate batch norms again, in eval mode.

    faces: (F, side, side, 3) uint8 RGB crops to measure the norms' statistics on. seed: for the students' logits.
    Raises ModelError if the file does not contain all weights, or if the outputs differ by more than TOLERANCE.
    """
    torch.manual_seed(seed)
    model = make_model(file.spec).eval()
    plain = folded(model)
    fill(answering_weights(plain), file)
    means, variances = _statistics(plain, faces)
    pairs = _convolutions_and_norms(model)
    kept = {name: x for name, x in plain.state_dict().items() if name.removesuffix(".weight") not in pairs}
    model.load_state_dict({name: x for name, x in kept.items() if name in model.state_dict()}, strict=False)
    for name, (conv, norm) in pairs.items():
        _unfold(conv, norm, plain.get_submodule(name), means[name], variances[name])
    _check(model, plain, faces)
    return model


def as_checkpoint(file: ModelFile, faces: U8, seed: int = 0) -> Checkpoint:
    """The restored model as a checkpoint, with the settings of a training of this architecture, which ks-eval needs."""
    spec = file.spec
    config = TrainConfig(
        "manifest",
        root="",
        out="",
        init=str(file.path),
        aus=spec.aus,
        fps=spec.fps,
        n_frames=spec.n_frames,
        side_px=spec.side_px,
        backbone=spec.backbone,
        correlation=spec.correlation,
        spatial_pooling=spec.spatial_pooling,
        frame_pooling=spec.frame_pooling,
        mark_key=spec.mark_key,
    )
    tensors = {f"model.{name}": x for name, x in restored(file, faces, seed).state_dict().items()}
    return Checkpoint(spec, config, tensors, {"restored_from": file.weights_id})


def _unfold(conv: nn.Conv2d, norm: nn.BatchNorm2d, flat: nn.Module, mean: Tensor, variance: Tensor) -> None:
    """Sets conv and norm to give the output of `flat`, which has this mean and variance per channel."""
    assert isinstance(flat, nn.Conv2d)
    assert flat.bias is not None
    fan_out = conv.out_channels * conv.kernel_size[0] * conv.kernel_size[1]
    length = sqrt(2 / fan_out * flat.weight[0].numel())  # as torchvision initialises its ResNets
    scale = length / flat.weight.flatten(1).norm(dim=1).clamp_min(1e-12)  # (C,)
    conv.weight.copy_(flat.weight * scale[:, None, None, None])
    assert norm.running_mean is not None
    assert norm.running_var is not None
    norm.running_mean.copy_((mean - flat.bias) * scale)
    norm.running_var.copy_(variance * scale**2)
    norm.weight.copy_((norm.running_var + norm.eps).sqrt() / scale)
    norm.bias.copy_(mean)


def _convolutions_and_norms(module: nn.Module, at: str = "") -> dict[str, tuple[nn.Conv2d, nn.BatchNorm2d]]:
    """Convolution name -> (convolution, the batch norm after it). The same pairs as in torch_model.folded."""
    found = {}
    for (name, conv), (_, norm) in pairwise(list(module.named_children())):
        if isinstance(conv, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
            found[at + name] = (conv, norm)
    for name, child in module.named_children():
        found |= _convolutions_and_norms(child, f"{at}{name}.")
    return found


def _statistics(plain: KSModel, faces: U8) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Mean and variance (C,) of each convolution's output, summed in float64."""
    sums: dict[str, list[Tensor]] = {}

    def hook(name: str) -> Any:
        def seen(_module: nn.Module, _args: object, out: Tensor) -> None:
            x = out.double()
            part = [x.sum((0, 2, 3)), (x * x).sum((0, 2, 3)), torch.tensor(float(x.numel() // x.shape[1]))]
            before = sums.get(name, [torch.zeros_like(p) for p in part])
            sums[name] = [a + b for a, b in zip(before, part, strict=True)]

        return seen

    handles = [m.register_forward_hook(hook(name)) for name, m in plain.named_modules() if isinstance(m, nn.Conv2d)]
    for batch in _batches(faces):
        plain.encode(batch)
    for handle in handles:
        handle.remove()
    means = {name: total / count for name, (total, _, count) in sums.items()}
    variances = {name: (squares / count - means[name] ** 2).clamp_min(0) for name, (_, squares, count) in sums.items()}
    return {name: x.float() for name, x in means.items()}, {name: x.float() for name, x in variances.items()}


def _check(model: KSModel, plain: KSModel, faces: U8) -> None:
    """Raises ModelError if the outputs of the two models differ by more than TOLERANCE."""
    for batch in _batches(faces[:_BATCH]):
        for ours, theirs in zip(model.encode(batch), plain.encode(batch), strict=True):
            difference = float((ours - theirs).abs().max() / max(1.0, float(theirs.abs().max())))
            if not difference <= TOLERANCE:
                raise ModelError(
                    f"the restored model differs by {difference:.1e} from the file on these faces; give others"
                )


def _batches(faces: U8) -> Iterator[Tensor]:
    for start in range(0, len(faces), _BATCH):
        yield torch.from_numpy(np.ascontiguousarray(faces[start : start + _BATCH]))
