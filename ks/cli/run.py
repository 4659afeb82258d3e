"""Shared by all commands: the parser, one-line errors, exit codes, and common options.

Exit codes: 0 success; 2 a user error, printed on one line; 130 Ctrl-C; a command may have more.
"""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console
from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from knowledge_spreader.config import FACE_RUNTIMES
from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import parse_aus

Group = argparse.ArgumentParser | argparse._ArgumentGroup
INTERRUPTED = "interrupted; finished files are complete"


class Parser(argparse.ArgumentParser):
    """An ArgumentParser whose errors are KSErrors: one line, without the usage text."""

    def error(self, message: str) -> NoReturn:
        raise KSError(f"{message.removeprefix('argument ')}; see {self.prog} --help")


def make_parser(prog: str, description: str, examples: str = "", usage: str = "") -> Parser:
    """A command's parser with --version.

    examples: command lines, shown unchanged at the end of --help. usage: replaces the generated usage line, for
    commands with many options.
    """
    parser = Parser(
        prog=prog,
        usage=usage or None,
        description=description,
        epilog=f"examples:\n{examples}" if examples else None,
        formatter_class=_Formatter,
    )
    parser.add_argument("--version", action="version", version=f"{prog} {version('knowledge-spreader')}")
    return parser


class _Formatter(argparse.HelpFormatter):
    """Wraps descriptions, but not the examples."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        if text.startswith("examples:\n"):
            return text
        return super()._fill_text(text, width, indent)


def run(
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    command: Callable[[argparse.Namespace], int | None],
    interrupted: str = INTERRUPTED,
) -> int:
    """Runs a command and returns its exit code; 2, with one line on stderr, on a KSError, and 130 on Ctrl-C."""
    on_terminal = RichHandler(
        console=stderr_console(), show_path=False, show_level=False, highlighter=NullHighlighter()
    )
    handler = on_terminal if sys.stderr.isatty() else logging.StreamHandler()  # no line wrapping in files
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("knowledge_spreader").setLevel(logging.INFO)  # other libraries: warnings only
    try:
        return command(parser.parse_args(argv)) or 0
    except KSError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(interrupted, file=sys.stderr)
        return 130
    finally:
        logging.getLogger().removeHandler(handler)


def stdout_console(wide: int = 100) -> Console:
    """A console for tables: as wide as the terminal; `wide` characters in a file or pipe."""
    return Console(width=None if sys.stdout.isatty() else wide)


def checkpoint_file(path: Path) -> Path:
    """The checkpoint of a path: in a run folder of ks-train, best.safetensors."""
    return path / "best.safetensors" if path.is_dir() else path


def add_checkpoint(group: Group, name: str = "checkpoint", more: str = "") -> None:
    group.add_argument(name, type=Path, help=f"a checkpoint, or a run folder of ks-train{more}")


def add_progress(group: Group) -> None:
    group.add_argument(
        "--progress",
        action=argparse.BooleanOptionalAction,
        default=sys.stderr.isatty(),
        help="progress bars on stderr (default: on a terminal)",
    )


def add_json(group: Group, what: str = "all numbers") -> None:
    group.add_argument("--json", type=Path, metavar="FILE", help=f"also write {what} to this file, as JSON")


def add_face_model(group: Group) -> None:
    group.add_argument(
        "--face-model",
        default="",
        metavar="FILE.tflite",
        help="another BlazeFace, short range (default: the one of this package)",
    )
    group.add_argument(
        "--face-runtime",
        default="openvino",
        choices=FACE_RUNTIMES,
        help="what runs it, with the same result; MediaPipe's, an extra, sends usage metrics to Google "
        "(default: %(default)s)",
    )


def add_torch_device(group: Group) -> None:
    group.add_argument("--device", default="auto", help="auto, cpu or cuda (default: %(default)s)")


def add_threads(group: Group) -> None:
    group.add_argument(
        "--threads", type=int, default=0, metavar="N", help="CPU threads of the model; 0: what suits it (default: 0)"
    )


def add_other_data(group: Group) -> None:
    """--root, --cache, --face-model, --face-runtime: where data set, crops and face model are now, and what runs it."""
    group.add_argument(
        "--root", default="", metavar="PATH", help="folder or CSV of the data set (default: as in training)"
    )
    group.add_argument("--cache", default="", metavar="FOLDER", help="folder of the crops (default: as in training)")
    add_face_model(group)


def other_data(args: argparse.Namespace) -> dict[str, Any]:
    """The options of add_other_data that were given."""
    names = ("root", "cache", "face_model", "face_runtime")
    return {name: value for name in names if (value := getattr(args, name))}


def inputs(args: argparse.Namespace) -> list[tuple[str, Path]]:
    """What each file of add_other_data is, and its path."""
    files = {"the data set": args.root, "the face model": args.face_model}
    return [(what, Path(path)) for what, path in files.items() if path]


def words(text: str) -> tuple[str, ...]:
    """'ks, tcl' -> ("ks", "tcl"), each once."""
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def numbers(text: str) -> tuple[int, ...]:
    """'1,2,8' -> (1, 2, 8), each once. An argparse type."""
    try:
        return tuple(dict.fromkeys(int(part) for part in words(text)))
    except ValueError:
        raise argparse.ArgumentTypeError(f"wanted whole numbers separated by commas, e.g. 1,8; got {text!r}") from None


def base_rates(text: str) -> tuple[tuple[int, float], ...]:
    """'AU6=0.25,AU12=0.3' -> ((6, 0.25), (12, 0.3)). For argparse: raises ArgumentTypeError."""
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return tuple((parse_aus(au)[0], float(rate)) for au, rate in pairs)
    except (ValueError, IndexError, KSError):
        raise argparse.ArgumentTypeError(f"wanted AU=share, as in AU6=0.25,AU12=0.3; got {text!r}") from None
