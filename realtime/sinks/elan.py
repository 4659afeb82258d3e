"""Events for ELAN: one .eaf per stream, linked to the recording, with a tier for each AU of each face.

An XML file can only be read when it is complete. So intervals are written to the journal OUT.eaf.part.jsonl as they
end, and `close` converts it to OUT.eaf, OUT-2.eaf for the second stream and so on. After a kill, `finish_eaf` converts
the journal. Times are in milliseconds, and count from where players start the recording. ELAN Annotation Format 3.0,
www.mpi.nl/tools/elan/EAFv3.0.xsd.
"""

import json
import mimetypes
import os
import xml.etree.ElementTree as ET
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from knowledge_spreader.errors import DataError
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.sinks.result_file import ResultFile, check_writable, drop_torn_line
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.types import Event, Stream
from knowledge_spreader.spec import AU_NAMES, au_label, experimental_note

JOURNAL_SUFFIX = ".part.jsonl"
_SCHEMA = "http://www.mpi.nl/tools/elan/EAFv3.0.xsd"
_TYPE = "action unit"
_ANY_VIDEO = "video/*"  # ELAN's own word for it


class EafWriter:
    """Raises DataError if the files cannot be written."""

    def __init__(self, path: Path, experimental: Sequence[int] = ()) -> None:
        check_writable(path)
        self._journal = ResultFile(path.with_name(path.name + JOURNAL_SUFFIX))
        self._experimental = experimental_note(experimental)
        self.paths: tuple[Path, ...] = (path,)

    def start(self, stream: Stream, origin_s: float) -> None:
        media = stream.path if stream.path and stream.path.is_file() else None
        self._write(
            stream=stream.number,
            name=printable(stream.name),
            media=str(media.resolve()) if media else None,
            origin_s=origin_s,
            note=self._experimental,
        )

    def add(self, interval: Event) -> None:
        self._write(
            stream=interval.stream.number,
            face_id=interval.face_id,
            au=interval.au,
            onset_s=float(interval.onset_s),
            end_s=float(interval.end_s or 0.0),
            peak=float(interval.peak),
        )

    def close(self) -> None:
        self._journal.close()
        if self._journal.started:
            finish_eaf(self._journal.path)

    def _write(self, **fields: Any) -> None:
        self._journal.write(json.dumps(fields) + "\n")


@dataclass(slots=True)
class _Recording:
    name: str
    media: str | None
    origin_s: float
    note: str = ""
    intervals: list[dict[str, Any]] = field(default_factory=list)


def finish_eaf(journal: Path) -> Path:
    """Converts the journal of a run to its .eaf files, and removes the journal. Returns the first file's path.

    Raises DataError if it is not a journal of --events or the disk is full; the journal is then kept.
    """
    if not journal.name.endswith(JOURNAL_SUFFIX):
        raise DataError(f"{journal} is not a journal of --events; the name must end in {JOURNAL_SUFFIX}")
    first = journal.with_name(journal.name.removesuffix(JOURNAL_SUFFIX))
    recordings = _read(journal)
    for number, recording in recordings.items():
        path = first if number == 0 else first.with_name(f"{first.stem}-{number + 1}{first.suffix}")
        about = {"source": recording.name} | ({"note": recording.note} if recording.note else {})
        write_eaf(path, _tiers(recording), Path(recording.media) if recording.media else None, about)
    journal.unlink(missing_ok=True)
    return first


