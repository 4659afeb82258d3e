"""failed.jsonl: a line for each recording that was set aside, with its reason. Lines are only ever added."""

import json
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from knowledge_spreader.realtime.batch.folder import turn
from knowledge_spreader.realtime.batch.job import Failed

NAME = "failed.jsonl"


def append(folder: Path, failed: Sequence[Failed]) -> None:
    """Raises OSError if they cannot be written."""
    if not failed:
        return
    lines = [_line(one, clock(time.time())) for one in failed]
    with turn(folder), (folder / NAME).open("a+b") as file:
        if file.tell() and not _ends_whole(file):
            file.write(b"\n")  # a torn line of a full disk or a killed machine
        file.write("".join(lines).encode())


def read(folder: Path) -> dict[str, dict[str, Any]]:
    """Path of a recording -> the last line about it. A torn line is left out."""
    found: dict[str, dict[str, Any]] = {}
    try:
        text = (folder / NAME).read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return found
    for line in text.splitlines():
        try:
            said = json.loads(line)
            found[said["path"]] = said
        except (ValueError, KeyError, TypeError):
            continue
    return found


def clock(time_s: float) -> str:
    """UTC; later is greater, as text too."""
    return datetime.fromtimestamp(time_s, UTC).isoformat(timespec="seconds")


def _line(failed: Failed, when: str) -> str:
    job = failed.job
    said = {"recording": job.name, "path": job.path, "reason": failed.reason, "attempts": failed.attempts, "when": when}
    return json.dumps({**said, **({"trace": failed.trace} if failed.trace else {})}) + "\n"


def _ends_whole(file: Any) -> bool:
    file.seek(-1, 2)
    return bool(file.read(1) == b"\n")
