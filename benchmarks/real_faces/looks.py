"""A log of who looked at the scores on which sets: the more often, the less these sets can judge.

    time_utc, model, weights, sets, mean_auc

`sets` is "NAME SHA256; NAME SHA256": of a table of labels, or of the names of the portraits. A set is known again by
its SHA256. Lines may be added by hand.
"""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line

COLUMNS = ("time_utc", "model", "weights", "sets", "mean_auc")


def read_looks(path: Path) -> list[dict[str, str]]:
    """The lines so far; none if there is no file. Raises DataError if it is no such log."""
    if not path.exists():
        return []
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            reader = csv.DictReader(file, strict=True)
            rows = list(reader)
    except (OSError, UnicodeDecodeError, csv.Error) as exc:
        raise DataError(f"--looks {path}: cannot be read ({one_line(exc)}); check the path") from exc
    if tuple(reader.fieldnames or COLUMNS) != COLUMNS:
        raise DataError(f"--looks {path}: wanted the columns {', '.join(COLUMNS)}; got {reader.fieldnames}")
    return [{name: row[name] or "" for name in COLUMNS} for row in rows]


def add_look(path: Path, model: Path, weights: str, sets: Mapping[str, str], mean_auc: float) -> None:
    """Appends one line. sets: name -> SHA256. Raises DataError if it cannot be written."""
    told = "; ".join(f"{name} {sha256}" for name, sha256 in sets.items())
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    row = (now, model.name, weights, told, "" if mean_auc != mean_auc else f"{mean_auc:.4f}")
    try:
        so_far = path.read_bytes() if path.exists() else b""
        lines = io.StringIO()
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerows([row] if so_far.strip() else [COLUMNS, row])
        between = "\n" if so_far and not so_far.endswith(b"\n") else ""
        with path.open("a", encoding="utf-8", newline="") as file:
            file.write(between + lines.getvalue())
    except OSError as exc:
        raise DataError(f"--looks {path}: cannot be written ({one_line(exc)}); choose another path") from exc


def times_looked(rows: Sequence[Mapping[str, str]], sets: Mapping[str, str]) -> dict[str, int]:
    """Name of a set -> lines that have it."""
    return {name: sum(sha256 in row["sets"] for row in rows) for name, sha256 in sets.items()}
