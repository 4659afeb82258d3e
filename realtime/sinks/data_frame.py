"""Converts rows to a typed pandas DataFrame."""

from collections.abc import Iterable, Sequence
from itertools import islice
from typing import Any

from knowledge_spreader.errors import MissingError
from knowledge_spreader.realtime.sinks.rows import Row
from knowledge_spreader.realtime.sinks.table.columns import NO_EXTRAS, Column, Extras, columns

_CHUNK_ROWS = 4096  # rows held as Python objects at a time


def rows_to_frame(rows: Iterable[Row], aus: Sequence[int], extras: Extras = NO_EXTRAS) -> Any:
    """A pandas.DataFrame with the columns of rows.py, one row each; unknown values are missing.

    Needs about 600 bytes per row for 18 AUs; the Python rows themselves are not kept. Raises MissingError without
    pandas.
    """
    try:
        import pandas as pd
    except ImportError as exc:
        raise MissingError("a table needs pandas; pip install 'knowledge-spreader[table]'") from exc
    found = columns(aus, extras)
    remaining = iter(rows)
    chunks = []
    while chunk := list(islice(remaining, _CHUNK_ROWS)):
        chunks.append(_typed(pd, chunk, found))
    frame = pd.concat(chunks, ignore_index=True) if chunks else _typed(pd, [], found)
    return frame.astype({column.name: "category" for column in found if column.kind == "text"})


def _typed(pd: Any, rows: Sequence[Row], found: Sequence[Column]) -> Any:
    values = zip(*rows, strict=True) if rows else [()] * len(found)
    data = {
        column.name: pd.Series(list(cells), dtype=_dtype(column)) for column, cells in zip(found, values, strict=True)
    }
    return pd.DataFrame(data)


def _dtype(column: Column) -> str:
    match column.kind:
        case "integer":
            return "int64" if column.always else "Int64"
        case "flag":
            return "bool" if column.always else "boolean"
        case "seconds":
            return "float64"
        case "share" | "pixels" | "mm" | "radians" | "degrees":
            return "float32"
        case "text":
            return "object"
