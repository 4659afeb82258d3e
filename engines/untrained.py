"""python -m engines.untrained FILE: a small model that has learned nothing, to try everything else with.

It stands in for the bundled model until there are trained weights; its note says what it is, and everything that runs
it shows the note.
"""

import sys
from pathlib import Path

import torch

from engines.export import export
from engines.model_file import ModelFile
from ks.model import make_model
from ks.spec import ModelSpec

AUS = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 24, 25, 26, 43)
NOTE = "untrained model: its AU values mean nothing"


def write_untrained(path: Path) -> ModelFile:
    """Random weights of the tiny backbone, the same each time."""
    spec = ModelSpec(aus=AUS, backbone="tiny", side_px=112, token_width=32)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return export(make_model(spec).eval(), spec, path, note=NOTE)


if __name__ == "__main__":
    print(write_untrained(Path(sys.argv[1])).path)
