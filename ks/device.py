"""Where a model runs: the processor, or an NVIDIA GPU."""

import os

import torch

from knowledge_spreader.errors import KSError


def pick_device(name: str) -> torch.device:
    """The device asked for; "auto" takes an NVIDIA GPU when torch sees one. Raises KSError when it is not there."""
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    if name == "auto":
        name = f"cuda:{rank}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise KSError(f"--device is auto, cpu or cuda; got {name!r}") from exc
    if device.type == "cuda" and not torch.cuda.is_available():
        raise KSError(
            "--device cuda was asked for, but torch sees no NVIDIA GPU; use --device cpu or install a CUDA torch"
        )
    return torch.device("cuda", rank) if device.type == "cuda" and device.index is None else device
