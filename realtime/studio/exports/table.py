"""Cells -> the bytes of a CSV or TSV."""

from collections.abc import Iterable, Sequence

from knowledge_spreader.realtime.sinks.csv_sink import quoted


def table(header: Sequence[str], rows: Iterable[Sequence[str]], between: str = ",") -> bytes:
    lines = [between.join([quoted(cell, between) for cell in row]) + "\n" for row in (header, *rows)]
    return "".join(lines).encode()


def seconds(time_s: float) -> str:
    """To the microsecond."""
    return f"{time_s:.6f}".rstrip("0").rstrip(".")
