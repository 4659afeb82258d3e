"""ks-restore: makes a checkpoint, to start training from, of a `.ks` file."""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.checkpoint import Checkpoint, save_checkpoint
from knowledge_spreader.cli.outputs import CHECKPOINT, check_outputs, outputs
from knowledge_spreader.cli.run import add_face_model, make_parser, run
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.export.to_checkpoint import restored
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
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
    model = restored(file, faces, args.seed)
    tensors = {f"model.{name}": x for name, x in model.state_dict().items()}
    save_checkpoint(
        args.out, Checkpoint(file.spec, _settings(file, args.out), tensors, {"restored_from": file.weights_id})
    )
    print(f"{args.out}: {file.path.name} ({file.weights_id}) as a checkpoint, norms measured on {len(faces)} faces")


def _settings(file: ModelFile, out: Path) -> TrainConfig:
    """The settings of a training run with this architecture; ks-eval needs them."""
    spec = file.spec
    return TrainConfig(
        "manifest",
        root="",
        out=str(out),
        init=str(file.path),
        aus=spec.aus,
        fps=spec.fps,
        n_frames=spec.n_frames,
        side_px=spec.side_px,
        backbone=spec.backbone,
        correlation=spec.correlation,
        spatial_pooling=spec.spatial_pooling,
        frame_pooling=spec.frame_pooling,
        mark_key=spec.mark_key,
    )
