"""What a user can do wrong, and how the product says so.

KSError                 one line: what came, what was wanted, what to do; every command prints it and exits 2
├── DataError           a data set, video, label list or cache that cannot be used
├── ModelError          a checkpoint or spec that cannot be used
└── MissingError        something to install or to download is not there
"""


class KSError(Exception):
    """Base of all errors that a user can cause and mend."""


class DataError(KSError):
    """A data set, video, label list or cache cannot be used as it is."""


class ModelError(KSError):
    """A checkpoint or spec cannot be used as it is."""


class MissingError(KSError):
    """Something that has to be installed or downloaded is not there."""


def one_line(exc: BaseException, limit: int = 160) -> str:
    """What an error says, on one line: the system's words without the path where it has any."""
    said = getattr(exc, "strerror", None) or str(exc)  # PyAV's errors have one too
    return " ".join(said.split())[:limit] or type(exc).__name__
