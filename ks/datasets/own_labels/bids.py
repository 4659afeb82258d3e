"""BIDS events, as ks-live --events FILE.tsv writes them: onset, duration, trial_type (AU12), face_id, stream.

"AU12 absent", "AU12 unscorable" and "AU12 unknown" say that instead of present. Events "coded" are the spans that were
looked at; without them the whole recording was. There, outside its events, an AU that has some is absent.
Where levels and sides are asked for, the columns level (A to E, 1 to 5, n/a) and side (left, right, n/a), as ks-studio
writes them, and events AU12C, AU12L and L12 tell them. An AU that occurs on one side alone is nowhere absent.
Brain Imaging Data Structure, "Task events".
"""

from pathlib import Path

from knowledge_spreader.datasets.manifest_header import some
from knowledge_spreader.datasets.own_labels.event_names import (
    CODED,
    Named,
    Told,
    coded_aus,
    is_mark,
    read_name,
    read_told,
    together,
)
from knowledge_spreader.datasets.own_labels.table import Heading, Place, rows, seconds, whole
from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED, WHOLE_RECORDING, Events, OwnLabel, Sheet
from knowledge_spreader.errors import DataError


def is_bids(heading: Heading) -> bool:
    return {"onset", "duration", "trial_type"} <= set(heading.names)


def read_bids(path: Path, heading: Heading, *, levels: bool = False) -> tuple[list[Sheet], list[str]]:
    """A sheet for the recording, or for each stream of ks-live. levels: with levels and sides.

    Raises DataError, with file and line.
    """
    onset, duration, kind, face, stream = map(heading.column, ("onset", "duration", "trial_type", "face_id", "stream"))
    strength = [column for name in ("level", "side") if (column := heading.column(name)) >= 0] if levels else []
    by_stream: dict[str, list[OwnLabel]] = {}
    occur: dict[str, list[tuple[int, int, str]]] = {}  # AU, face, side
    coded: dict[str, list[tuple[float, float]]] = {}
    unused: dict[str, None] = {}
    for where, row in rows(path, heading, onset, duration, kind, face, stream, *strength):
        named = read_name(row[kind], levels=levels)
        if named is None:
            if not is_mark(row[kind]):
                unused[row[kind].strip()] = None
            continue
        begin = seconds(where, "the onset", row[onset])
        lasts = 0.0 if row[duration].strip() == "n/a" else seconds(where, "the duration", row[duration])
        name = row[stream].strip().removesuffix("n/a") if stream >= 0 else ""
        if not named.au:
            coded.setdefault(name, []).append((begin, begin + lasts))
            continue
        of_face = whole(where, "face_id", row[face], 0) if face >= 0 and row[face].strip() not in ("", "n/a") else None
        occur.setdefault(name, []).append((named.au, NO_FACE_NAMED if of_face is None else of_face, named.side))
        spans = by_stream.setdefault(name, [])
        if named.value == 0 and named.side:  # absent there says nothing of the AU
            continue
        told = _told(where, named, [row[column] for column in strength]) if levels and named.value == 1 else Told()
        spans.append(OwnLabel(name, named.au, named.value, None, of_face, (begin, begin + lasts), str(where), *told))
    if not by_stream:
        raise DataError(f"{path}: no event of an AU; name them AU1, AU12, ..., got {some(list(unused)) or 'no row'}")
    notes = [f"events that are not used: {some(list(unused))}"] if unused else []
    if by_stream.keys() - coded.keys():
        notes.append(f"without events {CODED!r} the whole recording counts as coded: no event of an AU means absent")
    return [
        Sheet(path, "bids", name, Events(tuple(spans), coded_aus(occur[name]), tuple(coded.get(name, WHOLE_RECORDING))))
        for name, spans in by_stream.items()
    ], notes


def _told(where: Place, named: Named, cells: list[str]) -> Told:
    parts = [Told(named.level, named.side)]
    for cell in cells:
        if cell.strip() not in ("", "n/a"):
            found = read_told(where, named.au, cell)
            if found is None:
                raise DataError(f"{where}: {cell.strip()!r:.40}; wanted a level A to E, a side left or right, or n/a")
            parts.append(found)
    return together(where, named.au, parts)
