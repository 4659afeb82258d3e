"""BIDS events for each recording, with the JSON that describes them: an event for each span of an AU, and `coded`.

    trial_type     as the behaviors of BORIS (boris.py)
    level, side    A to E; "left" or "right" where it acts there alone; n/a
    "AU12 onset", "AU12 apex", "AU12 offset"    marks: events without duration, at the time of their frame

In the spans of `coded` an AU without an event is absent.
"""

import json
from pathlib import Path
from typing import Any

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.own_labels.event_names import CODED
from knowledge_spreader.realtime.sinks.bids_tsv import UNKNOWN, sidecar
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.studio.exports.boris import named
from knowledge_spreader.realtime.studio.exports.coded import Coded, path_from
from knowledge_spreader.realtime.studio.exports.places import name_of, write_new
from knowledge_spreader.realtime.studio.exports.spans import events
from knowledge_spreader.realtime.studio.exports.table import seconds, table
from knowledge_spreader.realtime.studio.store.statement import APEX, OFFSET, ONSET
from knowledge_spreader.spec import au_label, au_meaning

_HEADER = ("onset", "duration", "trial_type", "face_id", "stream", "level", "side", "coder")


def write_bids(labels: Coded, times_s: F64, folder: Path) -> list[Path]:
    """Raises DataError."""
    found = events(labels, times_s)
    about = [(CODED, UNKNOWN, "", "", begin_s, end_s) for begin_s, end_s in found.coded_s]
    for span in found.of_aus:
        name, level, side = named(span)
        about.append((name, str(span.face), level, side, span.begin_s, span.end_s))
    about += [(f"{au_label(au)} {mark}", str(face), "", "", at_s, at_s) for face, au, at_s, _, mark in found.marks]
    media, coder = path_from(folder, labels.rec), printable(labels.coder)
    rows = [
        [
            *(seconds(begin_s), seconds(end_s - begin_s), name, face, media),
            *(level or UNKNOWN, side or UNKNOWN, coder),
        ]
        for name, face, level, side, begin_s, end_s in sorted(about, key=lambda event: event[-2])
    ]
    text = table(_HEADER, rows, "\t")
    described = (json.dumps(_described(labels, {row[2] for row in rows}), indent=2, ensure_ascii=False) + "\n").encode()
    writers = {"_events.tsv": lambda path: path.write_bytes(text)}
    return write_new(folder, name_of(labels), writers | {"_events.json": lambda path: path.write_bytes(described)})


def _described(labels: Coded, names: set[str]) -> dict[str, Any]:
    columns = sidecar(labels.aus)
    levels = columns["trial_type"]["Levels"]
    meant = {CODED: "the coder looked at these frames; in them an action unit without an event is absent"}
    for au in labels.aus:
        name = au_label(au)
        meant[f"{name} unscorable"] = f"{levels[name]}: cannot be scored"
        meant[f"{name} unknown"] = f"{levels[name]}: was not labelled"
        meant[f"{name} absent"] = f"{levels[name]}: absent"
    for au in {one.au for one in labels.marks}:
        where = {ONSET: "its first frame", APEX: "the frame in which it is strongest", OFFSET: "its last frame"}
        meant |= {f"{au_label(au)} {mark}": f"{au_meaning(au)}: {text}" for mark, text in where.items()}
    return {
        "onset": {"Description": "Time of the first frame; 0 is where players start the recording", "Units": "s"},
        "duration": {"Description": "Until the next frame that is not labelled so", "Units": "s"},
        "trial_type": {
            "LongName": "Action unit",
            "Description": "Facial Action Coding System; labels of a human coder",
            "Levels": levels | {name: text for name, text in meant.items() if name in names},
        },
        "face_id": {"Description": "Number of the face within its recording, from 0"},
        "stream": {"Description": "The recording, relative to this file, or its full path"},
        "level": {
            "Description": "Intensity",
            "Levels": dict(zip("ABCDE", ("trace", "slight", "marked", "extreme", "maximum"), strict=True)),
        },
        "side": {"Description": "Where the action unit acts alone, from the person's own view: left or right"},
        "coder": {"Description": "Initials of the coder"},
    }
