"""ks-average: averages branch A's weights with those of an earlier checkpoint."""

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from knowledge_spreader.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from knowledge_spreader.cli.outputs import CHECKPOINT, check_outputs, outputs
from knowledge_spreader.cli.run import add_checkpoint, checkpoint_file, make_parser, run
from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.training.warm_start import NOT_OF_WEIGHTS

OF_BRANCH_B = ("frame_pooling", "mark_key")  # fields that branch A does not depend on
BRANCH_A = ("model.base_a.", "model.spatial_teacher.")  # how its tensors' names begin


def average_branch_a(later: Checkpoint, earlier: Checkpoint, share: float) -> Checkpoint:
    """`later` with branch A's weights (1 - share) * later + share * earlier; branch B and the rest are from `later`.

    `earlier` must be the --init of `later`: independently trained weights cannot be averaged. After Wortsman et al.,
    Robust fine-tuning of zero-shot models (2022). Optimiser state is dropped. Run ks-fit-person and ks-calibrate
    afterwards, because what they fit does not hold for averaged weights. Raises ModelError if the specs differ.
    """
    if differences := later.spec.differences(earlier.spec, ignore=(*NOT_OF_WEIGHTS, *OF_BRANCH_B)):
        raise ModelError(
            f"the two checkpoints differ in {', '.join(differences)}; average checkpoints of the same spec"
        )
    tensors = {name: x for name, x in later.tensors.items() if name.startswith("model.")}
    for name, x in tensors.items():
        if name.startswith(BRANCH_A) and x.is_floating_point():  # not the integer batch counter of batch norms
            tensors[name] = torch.lerp(x, earlier.tensors[name], share)
    return replace(later, tensors=tensors)


EXAMPLES = """\
  ks-average runs/later runs/earlier --out averaged.safetensors
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-average",
        "Average branch A's weights with those of an earlier checkpoint of the same training. Branch B is not changed. "
        "Run it before ks-fit-person and ks-calibrate: what they fit does not hold for averaged weights.",
        EXAMPLES,
    )
    add_checkpoint(made, "later")
    add_checkpoint(made, "earlier", ": the --init of `later`")
    made.add_argument(
        "--share", type=float, default=0.5, metavar="X", help="weight of `earlier`, 0 to 1 (default: %(default)g)"
    )
    made.add_argument("--out", type=Path, required=True, metavar="FILE.safetensors", help="the averaged checkpoint")
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _average)


def _average(args: argparse.Namespace) -> None:
    if not 0 <= args.share <= 1:
        raise DataError(f"--share must be 0 to 1; got {args.share:g}")
    paths = [checkpoint_file(path) for path in (args.later, args.earlier)]
    check_outputs(outputs(("--out", args.out, CHECKPOINT)), [("an input", path) for path in paths])
    later, earlier = map(load_checkpoint, paths)
    save_checkpoint(args.out, average_branch_a(later, earlier, args.share))
    print(f"{args.out}: branch A is {1 - args.share:g} x {args.later} + {args.share:g} x {args.earlier}")
