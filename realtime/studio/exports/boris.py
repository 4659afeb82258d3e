"""Tabular events of BORIS 8 as TSV for each recording: START and STOP of each AU, and of `coded`.

    Behavior       AU12 present; "AU12 unscorable"; "AU12 unknown": not labelled, though the frame was looked at;
                   "AU12 absent" only of an AU that is never present; "coded": the spans that were looked at
                   POINT events "AU12 onset", "AU12 apex" and "AU12 offset" are marks, at the time of their frame
    Subject        "face 0"
    Modifier #1    the level, A to E, or blank      Modifier #2    "left" or "right" where it acts there alone

In the spans of `coded` an AU without an event is absent.
"""

from pathlib import Path

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.own_labels.event_names import CODED
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.studio.exports.coded import Coded, path_from
from knowledge_spreader.realtime.studio.exports.places import name_of, write_new
from knowledge_spreader.realtime.studio.exports.spans import Span, events
from knowledge_spreader.realtime.studio.exports.table import seconds, table
from knowledge_spreader.realtime.studio.store.statement import PRESENT
from knowledge_spreader.spec import au_label

_HEADER = (
    *("Observation id", "Description", "Source", "Time offset (s)", "Subject", "Behavior", "Behavioral category"),
    *("Modifier #1", "Modifier #2", "Behavior type", "Time", "Media file name", "Comment"),
)


def write_boris(labels: Coded, times_s: F64, folder: Path) -> list[Path]:
    """Raises DataError."""
    found = events(labels, times_s, every_face=True)
    rows: list[tuple[float, int, list[str]]] = []  # time, STOP before START, cells
    media = path_from(folder, labels.rec)
    plain = not any(mark in media for mark in ("|", ";", " player #")) and media == media.strip()
    source, about = (f"player #1:{media}", printable(labels.rec.name)) if plain else ("", media)
    for subject, what, begin_s, end_s in _behaviors(found.of_aus, found.coded_s):
        for order, state, time_s in ((1, "START", begin_s), (0, "STOP", end_s)):
            at = [about, f"labels of {printable(labels.coder)}", source, "0", subject, what[0], "", *what[1:]]
            rows.append((time_s, order, [*at, state, seconds(time_s), media if plain else "", ""]))
    for face, au, time_s, _, mark in found.marks:
        at = [about, f"labels of {printable(labels.coder)}", source, "0", f"face {face}", f"{au_label(au)} {mark}"]
        rows.append((time_s, 2, [*at, "", "", "", "POINT", seconds(time_s), media if plain else "", ""]))
    text = table(_HEADER, [cells for _, _, cells in sorted(rows, key=lambda row: row[:2])], "\t")
    return write_new(folder, name_of(labels), {".boris.tsv": lambda path: path.write_bytes(text)})


def _behaviors(
    of_aus: list[Span], coded_s: list[tuple[float, float]]
) -> list[tuple[str, tuple[str, str, str], float, float]]:
    """Subject, (behavior, level, side), begin and end of each event."""
    found = [("", (CODED, "", ""), begin_s, end_s) for begin_s, end_s in coded_s]
    return found + [(f"face {span.face}", named(span), span.begin_s, span.end_s) for span in of_aus]


def named(span: Span) -> tuple[str, str, str]:
    """An event's name, level and side: "AU12", "C", "left"; "AU12 unscorable", "", ""."""
    if not span.present:
        return f"{au_label(span.au)} {span.word}", "", ""
    level, _, side = span.word.partition(" ")
    return au_label(span.au), "" if level == PRESENT else level, side
