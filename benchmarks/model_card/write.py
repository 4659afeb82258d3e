"""ks-card: writes the tables of the model card and of docs/results.md, whose prose is written by hand.

A table goes between `<!-- table: NAME -->` and the next `<!-- end -->` of each page that has these marks. The same
reports give the same bytes. It also prints which AUs are experimental, for `ks-compile --experimental`.
"""

import argparse
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from knowledge_spreader.benchmarks.model_card.inputs import Real, read_inputs, read_report
from knowledge_spreader.benchmarks.model_card.tables import (
    aus_table,
    calibration_table,
    commands_block,
    experimental,
    held_out_table,
    portraits_table,
    real_table,
    settings_table,
    speed_table,
)
from knowledge_spreader.cli.run import make_parser, run
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import write_text

CARD = bundled_model().with_name("README.md")
END = "<!-- end -->"


def fill(page: str, tables: Mapping[str, str], where: str) -> str:
    """The page with the tables between its marks. Raises DataError if it has no marks, or incomplete ones."""
    here = {name: table for name, table in tables.items() if _start(name) in page}
    for name, table in (here or tables).items():
        start = _start(name)
        pattern = re.compile(rf"(?<={re.escape(start)}\n).*?(?=^{re.escape(END)}$)", re.DOTALL | re.MULTILINE)
        if page.count(start) != 1 or not (found := pattern.search(page)) or "<!-- table:" in found.group():
            raise DataError(f"{where}: wanted {start!r} once and {END!r} below it, each on a separate line; add them")
        page = page[: found.start()] + table + "\n" + page[found.end() :]
    return page


def _start(name: str) -> str:
    return f"<!-- table: {name} -->"


def _write(args: argparse.Namespace) -> None:
    held_out, real = read_inputs(args.eval, args.real)
    tables = {
        "aus": aus_table(held_out, real),
        "held-out": held_out_table(held_out, real),
        "real": real_table(real),
        "calibration": calibration_table(held_out, real),
    }
    if real.portraits:
        tables["portraits"] = portraits_table(real, real.portraits)
    if args.speed:
        tables["speed"] = _speed(args.speed, real)
    if args.training:
        tables["training"] = _training(args.training)
    filled = {path: fill(_read(path), tables, str(path)) for path in args.out}
    for path, text in filled.items():
        write_text(path, text)
    listed = ",".join(map(str, experimental(real)))
    pages = ", ".join(map(str, args.out))
    print(f"{pages}: tables written; experimental: {listed or 'none'} (ks-compile --experimental '{listed}')")


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as exc:
        raise DataError(f"{path} cannot be read ({one_line(exc)}); give a page with its prose and markers") from exc


def _speed(path: Path, real: Real) -> str:
    report = read_report(path)
    try:
        return speed_table(report, real)
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        reason = f"no {exc}" if isinstance(exc, KeyError) else exc
        raise DataError(f"{path} is not a report of ks-bench live on this model ({reason}); write it again") from exc


def _training(path: Path) -> str:
    """A table of settings from a .json file, or a block of commands from a text file."""
    if path.suffix == ".json":
        return settings_table(read_report(path))
    try:
        return commands_block(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as exc:
        reason = getattr(exc, "strerror", None) or "not UTF-8"
        raise DataError(f"{path} cannot be read ({reason}); give a text or a JSON file") from exc


EXAMPLES = """\
  ks-eval CHECKPOINT --json eval.json
  ks-real --media FOLDER --landmarker face_landmarker.task --json real.json
  ks-card --eval eval.json --real real.json
  ks-card --eval eval.json --real real.json --speed speed.json --out ks/weights/README.md docs/results.md
"""


def parser() -> argparse.ArgumentParser:
    made = make_parser("ks-card", "Write the tables of a model card from the model's reports.", EXAMPLES)
    made.add_argument("--eval", type=Path, required=True, metavar="FILE.json", help="of ks-eval, on held-out people")
    made.add_argument(
        "--real",
        type=Path,
        required=True,
        metavar="FILE.json",
        help="of ks-real with --landmarker; its portraits give one more table",
    )
    made.add_argument(
        "--speed", type=Path, metavar="FILE.json", help="of ks-bench live (default: keep the speed table)"
    )
    made.add_argument(
        "--training",
        type=Path,
        metavar="FILE",
        help="commands as text, or settings as .json (default: keep the training table)",
    )
    made.add_argument(
        "--out",
        type=Path,
        nargs="+",
        default=[CARD],
        metavar="FILE.md",
        help="pages; each gets the tables that it has marks for (default: the bundled model's card)",
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _write)
