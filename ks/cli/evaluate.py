"""ks-eval: F1 of checkpoints on the test parts of their folds, and of `.ks` models on labelled recordings."""

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path

from knowledge_spreader.cli.outputs import FIGURE, REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import (
    add_json,
    add_other_data,
    add_progress,
    add_torch_device,
    checkpoint_file,
    inputs,
    make_parser,
    other_data,
    run,
    stdout_console,
)
from knowledge_spreader.errors import KSError
from knowledge_spreader.evaluation.figure_style import check_suffix
from knowledge_spreader.files import write_json

EXAMPLES = """\
  ks-eval runs/b1 runs/b2 runs/b3 --json b.json --plot b.png
  ks-eval runs/mine --subjects all --root other.csv
  ks-eval mine.ks --root labels.csv
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-eval",
        "F1 of checkpoints on the test parts of their folds: name one per fold to get the mean over folds. Or of a .ks "
        "model, as ks-live runs it, on the labelled recordings of --root.",
        EXAMPLES,
    )
    made.add_argument("checkpoints", nargs="+", type=Path, help="checkpoints, run folders of ks-train, or one .ks")
    add_json(made)
    made.add_argument("--plot", type=Path, metavar="FILE.png", help="plot F1, reliability and F1 by key-frame position")
    made.add_argument(
        "--subjects",
        choices=("test", "all"),
        default="test",
        help="the test part of the fold, or all subjects of another --root (default: %(default)s)",
    )
    add_other_data(made)
    add_torch_device(made)
    made.add_argument(
        "--person",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="apply the person baseline, as ks-live does, if the checkpoint has one (default: on)",
    )
    add_progress(made)
    return made


def main(argv: Sequence[str] | None = None, compiled: Callable[[argparse.Namespace], None] | None = None) -> int:
    """compiled: evaluates a `.ks` model; realtime/cli/evaluate.py has it."""
    return run(parser(), argv, lambda args: _evaluate(args, compiled))


def _evaluate(args: argparse.Namespace, compiled: Callable[[argparse.Namespace], None] | None) -> None:
    if any(path.suffix == ".ks" for path in args.checkpoints):
        if compiled is None:
            raise KSError("a .ks model is evaluated by the command ks-eval; use it instead of this module")
        if len(args.checkpoints) > 1:
            raise KSError("one .ks model at a time, without checkpoints; run ks-eval once for each")
        compiled(args)
        return
    paths = [checkpoint_file(path) for path in args.checkpoints]
    writes = outputs(("--json", args.json, REPORT), ("--plot", args.plot, FIGURE))
    check_outputs(writes, [*(("a checkpoint", path) for path in paths), *inputs(args)], new_folder=True)
    if args.plot:
        check_suffix("--plot", args.plot)
    from knowledge_spreader.evaluation.predict import check_together, predict_test  # torch, which takes seconds
    from knowledge_spreader.evaluation.report import evaluate, plot, print_report

    if len(paths) > 1:
        check_together(paths, args.person, args.subjects)
    how = {"person": args.person, "subjects": args.subjects}
    report = evaluate([predict_test(path, args.device, args.progress, **how, **other_data(args)) for path in paths])
    print_report(report, stdout_console(wide=120))
    if args.json:
        write_json(args.json, report)
    if args.plot:
        plot(report, args.plot)
