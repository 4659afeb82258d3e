"""The backbones b_theta and b_sigma: ResNet-18 without its classifier, including the normalisation."""

import pickle
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor, nn
from torchvision.models import ResNet18_Weights, resnet18
from torchvision.models.resnet import BasicBlock

from knowledge_spreader.errors import MissingError, ModelError, one_line

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
_SILENCE_S = 30.0  # a network that answers nothing for so long counts as none


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
    if init == "imagenet" and (why := no_imagenet(name)):
        if name != "resnet18":
            raise ModelError(f"{why}; use --init random")
        url, folder = ResNet18_Weights.IMAGENET1K_V1.url, f"{torch.hub.get_dir()}/checkpoints"
        raise MissingError(f"{why}; put {url} into {folder}, or use --init random")
    if name != "resnet18":
        if name == "tiny":
            return Backbone(tiny_layers()), 64
        width = 32 if name == "resnet18-half" else 16
        return Backbone(resnet18_layers(width)), 8 * width
    network = resnet18(weights=ResNet18_Weights.IMAGENET1K_V1 if init == "imagenet" else None)
    return Backbone(nn.Sequential(*list(network.children())[:-2])), 512


def no_imagenet(name: str) -> str:
    """Why a backbone cannot start from ImageNet's weights; "" if it can.

    A file that is not in torch's cache yet is downloaded, and torch says so on stderr.
    """
    if name != "resnet18":
        return f"there are no ImageNet weights for the backbone {name}"
    try:
        with _timeout(_SILENCE_S):
            resnet18(weights=ResNet18_Weights.IMAGENET1K_V1)
    except (OSError, RuntimeError) as exc:  # urllib's errors are OSErrors; a bad checksum is a RuntimeError
        return f"ImageNet weights could not be downloaded ({one_line(exc)})"
    except (EOFError, pickle.UnpicklingError) as exc:
        return f"ImageNet weights in torch's cache are damaged ({one_line(exc)})"
    return ""


@contextmanager
def _timeout(seconds: float) -> Iterator[None]:
    """For all sockets opened within; torch.hub gives its own none."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(seconds)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


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
