"""ks-compile: makes a model for the engines from a checkpoint, for a given backend and precision."""

import argparse
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from rich.console import Console
from rich.table import Table

from knowledge_spreader.cli.outputs import REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import add_face_model, add_json, add_progress, add_threads, make_parser, run
from knowledge_spreader.config import parse_share
from knowledge_spreader.engines.compile.compile_model import CompileConfig, Compiled, compile_model
from knowledge_spreader.engines.compile.parity import ALLOWED_FLIPS
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.files import write_json
from knowledge_spreader.spec import parse_aus

EXAMPLES = """\
  ks-compile runs/mine --out mine.ks
  ks-compile mine.ks --device openvino --precision int8 --sample-crops my_faces.mp4
  ks-compile mine.ks --device tensorrt
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-compile",
        "Make a model for the engines from a checkpoint, and check its outputs against torch or ONNX Runtime.",
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
    made.add_argument("--device", default="auto", choices=DEVICES, help="what will run it (default: %(default)s)")
    made.add_argument(
        "--precision",
        default="auto",
        choices=("auto", "fp32", "bf16", "fp16", "int8"),
        help="auto: as the .ks file was last compiled, else fp16 on a GPU, fp32 on a CPU (default: %(default)s)",
    )
    made.add_argument(
        "--sample-crops",
        type=Path,
        action="append",
        default=[],
        metavar="VIDEO|FOLDER",
        help="a video, or a folder of images, with faces like those to analyse; needed for int8; may be repeated",
    )
    made.add_argument(
        "--aligned",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="the images of --sample-crops are crops already: only resize them (default: off)",
    )
    add_face_model(made)
    made.add_argument(
        "--allow-flips",
        type=parse_share,
        default=ALLOWED_FLIPS,
        metavar="SHARE",
        help="share of decisions that int8 may change, like 2%% or 0.02 (default: 1%%)",
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
        help="AUs not shown to work on real faces; every output marks them; '' = none (default: unchanged)",
    )
    add_threads(made)
    of_tensorrt = made.add_argument_group("TensorRT")
    of_tensorrt.add_argument(
        "--plans",
        type=Path,
        metavar="FOLDER",
        help="a folder with encoder.plan and head.plan built elsewhere; needs --trust-plan",
    )
    of_tensorrt.add_argument(
        "--trust-plan",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="trust the source of --plans: a plan can run any code (default: off)",
    )
    add_json(made, "the differences from fp32")
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _compile)


def _compile(args: argparse.Namespace) -> None:
    reads = [("the model", args.model), *(("an input", path) for path in args.sample_crops)]
    reads += [("the new model", args.out)] if args.out else []
    check_outputs(outputs(("--json", args.json, REPORT)), reads)
    values = {field.name: getattr(args, field.name) for field in fields(CompileConfig)}
    values["sample_crops"] = tuple(args.sample_crops)
    compiled = compile_model(CompileConfig(**values))
    console = Console()
    console.print(parity_table(compiled))
    console.print(f"{compiled.file.path}: {compiled.choice}", soft_wrap=True, highlight=False)
    if args.json:
        write_json(args.json, to_json(compiled))


def to_json(compiled: Compiled) -> dict[str, object]:
    """The contents of the table in JSON types."""
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
    """The differences from the fp32 reference as a table."""
    cost = compiled.cost
    frames = f"{cost.frames} real frames" if compiled.real else f"{cost.frames} random images (no --sample-crops)"
    table = Table(title=f"Difference from fp32 ({compiled.reference}) on {frames}")
    for column in ("backend", "precision", "max |dp|", "mean |dp|", "decisions changed"):
        table.add_column(column, justify="left" if column in ("backend", "precision") else "right")
    flips = f"{100 * cost.flips:.2f} %" if compiled.real else "-"
    choice = compiled.choice
    table.add_row(choice.backend, choice.precision, f"{cost.max_difference:.1e}", f"{cost.mean_difference:.1e}", flips)
    return table
