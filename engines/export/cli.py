"""ks-restore: makes a checkpoint, to start training from, of a `.ks` file."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from knowledge_spreader.checkpoint import save_checkpoint
from knowledge_spreader.cli.outputs import CHECKPOINT, check_outputs, outputs
from knowledge_spreader.cli.run import add_face_model, make_parser, run
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.export.to_checkpoint import as_checkpoint
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.engines.sample_crops import real_crops
from knowledge_spreader.errors import DataError

EXAMPLES = """\
  ks-restore --faces talk.mp4 --out start.safetensors     the bundled model, for ks-train --init
"""
_FEWEST_FACES = 16  # too few for a channel's standard deviation below


def parser() -> argparse.ArgumentParser:
    made = make_parser("ks-restore", "Make a checkpoint, for ks-train --init, from a .ks file.", EXAMPLES)
    made.add_argument("model", type=Path, nargs="?", metavar="FILE.ks", help="the model (default: the bundled one)")
    made.add_argument(
        "--faces",
        type=Path,
        action="append",
        required=True,
        metavar="VIDEO|FOLDER",
        help="a video or a folder of images with faces like those to train on; may be repeated, for more people",
    )
    add_face_model(made)
    made.add_argument(
        "--seed", type=int, default=0, metavar="N", help="for newly initialised layers (default: %(default)s)"
    )
    made.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="the checkpoint")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _restore)


def _restore(args: argparse.Namespace) -> None:
    given = args.model or bundled_model()
    reads = [("the model", given), *(("an input", path) for path in args.faces)]
    check_outputs(outputs(("--out", args.out, CHECKPOINT)), reads)
    file = open_model(given)
    faces = np.concatenate(
        [
            run
            for source in args.faces
            for run in real_crops(source, file.spec, face_model=args.face_model, face_runtime=args.face_runtime)
        ]
    )
    if len(faces) < _FEWEST_FACES:
        raise DataError(f"--faces: found {len(faces)} faces, wanted {_FEWEST_FACES}; give more or longer videos")
    checkpoint = as_checkpoint(file, faces, args.seed)
    save_checkpoint(args.out, replace(checkpoint, config=replace(checkpoint.config, out=str(args.out))))
    print(f"{args.out}: {file.path.name} ({file.weights_id}) as a checkpoint, norms measured on {len(faces)} faces")
