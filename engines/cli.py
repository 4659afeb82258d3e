"""ks-compile: a checkpoint becomes a model that every machine runs, in the precision that it runs best."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from knowledge_spreader.cli.run import add_face_model, add_json, add_progress, add_threads, make_parser, run
from knowledge_spreader.config import parse_share
from knowledge_spreader.engines.compile.compile_model import CompileConfig, Compiled, compile_model
from knowledge_spreader.engines.compile.parity import ALLOWED_FLIPS
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.files import check_place, write_json
from knowledge_spreader.spec import parse_aus

EXAMPLES = """\
  ks-compile runs/mine --out mine.ks
  ks-compile mine.ks --device openvino --precision int8 --sample-crops my_faces.mp4
  ks-compile mine.ks --device tensorrt
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-compile",
        "Make a model for engines from a checkpoint, and check its answers against torch or ONNX Runtime.",
        EXAMPLES,
        "ks-compile MODEL [--out FILE.ks] [options]",
    )
    made.add_argument(
        "model", type=Path, metavar="MODEL", help="a checkpoint or run folder of ks-train, or a .ks file to add to"
    )
    made.add_argument(
        "--out",
        type=Path,
        metavar="FILE.ks",
        help="the model (default: beside the checkpoint, or the .ks file itself)",
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="what is to run it (default: %(default)s)")
    made.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="auto: as compiled before, else fp16 on a GPU and fp32 on a CPU (default: %(default)s)",
    )
    made.add_argument(
        "--sample-crops",
        type=Path,
        action="append",
        default=[],
        metavar="VIDEO|FOLDER",
        help="a video, or a folder of images, with faces like those to come; needed for int8; may be repeated",
    )
    made.add_argument(
        "--aligned",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="the pictures of --sample-crops are crops already: no face finding, they are only resized (default: off)",
    )
    add_face_model(made)
    made.add_argument(
        "--allow-flips",
        type=parse_share,
        default=ALLOWED_FLIPS,
        metavar="SHARE",
        help="share of decisions that int8 may turn, like 2%% or 0.02 (default: 1%%)",
    )
    made.add_argument(
        "--half",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="round the weights to fp16: half the file, the same speed (default: off)",
    )
    made.add_argument(
        "--experimental",
        type=parse_aus,
        metavar="7,14",
        help="AUs not shown to work on real faces: every output will say so; '' = none (default: as before)",
    )
    add_threads(made)
    of_tensorrt = made.add_argument_group("TensorRT")
    of_tensorrt.add_argument(
        "--plans",
        type=Path,
        metavar="FOLDER",
        help="with encoder.plan and head.plan made elsewhere; needs --trust-plan",
    )
    of_tensorrt.add_argument(
        "--trust-plan",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="whoever made the plans of --plans may run any code here (default: off)",
    )
    add_json(made, "what the precision costs")
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _compile)


def _compile(args: argparse.Namespace) -> None:
    if args.json:
        check_place("--json", args.json)
    values = {field.name: getattr(args, field.name) for field in fields(CompileConfig)}
    values["sample_crops"] = tuple(args.sample_crops)
    compiled = compile_model(CompileConfig(**values))
    console = Console()
    console.print(parity_table(compiled))
    console.print(f"{compiled.file.path}: {compiled.choice}", soft_wrap=True, highlight=False)
    if args.json:
        write_json(args.json, to_json(compiled))


def to_json(compiled: Compiled) -> dict[str, object]:
    """What the table shows."""
    cost, choice = compiled.cost, compiled.choice
    return {
        "model": str(compiled.file.path),
        "weights": compiled.file.weights_id,
        "backend": choice.backend,
        "precision": choice.precision,
        "reference": compiled.reference,
        "frames": cost.frames,
        "real_frames": compiled.real,
        "max_difference": cost.max_difference,
        "mean_difference": cost.mean_difference,
        "decisions_turned": cost.flips if compiled.real else None,
    }


def parity_table(compiled: Compiled) -> Table:
    """What the precision costs."""
    cost = compiled.cost
    frames = f"{cost.frames} real frames" if compiled.real else f"{cost.frames} random pictures (no --sample-crops)"
    table = Table(title=f"Against fp32 by {compiled.reference}, on {frames}")
    for column in ("backend", "precision", "max |dp|", "mean |dp|", "decisions turned"):
        table.add_column(column, justify="left" if column in ("backend", "precision") else "right")
    flips = f"{100 * cost.flips:.2f} %" if compiled.real else "-"
    choice = compiled.choice
    table.add_row(choice.backend, choice.precision, f"{cost.max_difference:.1e}", f"{cost.mean_difference:.1e}", flips)
    return table
