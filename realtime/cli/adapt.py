"""ks-adapt: a few labels of one's own recordings -> a model that knows them; and which frames to label."""

import argparse
import csv
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.progress import Progress

from knowledge_spreader.adapt.apart import GOALS, THESE
from knowledge_spreader.adapt.spread import NONE, WAYS
from knowledge_spreader.adapt.suggest import read_budget
from knowledge_spreader.cli.outputs import MODEL, REPORT, check_outputs, outputs
from knowledge_spreader.cli.run import Group, add_json, add_progress, add_threads, make_parser, run, stdout_console
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import check_folder, check_place, replace_whole, write_json
from knowledge_spreader.realtime.adapt.run import Suggested, adapt_model, base_model, suggest_frames
from knowledge_spreader.realtime.adapt.show import show
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.spec import au_label

EXAMPLES = """\
  ks-adapt suggest --recordings videos/ --budget 2% --out to-label.csv
  ks-adapt --recordings videos/ --labels to-label.csv --out mine.ks
  ks-live --source videos/anna.mp4 --model mine.ks --csv anna.csv
"""
_HEAD = ("video", "subject", "frame", "time_s", "why")
_LINE_S = 30.0  # between lines where there is no bar

log = logging.getLogger(__name__)


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-adapt",
        "Label a few frames of your own recordings; the model learns from them in a minute. `ks-adapt suggest` says "
        "which frames.",
        EXAMPLES,
    )
    _add_recordings(made)
    made.add_argument(
        "--labels",
        type=Path,
        action="append",
        metavar="FILE",
        help="labels: a CSV as for ks-train, OpenFace's CSV, ELAN, BORIS, BIDS events, the studio's file, or a folder "
        "of them; may be repeated",
    )
    made.add_argument("--out", type=Path, metavar="FILE.ks", help="the adapted model")
    made.add_argument(
        "--for",
        dest="goal",
        default=THESE,
        choices=GOALS,
        help="what it is for: the other frames of these recordings, new recordings of the same people, or anyone "
        "(default: %(default)s)",
    )
    made.add_argument(
        "--spread",
        default=NONE,
        choices=WAYS,
        help="how frames without a label teach; docs/your-own-labels.md says what each brings (default: %(default)s)",
    )
    _add_running(made)
    add_json(made, "the report")
    commands = made.add_subparsers(dest="command", metavar="suggest")
    which = commands.add_parser("suggest", help="which frames to label")
    _add_recordings(which)
    which.add_argument(
        "--labels", type=Path, action="append", metavar="FILE", help="labels that are there already; may be repeated"
    )
    which.add_argument(
        "--budget",
        type=_budget,
        default=0.02,
        metavar="2%|N",
        help="a share of all frames with a face, or a number of frames (default: 2%%)",
    )
    which.add_argument("--out", type=Path, metavar="FILE.csv", help="the list: a table to fill in")
    which.add_argument("--seed", type=int, default=0, help="another seed, other frames (default: %(default)s)")
    _add_running(which)
    return made


def _add_recordings(made: Group) -> None:
    made.add_argument(
        "--recordings",
        type=Path,
        action="append",
        metavar="FOLDER",
        help="videos: a folder, a file, or a CSV with the columns video and subject; may be repeated",
    )


def _add_running(made: Group) -> None:
    made.add_argument("--base", type=Path, metavar="FILE.ks", help="the model to start from (default: the bundled one)")
    made.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="what was computed of the recordings (default: the user's cache)"
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    add_progress(made)


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _main, "interrupted; go on with the same command")


def _main(args: argparse.Namespace) -> None:
    needed = {"--recordings": args.recordings, "--out": args.out}
    if args.command != "suggest":
        needed["--labels"] = args.labels
    if missing := [option for option, value in needed.items() if not value]:
        raise DataError(f"{missing[0]} is missing; see ks-adapt --help")
    options = Options(model=str(args.base or ""), device=args.device, precision=args.precision, threads=args.threads)
    (_suggest if args.command == "suggest" else _adapt)(args, options)


def _adapt(args: argparse.Namespace, options: Options) -> None:
    base = base_model(options)
    reads = [("the recordings", path) for path in args.recordings] + [("labels", path) for path in args.labels]
    reads.append(("the base model", base.path))
    check_outputs(outputs(("--out", args.out, MODEL)), reads)
    if args.json:
        check_outputs(
            outputs(("--json", args.json, REPORT)), [*reads, ("the adapted model", args.out)], new_folder=True
        )
    if args.cache:
        check_folder("--cache", args.cache)
    with _progress(args.progress) as seen:
        result = adapt_model(
            args.recordings,
            args.labels,
            args.out,
            goal=args.goal,
            spread=args.spread,
            options=options,
            cache=args.cache or "",
            seen=seen,
        )
    for note in result.notes:
        stderr_console().print(note, soft_wrap=True, highlight=False)
    show(result, stdout_console(wide=140))
    if args.json:
        report = {**result.adapted.report, "model": str(args.out), "weights": result.model.weights_id}
        write_json(args.json, {**report, "notes": list(result.notes)})


def _suggest(args: argparse.Namespace, options: Options) -> None:
    check_place("--out", args.out)
    if args.out.exists():
        raise DataError(f"--out {args.out} exists, and may hold labels; give another name, or move it away")
    with _progress(args.progress) as seen:
        found = suggest_frames(
            args.recordings,
            args.budget,
            labels=args.labels or (),
            options=options,
            cache=args.cache or "",
            seed=args.seed,
            seen=seen,
        )
    for note in found.notes:
        stderr_console().print(note, soft_wrap=True, highlight=False)
    replace_whole(args.out, lambda path: _write_list(path, args.out.parent, found))
    count = {why: sum(one.why == why for one in found.chosen) for why in ("apart", "spread", "unsure", "random")}
    told = ", ".join(f"{n} {why}" for why, n in count.items() if n)
    stdout_console().print(
        f"{args.out}: {len(found.chosen)} frames of {len(found.watched.faces)} faces ({told}); write 1 or 0 into the "
        "AU columns, and leave blank what you cannot tell",
        soft_wrap=True,
        highlight=False,
    )


def _write_list(path: Path, folder: Path, found: Suggested) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow([*_HEAD, *map(au_label, found.aus)])
        for row in found.rows():
            recording = row["recording"]
            place = os.path.abspath(recording.path)  # a link in it stays a name, one above it does not count
            place = os.path.join(os.path.realpath(os.path.dirname(place)), os.path.basename(place))
            video = os.path.relpath(place, os.path.realpath(folder))
            cells = (video, recording.person, row["frame"], f"{row['time_s']:.3f}", row["why"])
            writer.writerow([*cells, *("" for _ in found.aus)])


def _budget(text: str) -> float:
    """An argparse type."""
    try:
        return read_budget(text)
    except DataError as exc:
        raise argparse.ArgumentTypeError(str(exc)) from None


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[Path, int], None]]:
    """A bar, or a line now and then."""
    told_s = time.monotonic()
    with Progress(console=stderr_console(), disable=not shown, transient=True) as bar:
        task = bar.add_task("watching", total=None)

        def seen(path: Path, frames: int) -> None:
            nonlocal told_s
            bar.update(task, description=f"{path.name}, frame {frames}")
            if not shown and time.monotonic() - told_s >= _LINE_S:
                told_s = time.monotonic()
                log.info("watching %s, frame %d", path.name, frames)

        yield seen
