"""Training with several processes: the process group, and batch norm over all processes."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

PATIENCE = timedelta(hours=12)  # the others wait while the first process crops videos or evaluates


@contextmanager
def process_group(device: torch.device) -> Iterator[tuple[int, int]]:
    """Joins the group that torchrun set up and yields (rank, world size); (0, 1) without torchrun."""
    if "RANK" not in os.environ:
        yield 0, 1
        return
    if device.type == "cuda":
        torch.cuda.set_device(device)
        dist.init_process_group("nccl", device_id=device, timeout=PATIENCE)
    else:
        dist.init_process_group("gloo", timeout=PATIENCE)
    try:
        yield dist.get_rank(), dist.get_world_size()
    finally:
        dist.destroy_process_group()


def asked_once(question: Callable[[str], str], world: int) -> Callable[[str], str]:
    """The first process's answer to a question, in all processes, which may find other things on their disks."""

    def ask(about: str) -> str:
        if world == 1:
            return question(about)
        answers = [question(about) if dist.get_rank() == 0 else ""]
        dist.broadcast_object_list(answers)
        return answers[0]

    return ask


def share_batch_statistics(model: nn.Module, device: torch.device) -> nn.Module:
    """Replaces batch norms by ones over all processes, so that splitting a batch does not change the result."""
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(model)  # type: ignore[no-any-return, no-untyped-call]
    for parent in list(model.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.BatchNorm2d):
                setattr(parent, name, CpuSyncBatchNorm(child))
    return model


class CpuSyncBatchNorm(nn.Module):
    """BatchNorm2d over all processes on CPUs, where torch's SyncBatchNorm does not run.

    Names of parameters and buffers are those of BatchNorm2d.
    """

    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(self, norm: nn.BatchNorm2d) -> None:
        super().__init__()
        self.weight, self.bias = norm.weight, norm.bias
        for name in ("running_mean", "running_var", "num_batches_tracked"):
            self.register_buffer(name, getattr(norm, name))
        self.eps, self.momentum = norm.eps, norm.momentum or 0.1

    def forward(self, x: Tensor) -> Tensor:
        """(F, C, h, w) -> the same shape."""
        if not self.training:
            return nn.functional.batch_norm(
                x, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        world = dist.get_world_size()
        mean = sum_over_processes(x.mean((0, 2, 3))) / world  # all processes have equally many
        centred = x - mean[:, None, None]
        variance = sum_over_processes(centred.square().mean((0, 2, 3))) / world
        with torch.no_grad():
            n = world * x.numel() / x.shape[1]
            self.running_mean.lerp_(mean, self.momentum)
            self.running_var.lerp_(variance * n / (n - 1), self.momentum)
            self.num_batches_tracked.add_(1)
        scale = self.weight * torch.rsqrt(variance + self.eps)
        return centred * scale[:, None, None] + self.bias[:, None, None]


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        total = x.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


def sum_over_processes(x: Tensor) -> Tensor:
    """The sum of x over all processes, with gradients."""
    total: Tensor = _SumOverProcesses.apply(x)
    return total
