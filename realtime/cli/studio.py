"""ks-studio: one page in the browser to see faces live, review recordings, label a few frames and train."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from knowledge_spreader.cli.run import add_threads, make_parser, run
from knowledge_spreader.console import stderr_console
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.engines.open import DEVICES
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.realtime.options import Options

EXAMPLES = """\
  ks-studio
  ks-studio my-study
  ks-studio my-study --recordings videos/
"""
DEFAULT = "ks-studio"  # folder in the user's home


def parser() -> argparse.ArgumentParser:
    made = make_parser(
        "ks-studio",
        "Opens a page in the browser: watch faces live, review recordings, label a few frames, train, and see what it "
        "brought. Everything stays on this machine.",
        EXAMPLES,
    )
    made.add_argument(
        "project",
        nargs="?",
        type=Path,
        metavar="PROJECT",
        help=f"the project's folder, made if there is none (default: {DEFAULT} in your home)",
    )
    made.add_argument(
        "--recordings",
        type=Path,
        action="append",
        default=[],
        metavar="FOLDER",
        help="add these to the project: a folder, a file, or a CSV with the columns video and subject; may be repeated",
    )
    made.add_argument("--base", type=Path, metavar="FILE.ks", help="the model to start from (default: the bundled one)")
    made.add_argument(
        "--cache", type=Path, metavar="FOLDER", help="what was computed of recordings (default: the user's cache)"
    )
    made.add_argument("--device", default="auto", choices=DEVICES, help="what runs the model (default: %(default)s)")
    made.add_argument("--precision", default="auto", metavar="NAME", help="as in ks-live (default: %(default)s)")
    add_threads(made)
    made.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen at; another than this one lets other machines see your faces (default: %(default)s)",
    )
    made.add_argument("--port", type=int, default=0, metavar="N", help="0: any free one (default: %(default)s)")
    made.add_argument(
        "--browser", action=argparse.BooleanOptionalAction, default=True, help="open the browser (default: yes)"
    )
    return made


def main(argv: Sequence[str] | None = None) -> int:
    return run(parser(), argv, _main, "the studio is closed; every label is kept")


def _main(args: argparse.Namespace) -> None:
    try:
        from knowledge_spreader.realtime.studio.run import is_loopback, serve
        from knowledge_spreader.realtime.studio.state import Studio
        from knowledge_spreader.realtime.studio.store.project import Project
    except ImportError as exc:
        raise MissingError(
            f"ks-studio needs {exc.name or 'its extra'}: pip install 'knowledge-spreader[studio]'"
        ) from exc
    if not 0 <= args.port < 1 << 16:
        raise DataError(f"--port must be 0 to 65535; got {args.port}")
    options = Options(model=str(args.base or ""), device=args.device, precision=args.precision, threads=args.threads)
    if args.base:
        open_model(args.base)
    if not is_loopback(args.host):
        stderr_console().print(
            f"--host {args.host}: OTHER MACHINES CAN REACH THIS STUDIO. Whoever has the address below sees the faces "
            "and labels in it, and the connection is not encrypted.",
            style="bold",
            highlight=False,
            soft_wrap=True,
        )
    with Project(args.project or Path.home() / DEFAULT, args.cache) as project:
        for path in args.recordings:
            project.add(path)
        studio = Studio(project, options)
        try:
            serve(studio, args.host, args.port, _tell, browser=args.browser)
        finally:
            studio.close()


def _tell(address: str) -> None:
    print(f"the studio: {address}", flush=True)
    print("Ctrl-C closes it; a training goes on", file=sys.stderr)
