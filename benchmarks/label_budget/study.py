"""ks-study: trains methods x label shares x folds x seeds, then makes the paper's tables and figures.

The same command resumes a study that was stopped.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from knowledge_spreader.benchmarks.label_budget.cells import Study
from knowledge_spreader.benchmarks.label_budget.figures import check_figures, write_figures
from knowledge_spreader.benchmarks.label_budget.plan import ABLATIONS, Axes, Run, base_config, parse_shares, plan
from knowledge_spreader.benchmarks.label_budget.rows import (
    Summary,
    append_row,
    done_keys,
    error_row,
    read_rows,
    result_row,
)
from knowledge_spreader.benchmarks.label_budget.tables import make_tables, write_tables
from knowledge_spreader.benchmarks.provenance import Row, origin_of_results, stamped
from knowledge_spreader.cli.run import make_parser, numbers, run, words
from knowledge_spreader.config import DATASETS, METHODS, SCHEMES, TrainConfig
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import KSError
from knowledge_spreader.evaluation.report import Predictions
from knowledge_spreader.files import check_folder, check_place

RunOne = Callable[[TrainConfig], tuple[Summary, Predictions]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Numbers of runs that were done before, were done now, or failed."""

    found: int
    done: int
    failed: int


def train_and_predict(config: TrainConfig) -> tuple[Summary, Predictions]:
    """Trains, or resumes a stopped run, then predicts the test part with the selected epoch."""
    from knowledge_spreader.evaluation.predict import predict_test
    from knowledge_spreader.training.trainer import train

    summary = train(config, progress=False, resume=(Path(config.out) / "last.safetensors").exists())
    return summary, predict_test(summary.best_path, config.device)


def check_before(runs: Sequence[Run]) -> None:
    """Raises KSError, before any training, on what would fail every run: the data set, its folds, files that are named.

    What fails one run alone becomes its row.
    """
    from knowledge_spreader.clips.chosen_data import choose_data, split_subjects
    from knowledge_spreader.training.run_checks import check_run

    first = runs[0].config
    check_run(first, resume=(Path(first.out) / "last.safetensors").exists())
    data = choose_data(first).data
    for config in {one.config.fold: one.config for one in runs}.values():
        split_subjects(config, data)


def run_study(runs: Sequence[Run], rows_path: Path, run_one: RunOne, origin: Row, console: Console) -> Outcome:
    """Does the runs that have no result yet and writes a row for each. A KSError is written as a row too."""
    have = done_keys(read_rows(rows_path))
    todo = [run for run in runs if run.key not in have]
    failed = 0
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[left]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task("", total=len(todo), left="")
        begun_s = time.perf_counter()
        for number, run in enumerate(todo, 1):
            bar.update(task, description=run.name)
            start_s = time.perf_counter()
            try:
                summary, predictions = run_one(run.config)
                row = result_row(run, summary, predictions, time.perf_counter() - start_s, origin)
            except KSError as exc:
                failed += 1
                row = error_row(run, exc, time.perf_counter() - start_s, origin)
            append_row(rows_path, stamped(row))
            bar.console.print(Text(f"{run.name}: {_told(row)}"))
            each_s = (time.perf_counter() - begun_s) / number
            bar.update(task, advance=1, left=f"about {duration(each_s * (len(todo) - number))} left")
    return Outcome(len(runs) - len(todo), len(todo) - failed, failed)


def _told(row: Row) -> str:
    """A row in a few words."""
    if "error" in row:
        return f"failed: {row['error']}"
    f1 = "no F1, because no label is known" if row["f1_mean"] is None else f"F1 {100 * row['f1_mean']:.1f} %"
    return f"{f1} in {duration(row['seconds'])}"


