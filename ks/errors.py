"""Errors that a user can cause and fix.

KSError                 one line: what was found, what was expected, what to do; commands print it and exit with 2
├── DataError           a data set, video, label list or cache that cannot be used
├── ModelError          a checkpoint or spec that cannot be used
└── MissingError        something must be installed or downloaded
"""


class KSError(Exception):
    """Base of all errors that a user can cause and fix."""


class DataError(KSError):
    """A data set, video, label list or cache cannot be used as it is."""


class ModelError(KSError):
    """A checkpoint or spec cannot be used as it is."""


class MissingError(KSError):
    """Something must be installed or downloaded."""


def one_line(exc: BaseException, limit: int = 160) -> str:
    """The message of an error on one line; of a system error, its text without the path."""
    said = getattr(exc, "strerror", None) or str(exc)  # PyAV's errors have one too
    return " ".join(said.split())[:limit] or type(exc).__name__
