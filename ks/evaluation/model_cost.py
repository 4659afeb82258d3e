"""The cost of a model: parameters by part, and FLOPs per new frame."""

import torch
from rich.console import Console
from rich.table import Table
from torch.utils.flop_counter import FlopCounterMode

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets import DEFAULT_AUS
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

PARTS = {
    "base_a": "branch A's ResNet",
    "spatial_teacher": "S_a",
    "base_b": "branch B's ResNet",
    "pool_b": "pooling of branch B: mean, or a token per AU",
    "spatial_students": "S_b^1..S_b^N",
    "temporal_teacher": "T_b",
}


def describe(config: TrainConfig, console: Console) -> None:
    """Prints the table of `ks-train --describe`."""
    spec = ModelSpec(
        aus=config.aus or DEFAULT_AUS.get(config.data, DEFAULT_AUS["bp4d"]),
        n_frames=config.n_frames,
        side_px=config.side_px,
        backbone=config.backbone,
        correlation=config.correlation,
        spatial_pooling=config.spatial_pooling,
        frame_pooling=config.frame_pooling,
        mark_key=config.mark_key,
    )
    model = make_model(spec).eval()
    table = Table(title=f"KS, {len(spec.aus)} AUs, N = {spec.n_frames}, {spec.side_px} px, {spec.backbone}")
    for column in ("part", "what", "parameters"):
        table.add_column(column, justify="right" if column == "parameters" else "left")
    for name, what in PARTS.items():
        table.add_row(name, what, f"{parameters(getattr(model, name)):,}")
    table.add_row("all", "", f"{parameters(model):,}")
    console.print(table)
    streamed, whole = flops(model, spec)
    console.print(f"new frame in a stream: {streamed / 1e9:.3f} GFLOP (2 backbone passes and the head)")
    console.print(f"as a whole clip:       {whole / 1e9:.3f} GFLOP ({spec.n_frames + 1} backbone passes)")


def parameters(module: torch.nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in module.parameters() if p.requires_grad)


def flops(model: KSModel, spec: ModelSpec) -> tuple[int, int]:
    """FLOPs (a multiply-add counts as two) of one new frame: streamed, and as a whole clip."""
    frame = torch.zeros(1, spec.side_px, spec.side_px, 3, dtype=torch.uint8)
    clip = frame[:, None].expand(-1, spec.n_frames, -1, -1, -1)
    with torch.no_grad():
        with FlopCounterMode(display=False) as streamed:
            encoded = model.encode(frame)
            model.predict(encoded.o_a, encoded.feature[:, None].expand(-1, spec.n_frames, -1))
        with FlopCounterMode(display=False) as whole:
            model(frame, clip)
    return streamed.get_total_flops(), whole.get_total_flops()
