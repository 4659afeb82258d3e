"""Checkpoints: one safetensors file with spec, settings, label list and metrics in its header. No pickle."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import ModelError, one_line
from knowledge_spreader.files import whole_file
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

FORMAT = "knowledge-spreader 1"


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """The content of a checkpoint file. Tensors are named "model.*", "optimizer.*" (SGD), "adam-*" (AdamW)."""

    spec: ModelSpec
    config: TrainConfig
    tensors: dict[str, Tensor]
    metrics: dict[str, Any] = field(default_factory=dict)  # JSON: epoch, selection, F1, ...
    labels: str = ""  # CSV of the labelled frames of the training

    def part(self, prefix: str) -> dict[str, Tensor]:
        """The tensors whose names start with the prefix; the prefix is removed."""
        return {name.removeprefix(prefix): x for name, x in self.tensors.items() if name.startswith(prefix)}


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Writes the file atomically: if the process dies, the previous file stays. Raises ModelError if it cannot be
    written, e.g. disk full.
    """
    header = {
        "format": FORMAT,
        "spec": checkpoint.spec.to_json(),
        "config": checkpoint.config.to_json(),
        "metrics": json.dumps(checkpoint.metrics),
        "labels": checkpoint.labels,
    }
    tensors = {name: x.detach().cpu().contiguous() for name, x in checkpoint.tensors.items()}
    try:
        with whole_file(path, keep=True) as unfinished:
            save_file(tensors, unfinished, header)
    except (OSError, SafetensorError) as exc:
        raise ModelError(f"{path}: cannot be written ({one_line(exc)}); check the folder and the free space") from exc


def load_checkpoint(path: Path) -> Checkpoint:
    """Reads a checkpoint. Raises ModelError if the file is missing, truncated or not a checkpoint."""
    if not path.is_file():
        raise ModelError(
            f"no checkpoint at {path}; ks-train writes best.safetensors and last.safetensors into its --out"
        )
    try:
        with safe_open(path, framework="pt") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ModelError(
                    f"{path} is not a checkpoint of ks-train (format {header.get('format')!r}, wanted {FORMAT!r})"
                )
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        spec, config = ModelSpec.from_json(header["spec"]), TrainConfig.from_json(header["config"])
        return Checkpoint(spec, config, tensors, json.loads(header["metrics"]), header["labels"])
    except (SafetensorError, OSError, KeyError, json.JSONDecodeError, TypeError) as exc:
        raise ModelError(f"{path} is damaged or not a safetensors file ({exc}); use a copy or train again") from exc


def load_model(path: Path, device: torch.device | None = None) -> tuple[KSModel, Checkpoint]:
    """The network of a checkpoint, in eval mode. Raises ModelError."""
    checkpoint = load_checkpoint(path)
    model = make_model(checkpoint.spec)
    load_weights(model, checkpoint.part("model."), path)
    return model.to(device or torch.device("cpu")).eval(), checkpoint


def load_weights(model: nn.Module, tensors: Mapping[str, Tensor], path: Path) -> None:
    """Copies tensors into the model. Raises ModelError if names or shapes differ."""
    own = model.state_dict()
    missing, extra = sorted(own.keys() - tensors.keys()), sorted(tensors.keys() - own.keys())
    shapes = [
        f"{k} {tuple(tensors[k].shape)} != {tuple(own[k].shape)}"
        for k in own.keys() & tensors.keys()
        if tensors[k].shape != own[k].shape
    ]
    if missing or extra or shapes:
        example = (missing + extra + shapes)[0]
        count = len(missing) + len(extra) + len(shapes)
        raise ModelError(f"{path} is a checkpoint of another model: {count} tensors differ, e.g. {example}")
    model.load_state_dict(dict(tensors))
