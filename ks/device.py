"""The torch device of a model: the CPU, or an NVIDIA GPU."""

import os

import torch

from knowledge_spreader.errors import KSError


def pick_device(name: str) -> torch.device:
    """The requested device; "auto" uses an NVIDIA GPU if torch finds one. Raises KSError if it is not available."""
    rank = int(os.environ.get("LOCAL_RANK", "0"))
    if name == "auto":
        name = f"cuda:{rank}" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError as exc:
        raise KSError(f"--device must be auto, cpu or cuda; got {name!r}") from exc
    if device.type not in ("cpu", "cuda"):
        raise KSError(f"--device must be auto, cpu or cuda; got {name!r}")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise KSError("--device cuda: torch finds no NVIDIA GPU; use --device cpu or install torch with CUDA")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise KSError(f"--device {name}: torch finds {torch.cuda.device_count()} GPUs, counted from cuda:0")
    return torch.device("cuda", rank) if device.type == "cuda" and device.index is None else device