def _read(journal: Path) -> dict[int, _Recording]:
    recordings: dict[int, _Recording] = {}
    try:
        drop_torn_line(journal)
        with journal.open(encoding="utf-8") as lines:
            for line in lines:
                entry = json.loads(line)
                if "au" in entry:
                    recordings[entry["stream"]].intervals.append(entry)
                else:
                    about = (entry["name"], entry["media"], entry["origin_s"], entry.get("note", ""))
                    recordings[entry["stream"]] = _Recording(*about)
    except (OSError, ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{journal} cannot be read as a journal of --events ({exc!r:.120})") from exc
    return recordings


@dataclass(frozen=True, slots=True)
class Tier:
    name: str
    participant: str
    annotator: str
    spans: list[tuple[int, int, str]] = field(default_factory=list)  # begin_ms, end_ms, text; in order, apart

    def add(self, begin_s: float, end_s: float, text: str) -> None:
        """Without overlap and at least 1 ms long, as ELAN requires."""
        begin = max(0, round(begin_s * 1000), self.spans[-1][1] if self.spans else 0)
        self.spans.append((begin, max(begin + 1, round(end_s * 1000)), text))


def write_eaf(path: Path, tiers: Sequence[Tier], media: Path | None, about: Mapping[str, str]) -> None:
    """Replaces a file of ELAN. media: the recording it is linked to. about: properties. Raises DataError."""
    tree = ET.ElementTree(_document(path, tiers, media, about))
    ET.indent(tree, "  ")
    replace_whole(path, lambda unfinished: tree.write(unfinished, "UTF-8", xml_declaration=True))


def _document(path: Path, tiers: Sequence[Tier], media: Path | None, about: Mapping[str, str]) -> ET.Element:
    """The element ANNOTATION_DOCUMENT: header, sorted times, tiers."""
    root = ET.Element(
        "ANNOTATION_DOCUMENT",
        {
            "AUTHOR": "knowledge-spreader",
            "DATE": datetime.now(UTC).isoformat(timespec="seconds"),
            "FORMAT": "3.0",
            "VERSION": "3.0",
            "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
            "xsi:noNamespaceSchemaLocation": _SCHEMA,
        },
    )
    _add_header(root, media, about, path)
    slots = _add_times(root, tiers)
    number = 0
    for one in tiers:
        tier = ET.SubElement(
            root,
            "TIER",
            TIER_ID=one.name,
            PARTICIPANT=one.participant,
            ANNOTATOR=one.annotator,
            LINGUISTIC_TYPE_REF=_TYPE,
        )
        for _, _, text in one.spans:
            at = {"TIME_SLOT_REF1": slots[number, "begin"], "TIME_SLOT_REF2": slots[number, "end"]}
            number += 1
            annotation = ET.SubElement(tier, "ANNOTATION")
            aligned = ET.SubElement(annotation, "ALIGNABLE_ANNOTATION", {"ANNOTATION_ID": f"a{number}", **at})
            ET.SubElement(aligned, "ANNOTATION_VALUE").text = text
    ET.SubElement(root, "LINGUISTIC_TYPE", LINGUISTIC_TYPE_ID=_TYPE, TIME_ALIGNABLE="true", GRAPHIC_REFERENCES="false")
    return root


def _add_times(root: ET.Element, tiers: Sequence[Tier]) -> dict[tuple[int, str], str]:
    """(annotation from 0, "begin" or "end") -> time slot. Slots are not shared: ELAN would move both annotations."""
    spans = [span for tier in tiers for span in tier.spans]
    times = [(end, number, "end") for number, (_, end, _) in enumerate(spans)]
    times += [(begin, number, "begin") for number, (begin, _, _) in enumerate(spans)]
    order = ET.SubElement(root, "TIME_ORDER")
    slots = {}
    for n, (time_ms, number, side) in enumerate(sorted(times, key=lambda time: time[0])):  # ends first
        ET.SubElement(order, "TIME_SLOT", TIME_SLOT_ID=f"ts{n + 1}", TIME_VALUE=str(time_ms))
        slots[number, side] = f"ts{n + 1}"
    return slots


def _tiers(recording: _Recording) -> list[Tier]:
    tiers: dict[tuple[int, int], Tier] = {}
    for entry in sorted(recording.intervals, key=lambda entry: (entry["face_id"], entry["au"], entry["onset_s"])):
        face, au, peak = entry["face_id"], entry["au"], entry["peak"]
        tier = tiers.setdefault((face, au), Tier(f"{au_label(au)} face {face}", f"face {face}", "knowledge-spreader"))
        text = AU_NAMES.get(au, au_label(au))
        text = f"{text} ({peak:.2f})" if peak == peak else text
        tier.add(entry["onset_s"] - recording.origin_s, entry["end_s"] - recording.origin_s, text)
    return list(tiers.values())


def _add_header(root: ET.Element, media: Path | None, about: Mapping[str, str], path: Path) -> None:
    header = ET.SubElement(root, "HEADER", MEDIA_FILE="", TIME_UNITS="milliseconds")
    if media:
        kind = mimetypes.guess_type(f"x{media.suffix}")[0] or ""  # it takes a whole name for an address
        kind = kind if kind.startswith(("video/", "image/")) else _ANY_VIDEO  # .mts is also a kind of 3-D model
        link = {"MEDIA_URL": media.as_uri(), "MIME_TYPE": kind}
        if media.drive == path.resolve().drive:
            relative = os.path.relpath(media, path.resolve().parent)
            link["RELATIVE_MEDIA_URL"] = "./" + _mostly_raw(relative.replace(os.sep, "/"))
        ET.SubElement(header, "MEDIA_DESCRIPTOR", link)
    for name, text in about.items():
        ET.SubElement(header, "PROPERTY", NAME=name).text = text


def _mostly_raw(path: str) -> str:
    """A relative link that ELAN, which decodes nothing, opens, and that programs which decode it read alike."""
    return "".join([mark if mark.isprintable() and mark not in "%#?" else quote(os.fsencode(mark)) for mark in path])
