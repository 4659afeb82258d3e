"""What ks-adapt is given of a project: its recordings as a list, and its labels as a file of their own."""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.studio.store.project import Rec

STATE = "training.json"  # what the process says of itself


def write_list(path: Path, recs: Sequence[Rec]) -> None:
    """A CSV with the columns video and subject. Raises DataError if a name cannot stand in it."""
    for rec in recs:
        if len(str(rec.path).splitlines()) != 1 or any("\ud800" <= letter <= "\udfff" for letter in str(rec.path)):
            raise DataError(f"{str(rec.path)!r:.120}: this name cannot be written into a list; rename the file")

    def write(unfinished: Path) -> None:
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["video", "subject"])
            writer.writerows([rec.path, rec.subject] for rec in recs)

    replace_whole(path, write)


def write_labels(path: Path, lines: Iterable[dict[str, Any]]) -> None:
    """In the format of ks/datasets/own_labels/log.py."""
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    replace_whole(path, lambda unfinished: unfinished.write_bytes(text.encode()))


def labels_of(log: Path, recs: Sequence[Rec]) -> list[dict[str, Any]]:
    """What the label log says of these recordings, under the names that they have now. Raises DataError.

    A label belongs to the content of a recording; the name in the log is the one that it had then.
    """
    paths = {rec.video: str(rec.path) for rec in recs}
    try:
        with log.open("rb") as file:
            lines = [
                line for line in file if line.endswith(b"\n") and line.strip()
            ]  # whole ones: a crash cuts the last
    except FileNotFoundError:
        return []
    except OSError as exc:
        raise DataError(f"{log}: cannot be read ({one_line(exc)}); check its permissions") from exc
    try:
        entries = [json.loads(line) for line in lines]
        return [{**one, "recording": paths[one["video"]]} for one in entries if one["video"] in paths]
    except (ValueError, KeyError, TypeError, RecursionError) as exc:
        raise DataError(f"{log}: a line is not a label of the studio ({one_line(exc)}); correct or remove it") from exc
