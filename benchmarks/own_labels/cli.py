"""The command ks-bench own-labels."""

import argparse
from pathlib import Path

from knowledge_spreader.benchmarks.own_labels.cells import METHODS
from knowledge_spreader.benchmarks.own_labels.run import NETWORKS, SEEDS, SHARES
from knowledge_spreader.cli.run import Parser, add_progress, words


def own_labels(args: argparse.Namespace) -> None:
    from knowledge_spreader.benchmarks.own_labels.figure import draw, lines
    from knowledge_spreader.benchmarks.own_labels.run import StudyOptions, read_rows, study
    from knowledge_spreader.evaluation.figure_style import check_suffix

    if args.plot:
        check_suffix("--plot", args.plot)
    study(
        StudyOptions(
            recordings=args.folder / "manifest.csv" if args.folder.is_dir() else args.folder,
            rows=args.rows,
            shares=args.shares,
            methods=args.methods,
            seeds=args.seeds,
            cache=args.cache,
            progress=args.progress,
        )
    )
    rows = read_rows(args.rows)
    print("\n".join(lines(rows)))
    if args.plot:
        draw(rows, args.plot)


def add_own_labels(commands: "argparse._SubParsersAction[Parser]") -> None:
    made = commands.add_parser("own-labels", help="what labels of one's own recordings bring: F1 by share and method")
    made.add_argument(
        "--set",
        type=Path,
        required=True,
        dest="folder",
        metavar="FOLDER",
        help="labelled recordings: a folder that `ks-synth dataset` wrote, or a CSV as for ks-train",
    )
    made.add_argument("--rows", type=Path, required=True, metavar="FILE.jsonl", help="results; a stopped study goes on")
    made.add_argument(
        "--shares", type=_shares, default=SHARES, metavar="1%,2%", help="of labelled frames (default: 0.5%% to 100%%)"
    )
    made.add_argument(
        "--methods",
        type=words,
        default=METHODS,
        metavar="NAMES",
        help=f"of {', '.join(METHODS)} (default: all these), {', '.join(NETWORKS)} (minutes each; need torch)",
    )
    made.add_argument("--seeds", type=int, default=SEEDS, metavar="N", help="default: %(default)s")
    made.add_argument("--cache", type=Path, metavar="FOLDER", help="as in ks-adapt (default: the user's cache)")
    made.add_argument("--plot", type=Path, metavar="FILE.png", help="draw F1 by share")
    add_progress(made)


def _shares(text: str) -> tuple[float, ...]:
    """'1%,2%' -> (.01, .02). An argparse type."""
    try:
        shares = tuple(float(part.removesuffix("%")) / 100 for part in words(text))
    except ValueError:
        shares = ()
    if not shares or not all(0 < share <= 1 for share in shares):
        raise argparse.ArgumentTypeError(f"wanted shares of frames such as 1%,2%,10%; got {text!r}")
    return shares
