"""A model that has learned nothing, to try and to measure everything else with.

The small one (the default) is quick, for trials; --backbone resnet18 has the size of the published network, for
benchmarks. Their note says what they are, and everything that runs them shows the note.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

import torch

from knowledge_spreader.cli.run import run
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ModelFile
from knowledge_spreader.method.network import make_model
from knowledge_spreader.spec import BACKBONES, ModelSpec

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
NOTE = "untrained model: its AU values mean nothing"


def write_untrained(path: Path, backbone: str = "tiny", side_px: int = 112) -> ModelFile:
    """Random weights, the same each time."""
    spec = ModelSpec(aus=AUS, backbone=backbone, side_px=side_px, token_width=32 if backbone == "tiny" else 128)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return export(make_model(spec).eval(), spec, path, note=NOTE)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m knowledge_spreader.engines.export.untrained", description=__doc__)
    parser.add_argument("file", type=Path, help="the .ks file to write")
    parser.add_argument("--backbone", choices=BACKBONES, default="tiny", help="(default: %(default)s)")
    parser.add_argument("--side", type=int, default=112, help="of the crop, px (default: %(default)s)")
    args = parser.parse_args(argv)
    return run(lambda: print(write_untrained(args.file, args.backbone, args.side).path))


if __name__ == "__main__":
    sys.exit(main())
