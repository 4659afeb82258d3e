"""Learning rate, optimiser and mixed precision."""

import math
from typing import Any

import torch

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import KSError
from knowledge_spreader.method.network import KSModel


def learning_rate(config: TrainConfig, epochs_done: float) -> float:
    """The learning rate after epochs_done epochs, which may be a fraction."""
    if config.lr_schedule == "constant":
        return config.lr
    if epochs_done < config.warmup_epochs:
        return config.lr * (0.02 + 0.98 * epochs_done / config.warmup_epochs)
    share = (epochs_done - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return config.lr * (0.002 + 0.998 * (1 + math.cos(math.pi * min(1.0, share))) / 2)


def make_optimizer(config: TrainConfig, model: KSModel) -> torch.optim.Optimizer:
    """SGD as in the paper, or AdamW without weight decay of vectors (biases and norms)."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kernels = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": kernels}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, config.lr, weight_decay=config.weight_decay)


def amp_dtype(amp: str, device: torch.device) -> torch.dtype | None:
    """The autocast type; "auto" is bfloat16 if the hardware supports it, float16 on an older GPU, else None.

    On a CPU without bfloat16 instructions it is much slower than float32 (measured: 12 times on AVX2).
    """
    if amp == "auto" and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if amp == "auto":
        can: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch lacks it
        return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else None
    if amp == "fp16" and device.type == "cpu":
        raise KSError("--amp fp16 needs a GPU; use --amp bf16 or off on a CPU")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]
