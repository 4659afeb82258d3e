"""ks-eval: F1 of checkpoints on the test parts of their folds."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from knowledge_spreader.cli.run import run


def main(argv: Sequence[str] | None = None) -> int:
    """ks-eval: F1 of checkpoints on the test part of their folds."""
    parser = argparse.ArgumentParser(
        prog="ks-eval",
        description="F1 of checkpoints on the test parts of their folds; give one per fold for the mean over folds.",
    )
    parser.add_argument("checkpoints", nargs="+", type=Path, help="best.safetensors files, or run folders of ks-train")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--plot", type=Path, help="draw F1, calibration and key positions to this PNG")
    parser.add_argument(
        "--subjects",
        choices=("test", "all"),
        default="test",
        help="the test part of the fold, or everybody of another --root (default: %(default)s)",
    )
    parser.add_argument("--root", default="", help="the data set's folder, where it is not that of the training")
    parser.add_argument("--cache", default="", help="folder of the crops, likewise")
    parser.add_argument("--face-model", default="", help="BlazeFace .tflite, likewise")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    parser.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="score answers relative to the person, as ks-live gives them, where the checkpoint has learned it",
    )
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=sys.stderr.isatty(), help="progress bars on stderr"
    )
    return run(lambda: _evaluate(parser.parse_args(argv)))


def _evaluate(args: argparse.Namespace) -> None:
    from knowledge_spreader.evaluation.predict import predict_test
    from knowledge_spreader.evaluation.report import evaluate, plot, print_report
    from knowledge_spreader.files import write_json

    changes = {name: value for name in ("root", "cache", "face_model") if (value := getattr(args, name))}
    paths = [path / "best.safetensors" if path.is_dir() else path for path in args.checkpoints]
    how = {"person": args.person, "subjects": args.subjects}
    report = evaluate([predict_test(path, args.device, args.progress, **how, **changes) for path in paths])
    print_report(report, Console())
    if args.json:
        write_json(args.json, report)
    if args.plot:
        plot(report, args.plot)
