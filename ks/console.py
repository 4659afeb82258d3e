"""The console on stderr. Progress bars and log lines share it, so that they do not overwrite each other."""

from functools import lru_cache

from rich.console import Console


@lru_cache(maxsize=1)
def stderr_console() -> Console:
    """Created at first use, so that an earlier redirection of stderr takes effect."""
    return Console(stderr=True)
