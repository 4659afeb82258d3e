"""ELAN's .eaf: a tier for each AU, an annotation from onset to offset.

    AU12, AU 12, "AU12 face 0", "AU12 lip corner puller", AU12@anna    a tier of AU 12; @: the coder
    "AU12 absent", "AU12 unscorable"    a tier whose annotations all say that
    coded, coded@anna     the spans that were looked at; without it the whole recording was

An annotation says present; "0" or "absent" says absent; "?" or "unscorable" says unknown. Where the recording was coded
and there is no annotation, an AU that has a tier is absent. Levels and sides, where they are asked for: an annotation
"C", "3", "C left", "12C", "L12B"; a tier AU12L, L12. An AU whose tiers are of one side alone is nowhere absent.
ELAN Annotation Format 3.0, www.mpi.nl/tools/elan.
"""

import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from urllib.parse import unquote

from knowledge_spreader.datasets.manifest_header import some
from knowledge_spreader.datasets.own_labels.event_names import (
    CODED,
    Named,
    Told,
    coded_aus,
    face_named,
    is_mark,
    only_marks,
    read_name,
    read_text,
    read_told,
    together,
)
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, WHOLE_RECORDING, Events, OwnLabel, Sheet
from knowledge_spreader.errors import DataError, one_line

Times = dict[str, tuple[float, float]]  # annotation -> its begin and end, in seconds


def read_elan(path: Path, *, levels: bool = False) -> tuple[list[Sheet], list[str]]:
    """A sheet for each coder. levels: with levels and sides.

    Raises DataError if it is not a file of ELAN, has no tier of an AU, or, if asked for, a level that is none.
    """
    root = _parse(path)
    header = root.find("HEADER")
    units = header.get("TIME_UNITS", "milliseconds") if header is not None else "milliseconds"
    if units != "milliseconds":
        raise DataError(f"{path}: its times are in {units!r}; open it in ELAN and save it, which writes milliseconds")
    recording, begins_s = _recording(path, header), shift_s(path, header)
    times, lost = _times(path, root)
    tiers = {tier.get("TIER_ID", ""): tier for tier in root.iter("TIER")}
    known = {name: named for name in tiers if (named := read_name(name, levels=levels))}
    if not any(named.au for named in known.values()):
        raise DataError(f"{path}: no tier of an AU; name the tiers AU1, AU12, ..., got {some(list(tiers)) or 'none'}")
    notes = (
        [f"tiers that are not used: {some(unused)}"]
        if (unused := [name for name in tiers if name not in known and not is_mark(name)])
        else []
    )
    if lost:
        notes.append(f"annotations without a time, left out: {lost}")
    texts = _Texts.of(tiers, known) if levels else None
    sheets = []
    for coder in sorted({named.coder for named in known.values() if named.au}):
        of_coder = {name: named for name, named in known.items() if named.coder == coder}
        if all(named.au for named in of_coder.values()):  # no tier "coded" of this coder, so that of all coders
            of_coder |= {name: named for name, named in known.items() if not (named.au or named.coder)}
        of_tiers = {tiers[name]: named for name, named in of_coder.items()}
        said = _events(path, recording, begins_s, of_tiers, times, texts)
        if said.coded_s is WHOLE_RECORDING:
            notes.append(f"no tier {CODED!r}, so the whole recording counts as coded: no annotation means absent")
        sheets.append(Sheet(path, "elan", recording, said, coder))
    if texts is not None and texts.free:
        notes.append(f"annotations that tell no level, present without one: {some(list(texts.free))}")
    return sheets, list(dict.fromkeys(notes))


class _Texts:
    """Reads levels and sides out of the texts of annotations, and keeps the texts that tell none."""

    def __init__(self, ones_are_marks: bool) -> None:
        self.free: dict[str, None] = {}
        self._ones_are_marks = ones_are_marks

    @classmethod
    def of(cls, tiers: Mapping[str, ET.Element], known: Mapping[str, Named]) -> "_Texts":
        of_aus = (tiers[name] for name, named in known.items() if named.au)
        return cls(only_marks(one.text or "" for tier in of_aus for one in tier.iter("ANNOTATION_VALUE")))

    def told(self, where: str, named: Named, text: str) -> Told:
        found = read_told(where, named.au, "" if self._ones_are_marks and text.strip() == "1" else text)
        if found is None:
            self.free[text.strip()] = None
        return together(where, named.au, (Told(named.level, named.side), found or Told()))


class _NoDoctype:
    """Builds the tree of a document, but refuses one that declares types or entities: ELAN writes none."""

    def __init__(self) -> None:
        tree = ET.TreeBuilder()
        self.start, self.end, self.data, self.close = tree.start, tree.end, tree.data, tree.close

    def doctype(self, *_: object) -> None:
        raise DataError("it declares a document type or entities, which files of ELAN do not have")


def _parse(path: Path) -> ET.Element:
    try:
        with path.open("rb") as file:
            root: ET.Element = ET.parse(file, ET.XMLParser(target=_NoDoctype())).getroot()
    except (ET.ParseError, ValueError, LookupError) as exc:
        raise DataError(f"{path}: this XML cannot be read ({one_line(exc)}); save it again in ELAN") from exc
    except DataError as exc:
        raise DataError(f"{path}: {exc}; save it again in ELAN") from exc
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the path and its permissions") from exc
    if root.tag != "ANNOTATION_DOCUMENT":
        raise DataError(f"{path}: this XML is no file of ELAN; give an .eaf, a CSV or the label file of the studio")
    return root


