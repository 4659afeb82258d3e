"""Events in BIDS format: an events.tsv, sorted by onset, and a JSON sidecar that describes its columns.

During the run each interval is appended when it ends, so a killed run loses only the intervals still open. `close`
sorts them. Onsets count from where players start the recording, not from the frames' own 0 as in the CSV. Brain
Imaging Data Structure, "Task events".
"""

import csv
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.sinks.csv_sink import quoted
from knowledge_spreader.realtime.sinks.result_file import ResultFile, check_writable, drop_torn_line
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.types import Event, Stream
from knowledge_spreader.spec import au_label, au_meaning

HEADER = ("onset", "duration", "trial_type", "face_id", "stream", "peak")
UNKNOWN = "n/a"


class TsvWriter:
    """Raises DataError if the table or its sidecar cannot be written, or another file has the sidecar's name."""

    def __init__(self, path: Path, aus: Sequence[int], experimental: Sequence[int] = ()) -> None:
        self._file = ResultFile(path)
        self._sidecar, self._described = path.with_suffix(".json"), sidecar(aus, experimental)
        _check_sidecar(self._sidecar)
        self._origin_s: dict[int, float] = {}  # number of a stream -> time from which its onsets count
        self.paths: tuple[Path, ...] = (path, self._sidecar)

    def start(self, stream: Stream, origin_s: float) -> None:
        self._origin_s[stream.number] = origin_s
        if not self._file.started:
            self._file.write(_line(HEADER))
            text = json.dumps(self._described, indent=2, ensure_ascii=False) + "\n"
            replace_whole(self._sidecar, lambda unfinished: _write(unfinished, [text]))

    def add(self, interval: Event) -> None:
        assert interval.end_s is not None
        peak = f"{interval.peak:.6f}" if interval.peak == interval.peak else UNKNOWN
        onset_s = round(float(interval.onset_s) - self._origin_s[interval.stream.number], 9)
        duration_s = round(max(0.0, float(interval.end_s) - float(interval.onset_s)), 9)
        self._file.write(
            _line(
                [
                    repr(onset_s),
                    repr(duration_s),
                    au_label(interval.au),
                    str(interval.face_id),
                    printable(interval.stream.name) or UNKNOWN,
                    peak,
                ]
            )
        )

    def close(self) -> None:
        self._file.close()
        if self._file.started:
            sort_events(self._file.path)


def sort_events(path: Path) -> Path:
    """Sorts an events.tsv by onset and drops an incomplete last line. Raises DataError on another file."""
    try:
        drop_torn_line(path)
        with path.open(encoding="utf-8", newline="") as file:
            table = list(csv.reader(file, delimiter="\t"))
        header, *body = table
        if tuple(header) != HEADER:
            raise ValueError
        body.sort(key=lambda cells: float(cells[0]))
    except (OSError, ValueError, IndexError, csv.Error) as exc:
        raise DataError(f"{path} is not a table of events with the columns {', '.join(HEADER)}") from exc
    if body != table[1:]:
        replace_whole(path, lambda unfinished: _write(unfinished, map(_line, (header, *body))))
    return path


def sidecar(aus: Sequence[int], experimental: Sequence[int] = ()) -> dict[str, Any]:
    """The description of the columns that BIDS requires."""
    levels = {au_label(au): au_meaning(au, experimental) for au in aus}
    return {
        "onset": {
            "Description": "Time of the first frame with the action unit; 0 is where players start the recording",
            "Units": "s",
        },
        "duration": {
            "Description": "Until the first frame without the action unit, or the last frame with the face",
            "Units": "s",
        },
        "trial_type": {
            "LongName": "Action unit",
            "Description": "Facial Action Coding System; detected by knowledge-spreader, occurrence with hysteresis",
            "Levels": levels,
        },
        "face_id": {"Description": "Number of the face within its stream, from 0"},
        "stream": {"Description": "Source of the pictures"},
        "peak": {"Description": "Highest probability of the action unit during the event, 0 to 1"},
    }


def _check_sidecar(path: Path) -> None:
    check_writable(path)
    if path.exists():
        try:
            ours = {"onset", "duration", "trial_type"} <= set(json.loads(path.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            ours = False
        if not ours:
            raise DataError(f"{path} exists and describes no events, but --events needs that name; choose another")


def _line(cells: Iterable[str]) -> str:
    return "\t".join([quoted(cell, "\t") for cell in cells]) + "\n"


def _write(path: Path, lines: Iterable[str]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.writelines(lines)
