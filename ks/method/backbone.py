"""The backbones b_theta and b_sigma: ResNet-18 without its classifier, including the normalisation."""

from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.resnet import BasicBlock

from knowledge_spreader.errors import MissingError, ModelError

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Backbone(nn.Module):
    """uint8 RGB frames -> feature map. Mean and standard deviation are buffers, so that engines normalise the same."""

    mean: Tensor
    std: Tensor

    def __init__(self, layers: nn.Module) -> None:
        super().__init__()
        self.layers = layers
        self.register_buffer("mean", 255 * torch.tensor(IMAGENET_MEAN).view(3, 1, 1), persistent=False)
        self.register_buffer("std", 255 * torch.tensor(IMAGENET_STD).view(3, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(F, H, W, 3) uint8 -> (F, C, h, w). Raises ModelError on anything else."""
        if frames.dtype != torch.uint8 or frames.dim() != 4 or frames.shape[3] != 3:
            raise ModelError(f"frames must be uint8 (F, H, W, 3); got {frames.dtype} {tuple(frames.shape)}")
        pixels = frames.permute(0, 3, 1, 2).to(self.mean.dtype)  # NHWC as NCHW: channels-last without a copy
        feature_map: Tensor = self.layers((pixels - self.mean) / self.std)
        return feature_map


def make_backbone(name: str, init: str) -> tuple[Backbone, int]:
    """A backbone and its width C. name is a value of spec.BACKBONES, init is "random" or "imagenet".

    Raises MissingError if the ImageNet weights cannot be downloaded, ModelError if the backbone has none or on another
    init.
    """
    if init not in ("random", "imagenet"):
        raise ModelError(f"init of a backbone must be random or imagenet; got {init!r}")
    if name != "resnet18":
        if init == "imagenet":
            raise ModelError(f"there are no ImageNet weights for the backbone {name}; use --init random")
        if name == "tiny":
            return Backbone(tiny_layers()), 64
        width = 32 if name == "resnet18-half" else 16
        return Backbone(resnet18_layers(width)), 8 * width
    try:
        network = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if init == "imagenet" else None)
    except (OSError, RuntimeError) as exc:  # urllib's errors are OSErrors; a bad checksum is a RuntimeError
        url, folder = ResNet18_Weights.IMAGENET1K_V1.url, f"{torch.hub.get_dir()}/checkpoints"
        raise MissingError(
            f"ImageNet weights could not be downloaded ({exc}); put {url} into {folder}, or use --init random"
        ) from exc
    return Backbone(nn.Sequential(*list(network.children())[:-2])), 512


def resnet18_layers(width: int) -> nn.Sequential:
    """ResNet-18 without its classifier; `width` is the channels of its first layer (published: 64). C = 8 width."""
    layers: list[nn.Module] = [
        nn.Conv2d(3, width, 7, stride=2, padding=3, bias=False),
        nn.BatchNorm2d(width),
        nn.ReLU(inplace=True),
        nn.MaxPool2d(3, stride=2, padding=1),
    ]
    before = width
    for stage in range(4):
        after, stride = width << stage, 2 if stage else 1
        shortcut = None
        if stage:
            shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))
        layers.append(nn.Sequential(BasicBlock(before, after, stride, shortcut), BasicBlock(after, after)))
        before = after
    network = nn.Sequential(*layers)
    for module in network.modules():  # as torchvision initialises its ResNets
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    return network


def tiny_layers() -> nn.Sequential:
    """Four strided convolutions, C = 64, with 1/100 of ResNet-18's FLOPs: for tests."""
    widths = (3, 16, 32, 64, 64)
    return nn.Sequential(
        *(
            nn.Sequential(nn.Conv2d(i, o, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(o), nn.ReLU())
            for i, o in pairwise(widths)
        )
    )
