"""What every command does alike: errors on one line, exit codes, logging, and options that many of them take."""

import logging
import sys
from collections.abc import Callable

from rich.highlighter import NullHighlighter
from rich.logging import RichHandler

from knowledge_spreader.console import stderr_console
from knowledge_spreader.errors import KSError


def parse_share(text: str) -> float:
    """'2%' or '0.02' -> 0.02. Raises KSError otherwise."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as exc:
        raise KSError(f"a share of labels looks like 2% or 0.02; got {text!r}") from exc


def run(command: Callable[[], int | None]) -> int:
    """Exit code of a command: its own, else 0; 2 and one line for what the user can mend, 130 when interrupted."""
    on_terminal = RichHandler(
        console=stderr_console(), show_path=False, show_level=False, highlighter=NullHighlighter()
    )
    handler = on_terminal if sys.stderr.isatty() else logging.StreamHandler()  # a file wants whole lines
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler], force=True)
    logging.getLogger("knowledge_spreader").setLevel(logging.INFO)  # others speak when something is wrong
    try:
        return command() or 0
    except KSError as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted; what was saved is whole; ks-train goes on from it by --resume", file=sys.stderr)
        return 130
    finally:
        logging.getLogger().removeHandler(handler)
