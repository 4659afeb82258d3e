"""The label file of the studio: JSON lines, only ever appended to. What holds is a fold over them.

    {"video": SHA-256, "recording": "anna.mp4", "face": 0, "frame": 12, "time_s": 0.4, "au": 12, "value": 3, "side":
    null, "coder": "xy", "source": "human", "when": "2026-11-28T14:00:00+00:00"}      (on one line)

    value     0 absent, 1 to 5 (A to E) or "present" (no level told) present, "unscorable", null: taken back
    side      "L" or "R": seen there alone. Present on a side is present; absent on a side says nothing of the AU
    source    "human", "confirmed", or "between": present because the frame lies between a marked onset and offset; what
              a "model" said teaches nothing and takes nothing back
    mark      only in lines that mark an event's first frame, strongest or last: "onset", "apex" or "offset", with the
              value "marked" or null. A mark says nothing of presence, so such lines are passed over

The last statement per video, face, frame, AU and coder holds. A last line that a crash cut off is ignored.
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, RowColumns, Sheet
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.spec import AU_NAMES, UNKNOWN

_SOURCES = ("human", "confirmed", "between", "model")
_MARKS = ("onset", "apex", "offset")


class _About(NamedTuple):
    """What a statement is about; the last one holds."""

    video: str
    coder: str
    face: int
    frame: int
    au: int


class _Said(NamedTuple):
    value: int
    time_s: float
    line: int


def read_log(path: Path) -> tuple[list[Sheet], list[str]]:
    """A sheet for each video and coder. Raises DataError, with file and line, on a line that is not a label."""
    state: dict[_About, _Said] = {}
    names: dict[str, str] = {}  # video -> what it was called last
    notes: list[str] = []
    from_models = 0
    try:
        with path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if not line.strip():
                    continue
                try:
                    entry = json.loads(line)
                except (ValueError, RecursionError) as exc:
                    if not line.endswith(b"\n"):
                        notes.append(f"line {number} was cut off and is ignored")
                        break
                    raise DataError(f"{path}, line {number}: this is not JSON ({one_line(exc)}); remove it") from exc
                about, said, name = _statement(f"{path}, line {number}", number, entry)
                names[about.video] = name
                if entry.get("mark") is not None:
                    continue
                if entry["source"] == "model":
                    from_models += 1
                elif entry["value"] is None:
                    state.pop(about, None)
                else:
                    state[about] = said
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the path and its permissions") from exc
    if from_models:
        notes.append(f"statements of a model, which teach nothing: {from_models}")
    return _sheets(path, state, names), notes


def _statement(where: str, line: int, entry: Any) -> tuple[_About, _Said, str]:
    try:
        video, name, coder = (_text(entry[key]) for key in ("video", "recording", "coder"))
        face = NO_FACE_NAMED if entry["face"] is None else _number(entry["face"])
        about = _About(video, coder, face, _number(entry["frame"]), _number(entry["au"]))
        side, source, time_s = entry["side"], entry["source"], float(entry["time_s"])
        value = _value(entry["value"], side) if entry.get("mark") is None else _marked(entry["mark"], entry["value"])
        if source not in _SOURCES or side not in (None, "L", "R") or about.au not in AU_NAMES:
            raise ValueError(f"source {source!r}, side {side!r}, au {about.au!r}")
    except (KeyError, TypeError, ValueError) as exc:
        raise DataError(f"{where}: this is not a label of the studio ({exc!r:.100}); correct or remove it") from exc
    return about, _Said(value, time_s, line), name


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError(f"wanted a text, got {value!r}")
    return value


def _number(value: Any) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 1 << 31:
        raise ValueError(f"wanted a whole number, got {value!r}")
    return value


def _value(value: Any, side: str | None) -> int:
    if value is None or value == "unscorable":
        return UNKNOWN
    if value == "present":
        return 1
    level = _number(value)
    if level > 5:
        raise ValueError(f"wanted 0 to 5, present or unscorable, got {level}")
    return 1 if level else 0 if side is None else UNKNOWN


def _marked(mark: Any, value: Any) -> int:
    if mark not in _MARKS or value not in (None, "marked"):
        raise ValueError(f"wanted a mark {', '.join(_MARKS)} that is marked or null, got {mark!r}, {value!r}")
    return UNKNOWN


def _sheets(path: Path, state: dict[_About, _Said], names: dict[str, str]) -> list[Sheet]:
    parts: dict[tuple[str, str], dict[tuple[int, int], list[tuple[int, _Said]]]] = {}
    for about, said in state.items():
        of_coder = parts.setdefault((about.video, about.coder), {})
        of_coder.setdefault((about.frame, about.face), []).append((about.au, said))
    sheets = []
    for (video, coder), rows in parts.items():
        aus = sorted({au for row in rows.values() for au, _ in row})
        columns = RowColumns()
        for (frame, face), row in sorted(rows.items()):
            values = dict.fromkeys(aus, UNKNOWN) | {au: said.value for au, said in row}
            last = max((said for _, said in row), key=lambda said: said.line)
            columns.add(last.line, frame, last.time_s, face, bytes(value & 0xFF for value in values.values()))
        sheets.append(Sheet(path, "log", names[video], columns.rows(aus), coder, video))
    return sheets
