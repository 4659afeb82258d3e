"""ks-train: trains a model from a data set on disk to a checkpoint."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from knowledge_spreader.cli.outputs import REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import add_json, add_progress, make_parser, run
from knowledge_spreader.config import GROUPS, TrainConfig, option_of
from knowledge_spreader.errors import KSError
from knowledge_spreader.files import write_json

if TYPE_CHECKING:  # torch
    from knowledge_spreader.training.init_choice import OpenStart

USAGE = "ks-train --data LAYOUT --root PATH --out FOLDER [options]"
EXAMPLES = """\
  ks-train --data disfa --root DISFA --fold 1 --labels 2% --out runs/disfa-1
  ks-train --data manifest --root my.csv --fold 0 --out runs/mine
  ks-train ... --init bundled    begins from the bundled model
  ks-train ... --resume          continues a stopped run, to the same weights
"""


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """Adds an option for each field of TrainConfig, with its help and default."""
    group = parser.add_argument_group("data")
    for setting in fields(TrainConfig):
        if setting.name in GROUPS and GROUPS[setting.name] != "data":
            group = parser.add_argument_group(GROUPS[setting.name])
        meta, default = setting.metadata, setting.default
        option, text = option_of(setting.name), meta["help"]
        if isinstance(default, bool):
            on = "on" if default else "off"
            group.add_argument(
                option,
                dest=setting.name,
                default=default,
                action=argparse.BooleanOptionalAction,
                help=f"{text} (default: {on})",
            )
            continue
        default = "" if default is MISSING else default
        group.add_argument(
            option,
            dest=setting.name,
            default=default,
            type=meta["read"] or type(default),
            choices=meta["choices"] or None,
            metavar=meta["metavar"] or {int: "N", float: "X"}.get(type(default)),
            help=text + ("" if default in ("", ()) else " (default: %(default)s)"),
        )


def parser() -> argparse.ArgumentParser:
    made = make_parser("ks-train", "Train Knowledge-Spreader, or a baseline, from few labels.", EXAMPLES, USAGE)
    add_config_options(made)
    of_run = made.add_argument_group("this run")
    of_run.add_argument(
        "--resume",
        action="store_true",
        help="continue the run in --out; the weights are the same as without the stop",
    )
    of_run.add_argument(
        "--describe", action="store_true", help="print parameters by part and FLOPs per frame, and exit"
    )
    add_json(of_run, "the result of the run")
    add_progress(of_run)
    return made


def main(argv: Sequence[str] | None = None, opens: "OpenStart | None" = None) -> int:
    """0 if training finished; see run(). opens: opens the `.ks` file that --init names, which engines/train.py can."""
    return run(
        parser(),
        argv,
        lambda args: _train(args, given_settings(argv), opens),
        "interrupted; continue from the last saved state with --resume",
    )


def given_settings(argv: Sequence[str] | None) -> frozenset[str]:
    """Names of the settings that the command line itself gives; a default that is given counts, too."""
    nothing = argparse.Namespace(**{setting.name: None for setting in fields(TrainConfig)})
    named = parser().parse_args(argv, nothing)
    return frozenset(setting.name for setting in fields(TrainConfig) if getattr(named, setting.name) is not None)


def _train(args: argparse.Namespace, given: frozenset[str], opens: "OpenStart | None") -> None:
    values = {setting.name: getattr(args, setting.name) for setting in fields(TrainConfig)}
    if args.describe:
        from knowledge_spreader.evaluation.model_cost import describe
        from knowledge_spreader.training.init_choice import followed, is_compiled, open_compiled

        config = TrainConfig(**values)
        if is_compiled(config.init):
            config = followed(config, given, open_compiled(config.init, opens))
        describe(config, Console())
        return
    if missing := [f"--{name}" for name in ("data", "root", "out") if not values[name]]:
        raise KSError(
            f"ks-train needs {', '.join(missing)}; e.g. ks-train --data disfa --root DISFA --out runs/disfa --labels 2%"
        )
    reads = [("the data set", values["root"]), ("the label list", values["label_list"]), ("--init", values["init"])]
    check_outputs(outputs(("--json", args.json, REPORT)), [(what, Path(path)) for what, path in reads if path])
    config = TrainConfig(**values)
    if not Path(config.root).exists():
        from knowledge_spreader.datasets import load_dataset

        load_dataset(config.data, Path(config.root), config.aus, config.fps, config.fold)  # says what it wants there
    from knowledge_spreader.training.trainer import train  # torch, which takes seconds

    summary = train(config, args.progress, args.resume, given=given, opens=opens)
    score = f"F1 {100 * summary.selection_f1:.1f}" if summary.selection_f1 >= 0 else "not scored"
    selection = _selection(summary.best_path)
    print(f"{summary.best_path}: epoch {summary.best_epoch}, {score}, selected on {selection}")
    if values["fold"]:
        print(f"next: ks-eval {summary.best_path}")
    if args.json:
        f1 = summary.selection_f1 if summary.selection_f1 >= 0 else None
        told = {"checkpoint": str(summary.best_path), "epoch": summary.best_epoch, "selection_f1": f1}
        write_json(args.json, {**told, "selected_on": selection})


def _selection(path: Path) -> str:
    from knowledge_spreader.checkpoint import load_checkpoint

    return str(load_checkpoint(path).metrics["selection"])


if __name__ == "__main__":  # for torchrun, which takes a module
    sys.exit(main())