def duration(seconds: float) -> str:
    """5400 -> '1 h 30 min'; 42 -> '42 s'."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def main(
    argv: Sequence[str] | None = None,
    run_one: RunOne = train_and_predict,
    origin: Callable[[], Row] = origin_of_results,
) -> int:
    """Returns 0 if all is well, 2 if a run failed or the command is wrong, 130 if interrupted."""

    def study(args: argparse.Namespace) -> int:
        return _run(args, run_one, origin) if args.command == "run" else _table(args)

    return run(parser(), argv, study, "interrupted; the same command resumes the study")


def _run(args: argparse.Namespace, run_one: RunOne, origin: Callable[[], Row]) -> int:
    axes = Axes(
        methods=args.methods,
        shares=parse_shares(args.labels),
        folds=args.folds,
        seeds=args.seeds,
        ablations=args.ablations,
        n_frames=args.n_frames,
        schemes=args.schemes,
    )
    runs = plan(base_config(args.data, args.root, args.set), axes, args.out)
    rows_path = args.out / "rows.jsonl"
    if args.list:
        have = done_keys(read_rows(rows_path))
        for run in runs:
            print(f"{'done' if run.key in have else 'to do'}\t{run.name}")
        return 0
    check_place("--out", rows_path, new_folder=True)
    have = done_keys(read_rows(rows_path))
    if run_one is train_and_predict and (todo := [one for one in runs if one.key not in have]):
        check_before(todo)
    outcome = run_study(runs, rows_path, run_one, origin(), stderr_console())
    print(f"{outcome.done} runs done, {outcome.found} done before, {outcome.failed} failed: {rows_path}")
    return 2 if outcome.failed else 0


def _table(args: argparse.Namespace) -> int:
    check_folder("--out", args.out)
    study = Study.of([row for path in args.rows for row in _must_read(path)], args.where)
    texts = make_tables(study, args.out)
    check_figures(args.out, args.rows)
    for path in (*write_tables(texts), *write_figures(study, args.out)):
        print(path)
    return 0


def _must_read(path: Path) -> list[Row]:
    if not path.is_file():
        raise KSError(f"{path}: no such file; give the rows.jsonl that `ks-study run` writes to its --out")
    return read_rows(path)


EXAMPLES = """\
  ks-study run --data disfa --root DISFA --methods ks,supervised --labels 1%,5% --seeds 0,1,2
  ks-study table study/rows.jsonl --out study/tables
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-study",
        "How few labels are enough? Train methods x label shares x folds x seeds, then make the paper's tables.",
        EXAMPLES,
    )
    commands = made.add_subparsers(dest="command", required=True, metavar="run|table")

    study = commands.add_parser("run", help="do the runs that have no result yet")
    study.add_argument("--data", required=True, choices=DATASETS, help="layout of the data set")
    study.add_argument("--root", required=True, metavar="PATH", help="the data set's folder, or a manifest's CSV file")
    study.add_argument(
        "--out",
        type=Path,
        default=Path("study"),
        metavar="FOLDER",
        help="for rows.jsonl and the run folders (default: %(default)s)",
    )
    lists: dict[str, tuple[Callable[[str], Any], str, str]] = {
        "methods": (words, "ks", f"of {', '.join(METHODS)}"),
        "labels": (str, "1%,2%,5%,10%,20%,50%,100%", "shares of the frames whose labels are used"),
        "folds": (numbers, "1,2,3", "folds to test on, from 1"),
        "seeds": (numbers, "0", "seeds of weights, labels, clips and noise"),
        "ablations": (words, "none", f"of ks: {', '.join(ABLATIONS)}"),
        "n-frames": (numbers, "5", "frames in a clip"),
        "schemes": (words, "sparse", f"how labels are spread: {', '.join(SCHEMES)}"),
    }
    for name, (kind, default, text) in lists.items():
        shown = default.replace("%", "%%")
        study.add_argument(f"--{name}", type=kind, default=default, metavar="A,B", help=f"{text} (default: {shown})")
    study.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="any other setting of ks-train; may be repeated",
    )
    study.add_argument("--list", action="store_true", help="list the runs and train nothing")

    table = commands.add_parser("table", help="make Markdown tables and figures from the rows")
    table.add_argument("rows", nargs="+", type=Path, metavar="rows.jsonl", help="rows of one or more studies")
    table.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="for the tables and figures")
    table.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="only rows with this setting, such as fold=1 or epochs=20; may be repeated",
    )
    return made
