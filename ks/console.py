"""The one console on stderr: progress bars and log lines that share it do not write over each other."""

from functools import lru_cache

from rich.console import Console


@lru_cache(maxsize=1)
def stderr_console() -> Console:
    """Made at first use, so that a stderr that was turned aside before is honoured."""
    return Console(stderr=True)
