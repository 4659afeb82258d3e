"""Exports of BORIS 7 to 9 as TSV or CSV: aggregated events (a row per event) and tabular events (START, STOP, POINT).

    Behavior     AU12, AU 12, ...; "AU12 absent", "AU12 unscorable" and "AU12 unknown" say that instead of present;
                 "coded": the spans that were looked at; others are named in a note
    Subject      "face 0" names the face; other subjects are taken for one person, so an observation may have one
    Source, Media file path, Media file or Media file name     the recording; without it the Observation id

A state is present from start to stop, a point in the nearest frame. States with other modifiers may overlap. The AUs
of a file count as coded in all its observations, because they have one ethogram. Modifiers are read where levels and
sides are asked for: "C", "3", "left", "L12B"; also behaviors AU12C, AU12L and L12. The modifiers "absent",
"unscorable" and "unknown" say that, always. Any other word or letter is a modifier of another kind, named in a note. An
AU that occurs on one side alone is nowhere absent.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from knowledge_spreader.datasets.manifest_header import some
from knowledge_spreader.datasets.own_labels.event_names import (
    CODED,
    SAYS,
    Named,
    Told,
    coded_aus,
    face_named,
    is_mark,
    read_name,
    read_told,
    together,
)
from knowledge_spreader.datasets.own_labels.table import Heading, Place, rows, seconds
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, WHOLE_RECORDING, Events, OwnLabel, Sheet
from knowledge_spreader.errors import DataError

_MEDIA = ("source", "media file path", "media file", "media file name")  # the last may differ within an observation
_NO_MEDIA = ("", "na", "n/a", "not found", "none", "live observation")
_START, _STOP = ("start (s)", "start (seconds)"), ("stop (s)", "stop (seconds)")
_TIME, _BEHAVIOR, _STATUS = ("time", "time (s)"), ("behavior", "behaviour"), ("status", "behavior type", "type")
_NO_MODIFIER = ("", "none", "na", "n/a")
_OTHER_LETTER = re.compile(r"[f-km-qs-z]")  # of an ethogram's own modifiers: neither a level nor a side
_SIDES = {"l", "r", "left", "right"}
_ALONE = "no focal subject"


@dataclass(frozen=True, slots=True)
class _Event:
    where: Place
    recording: str
    behavior: str
    subject: str
    span_s: tuple[float, float]
    modifiers: tuple[str, ...]


@dataclass(slots=True)
class _Observed:
    """What was seen in one recording."""

    spans: list[OwnLabel] = field(default_factory=list)
    faces: dict[int, None] = field(default_factory=dict)
    coded_s: list[tuple[float, float]] = field(default_factory=list)
    subjects: dict[str, None] = field(default_factory=dict)  # those that name no face


def is_boris(heading: Heading) -> bool:
    aggregated = heading.column(*_START) >= 0 and heading.column(*_STOP) >= 0
    tabular = heading.column(*_TIME) >= 0 and heading.column(*_STATUS) >= 0
    return heading.column(*_BEHAVIOR) >= 0 and (aggregated or tabular)


def read_boris(path: Path, heading: Heading, *, levels: bool = False) -> tuple[list[Sheet], list[str]]:
    """A sheet for each recording. levels: with levels and sides.

    Raises DataError, with file and line, on a wrong cell, a START without its STOP, and a level that is none.
    """
    observed: dict[str, _Observed] = {}
    unused: dict[str, None] = {}
    no_levels: dict[str, None] = {}
    occur: set[tuple[int, str]] = set()  # AU, side
    events = _aggregated if heading.column(*_START) >= 0 else _tabular
    for event in events(path, heading):
        named = read_name(event.behavior, levels=levels)
        if named is None:
            if not is_mark(event.behavior):
                unused[event.behavior] = None
            continue
        words = [word.casefold() for word in _words(event)]
        named = named._replace(value=next((SAYS[word] for word in words if word in SAYS), named.value))
        here = observed.setdefault(event.recording, _Observed())
        if not named.au:
            here.coded_s.append(event.span_s)
            continue
        face = named.face if named.face != NO_FACE_NAMED else face_named(event.subject)
        if face == NO_FACE_NAMED:
            _check_subject(event, here)
        here.faces[face] = None
        occur.add((named.au, named.side))
        if named.value == 0 and (named.side or not _SIDES.isdisjoint(words)):  # absent there says nothing of the AU
            continue
        told = _told(event, named, no_levels) if levels and named.value == 1 else Told()
        in_face = None if face == NO_FACE_NAMED else face
        here.spans.append(
            OwnLabel(event.recording, named.au, named.value, None, in_face, event.span_s, str(event.where), *told)
        )
    if not occur:
        got = some(list(unused)) or "no event"
        raise DataError(f"{path}: no behavior of an AU; name the behaviors AU1, AU12, ..., got {got}")
    aus = {au for au, _ in coded_aus((au, NO_FACE_NAMED, side) for au, side in occur)}
    notes = [f"behaviors that are not used: {some(list(unused))}"] if unused else []
    if no_levels:
        notes.append(f"modifiers that tell no level and are not used: {some(list(no_levels))}")
    if not all(found.coded_s for found in observed.values()):
        notes.append(f"without a behavior {CODED!r} the whole recording counts as coded: no event means absent")
    return [Sheet(path, "boris", name, _events(found, aus)) for name, found in observed.items()], notes


def _words(event: _Event) -> list[str]:
    """Its modifiers, one by one."""
    return [part.strip() for cell in event.modifiers for part in re.split(r"[|,;]", cell)]


def _told(event: _Event, named: Named, others: dict[str, None]) -> Told:
    """Level and side by the behavior's name and modifiers. others: takes the modifiers that tell neither."""
    parts = [Told(named.level, named.side)]
    for text in _words(event):
        if text.casefold() not in _NO_MODIFIER:
            other = _OTHER_LETTER.fullmatch(text.casefold())
            found = None if other else read_told(event.where, named.au, text)
            if found is None:
                others[text] = None
            parts.append(found or Told())
    return together(event.where, named.au, parts)


