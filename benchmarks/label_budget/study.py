"""How few labels are enough? Trains methods x label shares x folds x seeds, then makes the paper's tables.

    ks-study run --data disfa --root DISFA --methods ks,supervised --labels 1%,5% --seeds 0,1,2
    ks-study table study/rows.jsonl --out study/tables

A study that was stopped goes on where it was when the same command is given again.
"""

import argparse
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.text import Text

from knowledge_spreader.benchmarks.label_budget.cells import Study
from knowledge_spreader.benchmarks.label_budget.figures import write_figures
from knowledge_spreader.benchmarks.label_budget.plan import ABLATIONS, Axes, Run, base_config, parse_shares, plan
from knowledge_spreader.benchmarks.label_budget.rows import (
    Summary,
    append_row,
    done_keys,
    error_row,
    read_rows,
    result_row,
)
from knowledge_spreader.benchmarks.label_budget.tables import write_tables
from knowledge_spreader.benchmarks.provenance import Row, origin_of_results, stamped
from knowledge_spreader.config import METHODS, SCHEMES, TrainConfig
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import KSError
from knowledge_spreader.evaluation.report import Predictions

RunOne = Callable[[TrainConfig], tuple[Summary, Predictions]]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How many runs of a study were found done, are done now, or failed."""

    found: int
    done: int
    failed: int


def train_and_predict(config: TrainConfig) -> tuple[Summary, Predictions]:
    """The real run: train, or go on with a run that was stopped; then predict the test part with the selected epoch."""
    from knowledge_spreader.evaluation.predict import predict_test
    from knowledge_spreader.training.trainer import train

    summary = train(config, progress=False, resume=(Path(config.out) / "last.safetensors").exists())
    return summary, predict_test(summary.best_path, config.device)


def run_study(runs: Sequence[Run], rows_path: Path, run_one: RunOne, origin: Row, console: Console) -> Outcome:
    """Do the runs that have no result yet, one row each; a KSError becomes a row too and the next run is tried."""
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
    """What a row says, in a few words."""
    if "error" in row:
        return f"failed: {row['error']}"
    f1 = "no F1, no label is known" if row["f1_mean"] is None else f"F1 {100 * row['f1_mean']:.1f} %"
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
    """0 when all is well, 1 when a run failed, 2 when the command cannot be followed, 130 when interrupted."""
    args = _parser().parse_args(argv)
    try:
        return _run(args, run_one, origin) if args.command == "run" else _table(args)
    except KSError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; the same command goes on from here", file=sys.stderr)
        return 130


def _run(args: argparse.Namespace, run_one: RunOne, origin: Callable[[], Row]) -> int:
    axes = Axes(
        methods=_names(args.methods),
        shares=parse_shares(args.labels),
        folds=_whole_numbers("--folds", args.folds),
        seeds=_whole_numbers("--seeds", args.seeds),
        ablations=_names(args.ablations),
        frames=_whole_numbers("--frames", args.frames),
        schemes=_names(args.schemes),
    )
    runs = plan(base_config(args.data, args.root, args.set), axes, args.out_dir)
    rows_path = args.out_dir / "rows.jsonl"
    if args.list:
        have = done_keys(read_rows(rows_path))
        for run in runs:
            print(f"{'done' if run.key in have else 'to do'}\t{run.name}")
        return 0
    outcome = run_study(runs, rows_path, run_one, origin(), stderr_console())
    print(f"{outcome.done} runs done, {outcome.found} were there, {outcome.failed} failed: {rows_path}")
    return 1 if outcome.failed else 0


def _table(args: argparse.Namespace) -> int:
    study = Study.of([row for path in args.rows for row in _must_read(path)], args.where)
    for path in (*write_tables(study, args.out), *write_figures(study, args.out)):
        print(path)
    return 0


def _must_read(path: Path) -> list[Row]:
    if not path.is_file():
        raise KSError(f"there is no {path}; `ks-study run` writes rows.jsonl into its --out-dir")
    return read_rows(path)


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def _whole_numbers(flag: str, text: str) -> tuple[int, ...]:
    try:
        return tuple(dict.fromkeys(int(part) for part in text.split(",") if part.strip()))
    except ValueError as exc:
        raise KSError(f"{flag} takes whole numbers with commas between, like 1,2,3; got {text!r}") from exc


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="ks-study", description=(__doc__ or "").split("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)

    run = commands.add_parser("run", help="train what is missing and add a row for each run")
    run.add_argument("--data", required=True, help="bp4d, bp4d+, disfa, mme or manifest")
    run.add_argument("--root", required=True, help="folder of the data set; for manifest the CSV file")
    run.add_argument("--out-dir", type=Path, default=Path("study"), help="for rows.jsonl and the run folders [study]")
    run.add_argument("--methods", default="ks", help=f"with commas between: {', '.join(METHODS)} [ks]")
    run.add_argument("--labels", default="1%,2%,5%,10%,20%,50%,100%", help="shares of labelled frames [%(default)s]")
    run.add_argument("--folds", default="1,2,3", help="[%(default)s]")
    run.add_argument("--seeds", default="0", help="[%(default)s]")
    run.add_argument("--ablations", default="none", help=f"of ks: {', '.join(ABLATIONS)} [none]")
    run.add_argument("--frames", default="5", help="frames in a clip [%(default)s]")
    run.add_argument("--schemes", default="sparse", help=f"how labels are spread: {', '.join(SCHEMES)} [sparse]")
    run.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="any other setting of ks-train")
    run.add_argument("--list", action="store_true", help="show the runs and train nothing")

    table = commands.add_parser("table", help="Markdown tables and figures from rows")
    table.add_argument("rows", nargs="+", type=Path, help="rows.jsonl of one or more studies")
    table.add_argument("--out", type=Path, required=True, help="folder for the tables and figures")
    table.add_argument(
        "--where",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="only rows with this, like fold=1 or epochs=20",
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
