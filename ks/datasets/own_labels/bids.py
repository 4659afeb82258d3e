"""BIDS events, as ks-live --events FILE.tsv writes them: onset, duration, trial_type (AU12), face_id, stream.

Outside its events an AU that has some counts as absent. Brain Imaging Data Structure, "Task events".
"""

from pathlib import Path

from knowledge_spreader.datasets.manifest_header import some
from knowledge_spreader.datasets.own_labels.event_names import read_name
from knowledge_spreader.datasets.own_labels.table import Heading, rows, seconds, whole
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, Events, OwnLabel, Sheet
from knowledge_spreader.errors import DataError


def is_bids(heading: Heading) -> bool:
    return {"onset", "duration", "trial_type"} <= set(heading.names)


def read_bids(path: Path, heading: Heading) -> tuple[list[Sheet], list[str]]:
    """A sheet for the recording, or for each stream of ks-live. Raises DataError, with file and line."""
    onset, duration, kind, face, stream = map(heading.column, ("onset", "duration", "trial_type", "face_id", "stream"))
    by_stream: dict[str, list[OwnLabel]] = {}
    unused: dict[str, None] = {}
    for where, row in rows(path, heading, onset, duration, kind, face, stream):
        named = read_name(row[kind])
        if named is None or not named.au:
            unused[row[kind].strip()] = None
            continue
        begin = seconds(where, "the onset", row[onset])
        lasts = 0.0 if row[duration].strip() == "n/a" else seconds(where, "the duration", row[duration])
        of_face = whole(where, "face_id", row[face], 0) if face >= 0 and row[face].strip() not in ("", "n/a") else None
        name = row[stream].strip().removesuffix("n/a") if stream >= 0 else ""
        span = OwnLabel(name, named.au, 1, None, of_face, (begin, begin + lasts), str(where))
        by_stream.setdefault(name, []).append(span)
    if not by_stream:
        raise DataError(f"{path}: no event of an AU; name them AU1, AU12, ..., got {some(list(unused)) or 'no row'}")
    notes = [f"events that are not used: {some(list(unused))}"] if unused else []
    notes.append("the whole recording counts as coded: no event of an AU means absent")
    return [Sheet(path, "bids", name, _events(spans)) for name, spans in by_stream.items()], notes


def _events(spans: list[OwnLabel]) -> Events:
    tiers = frozenset((span.au, NO_FACE_NAMED if span.face is None else span.face) for span in spans)
    return Events(tuple(spans), tiers)
