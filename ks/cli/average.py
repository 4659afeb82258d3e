"""ks-average: branch A of one checkpoint, averaged with branch A of the one that it began from."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from knowledge_spreader.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from knowledge_spreader.cli.run import run
from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.training.warm_start import NOT_OF_WEIGHTS

OF_BRANCH_B = ("frame_pooling", "mark_key")  # fields that branch A does not depend on
BRANCH_A = ("model.base_a.", "model.spatial_teacher.")  # how its tensors' names begin


def average_branch_a(later: Checkpoint, earlier: Checkpoint, share: float) -> Checkpoint:
    """`later` with branch A's weights (1 - share) * later + share * earlier; branch B and the rest are later's.

    For two points of one training (the earlier one gave --init): weights of runs that began apart do not average.
    After Wortsman et al., Robust fine-tuning of zero-shot models (2022). What belongs to an optimiser is left out.
    Both as they were trained: cli.calibrate and cli.fit_person come after, what they choose holds for no mixture.
    Raises ModelError for models of another shape.
    """
    if differences := later.spec.differences(earlier.spec, ignore=(*NOT_OF_WEIGHTS, *OF_BRANCH_B)):
        raise ModelError(f"the two are models of another spec: {', '.join(differences)}; average two that are alike")
    tensors = {name: x for name, x in later.tensors.items() if name.startswith("model.")}
    for name, x in tensors.items():
        if name.startswith(BRANCH_A) and x.is_floating_point():  # batch norm counts its batches in whole numbers
            tensors[name] = torch.lerp(x, earlier.tensors[name], share)
    return replace(later, tensors=tensors)


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        prog="ks-average",
        description="Average branch A with what it was before a later part of its training; branch B stays. "
        "For checkpoints as they were trained: ks-fit-person and ks-calibrate come after.",
    )
    parser.add_argument("later", type=Path, help="best.safetensors, or a run folder of ks-train")
    parser.add_argument("earlier", type=Path, help="likewise: what `later` began from (--init)")
    parser.add_argument("--share", type=float, default=0.5, help="of the earlier one, 0 to 1 (default: %(default)s)")
    parser.add_argument("--out", type=Path, required=True, help="write the averaged checkpoint here")
    return run(lambda: _main(parser.parse_args(argv)))


def _main(args: argparse.Namespace) -> None:
    if not 0 <= args.share <= 1:
        raise DataError(f"--share is 0 to 1; got {args.share:g}")
    if not args.out.parent.is_dir():
        raise DataError(f"--out {args.out}: there is no folder {args.out.parent}; make it first")
    later, earlier = (
        load_checkpoint(path / "best.safetensors" if path.is_dir() else path) for path in (args.later, args.earlier)
    )
    save_checkpoint(args.out, average_branch_a(later, earlier, args.share))
    print(f"{args.out}: branch A is {1 - args.share:g} of {args.later} and {args.share:g} of {args.earlier}")


if __name__ == "__main__":
    sys.exit(main())