def shift_s(path: Path, header: ET.Element | None) -> float:
    """What must be added to the file's times, because ELAN may cut off the start of a video. Raises DataError."""
    return next((_seconds(path, link.get("TIME_ORIGIN") or "0") for link in _media(header)), 0.0)


def _media(header: ET.Element | None) -> list[ET.Element]:
    """Pictures first, else in their order."""
    media = header.findall("MEDIA_DESCRIPTOR") if header is not None else []
    return sorted(media, key=lambda link: link.get("MIME_TYPE", "").startswith("audio/"))


def _recording(path: Path, header: ET.Element | None) -> str:
    """The recording that the file names, "" if it names none."""
    for link in _media(header)[:1]:
        named = [link.get("RELATIVE_MEDIA_URL", ""), link.get("MEDIA_URL", "")]
        texts = [text for url in named if url for raw in [_without_scheme(url)] for text in (raw, unquote(raw))]
        there = [text for text in texts if (path.parent / text).exists()]
        return next(iter(there + texts), "")
    return ""


def _without_scheme(url: str) -> str:
    text = url.removeprefix("file://").removeprefix("file:")
    return text[1:] if text[:1] == "/" and text[2:3] == ":" else text  # /C:/videos


def _times(path: Path, root: ET.Element) -> tuple[Times, int]:
    """The times of annotations, and how many have none."""
    slots_ms = {slot.get("TIME_SLOT_ID", ""): slot.get("TIME_VALUE") for slot in root.iter("TIME_SLOT")}
    known = {slot: _seconds(path, ms) for slot, ms in slots_ms.items() if ms is not None}
    times: Times = {}
    lost = 0
    references: dict[str, str] = {}
    for tier in root.iter("TIER"):
        aligned = list(tier.iter("ALIGNABLE_ANNOTATION"))
        ends = [(a.get("TIME_SLOT_REF1", ""), a.get("TIME_SLOT_REF2", "")) for a in aligned]
        at = known | _between([slot for pair in ends for slot in pair], known)
        for annotation, (begin, end) in zip(aligned, ends, strict=True):
            if begin in at and end in at:
                times[annotation.get("ANNOTATION_ID", "")] = (at[begin], at[end])
            else:
                lost += 1
        references |= {a.get("ANNOTATION_ID", ""): a.get("ANNOTATION_REF", "") for a in tier.iter("REF_ANNOTATION")}
    for name in references:
        parent, steps = name, 0
        while parent in references and steps < len(references):
            parent, steps = references[parent], steps + 1
        if parent in times:
            times[name] = times[parent]
    return times, lost


def _seconds(path: Path, text_ms: str) -> float:
    try:
        return int(text_ms) / 1000
    except ValueError as exc:
        raise DataError(f"{path}: a time of {text_ms!r}; wanted milliseconds; save it again in ELAN") from exc


def _between(chain: Sequence[str], known: dict[str, float]) -> dict[str, float]:
    """Times of slots without a value: spread evenly between the neighbours that have one, as ELAN shows them."""
    slots = list(dict.fromkeys(chain))
    anchors = [i for i, slot in enumerate(slots) if slot in known]
    found: dict[str, float] = {}
    for a, b in pairwise(anchors):
        step = (known[slots[b]] - known[slots[a]]) / (b - a)
        found |= {slots[i]: known[slots[a]] + (i - a) * step for i in range(a + 1, b)}
    return found


def _events(
    path: Path,
    recording: str,
    begins_s: float,
    tiers: dict[ET.Element, Named],
    times: Times,
    texts: _Texts | None,
) -> Events:
    """texts: reads levels and sides, if they are asked for."""
    spans, coded, of_tiers = [], [], []
    has_coded = False
    for tier, named in tiers.items():
        face = named.face if named.face != NO_FACE_NAMED else face_named(tier.get("PARTICIPANT", ""))
        for name, text, (begin, end) in _annotations(tier, times):
            span_s = (begin + begins_s, end + begins_s)
            if not named.au:
                coded.append(span_s)
                continue
            where = f"{path}, tier {tier.get('TIER_ID')!r}, annotation {name} at {begin:.3f} s"
            in_face = None if face == NO_FACE_NAMED else face
            value = read_text(text) if named.value == 1 else named.value
            if value == 0 and named.side:  # absent there says nothing of the AU
                continue
            told = texts.told(where, named, text) if texts is not None and value == 1 else Told()
            spans.append(OwnLabel(recording, named.au, value, None, in_face, span_s, where, *told))
        if named.au:
            of_tiers.append((named.au, face, named.side))
        else:
            has_coded = True
    return Events(tuple(spans), coded_aus(of_tiers), tuple(coded) if has_coded else WHOLE_RECORDING)


def _annotations(tier: ET.Element, times: Times) -> Iterator[tuple[str, str, tuple[float, float]]]:
    for annotation in (*tier.iter("ALIGNABLE_ANNOTATION"), *tier.iter("REF_ANNOTATION")):
        name = annotation.get("ANNOTATION_ID", "")
        if name in times:
            yield name, annotation.findtext("ANNOTATION_VALUE") or "", times[name]
