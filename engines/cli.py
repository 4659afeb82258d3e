"""ks-compile: arguments in, a model and its parity table out."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from knowledge_spreader.cli.run import parse_share, run
from knowledge_spreader.engines.compile.compile_model import CompileConfig, Compiled, compile_model
from knowledge_spreader.engines.compile.parity import ALLOWED_FLIPS
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.spec import parse_aus


def main(argv: Sequence[str] | None = None) -> int:
    """ks-compile: a checkpoint becomes a model that every machine runs, in the precision that it runs best."""
    parser = argparse.ArgumentParser(
        prog="ks-compile",
        description="Make a model for engines from a checkpoint, and check its answers against torch or ONNX Runtime.",
    )
    parser.add_argument("model", type=Path, help="a checkpoint or run folder of ks-train, or a .ks file to add to")
    parser.add_argument("--out", type=Path, help="the .ks file; default: beside the checkpoint, or the .ks file itself")
    parser.add_argument("--device", default="auto", choices=DEVICES, help="what is to run it (default: %(default)s)")
    parser.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="auto: as compiled before, else fp16 on a GPU and fp32 on a CPU",
    )
    parser.add_argument(
        "--calibrate",
        type=Path,
        action="append",
        default=[],
        metavar="VIDEO|FOLDER",
        help="a video, or a folder of images, with faces like those to come; needed for int8; may be repeated",
    )
    parser.add_argument(
        "--aligned",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="the pictures of --calibrate are crops already: no face finding, only resized",
    )
    parser.add_argument(
        "--face-model", default="", help="BlazeFace short-range .tflite; default: the user's cache, else a download"
    )
    parser.add_argument(
        "--allow-flips",
        type=parse_share,
        default=ALLOWED_FLIPS,
        metavar="SHARE",
        help="decisions that int8 may turn, like 2%% or 0.02 (default: 1%%)",
    )
    parser.add_argument(
        "--half",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="of a checkpoint: weights rounded to fp16, half the file; what it is computed in stays --precision",
    )
    parser.add_argument(
        "--experimental",
        type=parse_aus,
        metavar="AUS",
        help="AUs not shown to work on real faces, like 7,14: every output will say so; '' = none (default: as before)",
    )
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 = the backend's choice")
    parser.add_argument(
        "--plans",
        type=Path,
        metavar="DIR",
        help="of TensorRT: a folder with encoder.plan and head.plan made elsewhere; needs --trust-plan",
    )
    parser.add_argument(
        "--trust-plan",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="whoever made the plans of --plans may run any code here",
    )
    parser.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=sys.stderr.isatty(),
        help="a bar on stderr while TensorRT builds its plans",
    )
    return run(lambda: _compile(parser.parse_args(argv)))


def _compile(args: argparse.Namespace) -> None:
    values = {name: value for name, value in vars(args).items() if name != "calibrate"}
    compiled = compile_model(CompileConfig(**values, calibrate=tuple(args.calibrate)))
    console = Console()
    console.print(parity_table(compiled))
    console.print(f"{compiled.file.path}: {compiled.choice}", soft_wrap=True, highlight=False)


def parity_table(compiled: Compiled) -> Table:
    """What the precision costs."""
    cost = compiled.cost
    frames = f"{cost.frames} real frames" if compiled.real else f"{cost.frames} random pictures (no --calibrate)"
    table = Table(title=f"Against fp32 by {compiled.reference}, on {frames}")
    for column in ("backend", "precision", "max |dp|", "mean |dp|", "decisions turned"):
        table.add_column(column, justify="left" if column in ("backend", "precision") else "right")
    flips = f"{100 * cost.flips:.2f} %" if compiled.real else "-"
    choice = compiled.choice
    table.add_row(choice.backend, choice.precision, f"{cost.max_difference:.1e}", f"{cost.mean_difference:.1e}", flips)
    return table


if __name__ == "__main__":
    sys.exit(main())