def _events(found: _Observed, aus: set[int]) -> Events:
    faces = set(found.faces) or {NO_FACE_NAMED}
    tiers = frozenset((au, face) for au in aus for face in faces)
    return Events(tuple(found.spans), tiers, tuple(found.coded_s) or WHOLE_RECORDING)


def _check_subject(event: _Event, here: _Observed) -> None:
    here.subjects.setdefault(event.subject.casefold() or _ALONE)
    if len(here.subjects) > 1:
        first, second = list(here.subjects)[:2]
        raise DataError(
            f"{event.where}: subjects {first!r} and {second!r} in one recording; call them 'face 0', 'face 1', ..., or "
            "export each alone"
        )


def _aggregated(path: Path, heading: Heading) -> Iterator[_Event]:
    start, stop = heading.column(*_START), heading.column(*_STOP)
    for where, row, event in _rows(path, heading, (start, stop)):
        begin = seconds(where, "the start", row[start])
        point = row[stop].strip().casefold() in ("", "na", "n/a")
        end = begin if point else seconds(where, "the stop", row[stop])
        yield _Event(where, *event, (begin, end), _modifiers(heading, row))


def _tabular(path: Path, heading: Heading) -> Iterator[_Event]:
    time, status = heading.column(*_TIME), heading.column(*_STATUS)
    begun: dict[tuple[str, str, str], dict[tuple[str, ...], tuple[Place, float]]] = {}  # by modifiers
    for where, row, event in _rows(path, heading, (time, status)):
        at_s, state = seconds(where, "the time", row[time]), row[status].strip().upper()
        if state == "POINT":
            yield _Event(where, *event, (at_s, at_s), _modifiers(heading, row))
        elif state == "START" and _modifiers(heading, row) not in begun.get(event, {}):
            begun.setdefault(event, {})[_modifiers(heading, row)] = (where, at_s)
        elif state == "STOP" and (modifiers := _begun(begun.get(event, {}), _modifiers(heading, row))) is not None:
            first, begin = begun[event].pop(modifiers)
            yield _Event(first, *event, (begin, at_s), modifiers)
        elif state in ("START", "STOP"):
            other = "STOP" if state == "START" else "START"
            raise DataError(f"{where}: {state} of {event[1]!r} without the {other} before it; correct it in BORIS")
        else:
            raise DataError(f"{where}: wanted START, STOP or POINT; got {row[status].strip()!r}")
    for (_, behavior, _), of_modifiers in begun.items():
        for where, _ in of_modifiers.values():
            raise DataError(f"{where}: START of {behavior!r} without a STOP; correct it in BORIS")


def _begun(begun: Collection[tuple[str, ...]], modifiers: tuple[str, ...]) -> tuple[str, ...] | None:
    """The modifiers of the START that a STOP ends: the same, or those of the only one."""
    if modifiers in begun or not begun:
        return modifiers if begun else None
    return next(iter(begun)) if len(begun) == 1 else None


def _rows(
    path: Path, heading: Heading, needed: tuple[int, ...]
) -> Iterator[tuple[Place, list[str], tuple[str, str, str]]]:
    """(where, row, (recording, behavior, subject)) of each row."""
    media = [column for name in _MEDIA if (column := heading.column(name)) >= 0]
    observation, offset = heading.column("observation id"), heading.column("time offset (s)")
    behavior, subject = heading.column(*_BEHAVIOR), heading.column("subject")
    for where, row in rows(path, heading, *needed, *media, observation, offset, behavior, subject):
        if offset >= 0 and row[offset].strip() not in ("", "NA") and seconds(where, "the time offset", row[offset]):
            raise DataError(f"{where}: a time offset of {row[offset].strip()} s; set it to 0 in BORIS and export again")
        named = (_medium(where, row[column]) for column in media)
        recording = next(filter(None, named), row[observation].strip() if observation >= 0 else "")
        yield where, row, (recording, row[behavior].strip(), row[subject].strip() if subject >= 0 else "")


def _modifiers(heading: Heading, row: list[str]) -> tuple[str, ...]:
    """Of BORIS 7 one cell "B|left", of 8 and 9 a cell for each set of modifiers."""
    return tuple(cell for name, cell in zip(heading.names, row, strict=False) if name.startswith("modifier"))


def _medium(where: Place, text: str) -> str:
    """The first player's file: "player #1:/videos/a.mp4|player #2:/videos/b.mp4" -> "/videos/a.mp4"."""
    first = re.sub(r"^player #1: ?", "", re.split(r"\|| player #2:", text.strip())[0]).strip("; ")
    if ";" in first:
        raise DataError(f"{where}: {first!r} were played one after the other; observe and export each recording alone")
    kind = first.casefold()
    return "" if kind in _NO_MEDIA or kind.startswith("from ") or kind == "media file(s)" else first
