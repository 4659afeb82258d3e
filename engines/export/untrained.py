"""Writes an untrained model, for tests and benchmarks.

The tiny backbone is fast, for tests; resnet18 has the size of the published network, for benchmarks. The model's note
says that it is untrained, and everything that runs it shows the note.
"""

from pathlib import Path

import torch

from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.method.network import make_model
from knowledge_spreader.spec import ModelSpec

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
NOTE = "untrained model: its AU values mean nothing"


def write_untrained(path: Path, backbone: str = "tiny", side_px: int = 112) -> ModelFile:
    """Writes a model with random weights, the same each time."""
    spec = ModelSpec(aus=AUS, backbone=backbone, side_px=side_px, token_width=32 if backbone == "tiny" else 128)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return export(make_model(spec).eval(), spec, path, note=NOTE)
