"""ELAN's .eaf for each recording: a tier for each AU of each face, and the tier `coded`.

An annotation says the level ("C", "C left"), "present", "unscorable" or "unknown" (not labelled, though the frame
was looked at). In the spans of `coded` an AU without an annotation is absent. ELAN knows no points, so marks are
annotations of one frame, "onset", "apex", "offset" or two of them, in a tier of their own: `AU12 marks face 0`.
"""

from pathlib import Path

from knowledge_spreader.arrays import F64
from knowledge_spreader.datasets.own_labels.event_names import CODED
from knowledge_spreader.realtime.sinks.elan import Tier, write_eaf
from knowledge_spreader.realtime.sinks.rows import printable
from knowledge_spreader.realtime.studio.exports.coded import ABSENT, Coded
from knowledge_spreader.realtime.studio.exports.places import name_of, write_new
from knowledge_spreader.realtime.studio.exports.spans import Point, spans
from knowledge_spreader.realtime.studio.store.statement import MARKS
from knowledge_spreader.spec import au_label


def write_elan(labels: Coded, times_s: F64, folder: Path) -> list[Path]:
    """Raises DataError."""
    coder = printable(labels.coder)
    found = spans(labels, times_s)
    tiers: dict[tuple[int, int], Tier] = {}
    for span in found.of_aus:
        name, in_face = f"{au_label(span.au)} face {span.face}", f"face {span.face}"
        tier = tiers.setdefault((span.face, span.au), Tier(name, in_face, coder))
        if span.word != ABSENT:
            tier.add(span.begin_s, span.end_s, span.word)
    marks = _marks(found.marks, coder)
    looked_at = Tier(CODED, "", coder)
    for begin_s, end_s in found.coded_s:
        looked_at.add(begin_s, end_s, "")
    all_tiers = [*tiers.values(), *marks, looked_at]
    about = {"source": printable(labels.rec.name), "coder": coder}
    return write_new(folder, name_of(labels), {".eaf": lambda path: write_eaf(path, all_tiers, labels.rec.path, about)})


def _marks(points: list[Point], coder: str) -> list[Tier]:
    """Annotations of a tier do not overlap, so the marks of one frame are one."""
    of_frames: dict[tuple[int, int, float, float], list[str]] = {}
    for face, au, begin_s, end_s, mark in points:
        of_frames.setdefault((face, au, begin_s, end_s), []).append(mark)
    tiers: dict[tuple[int, int], Tier] = {}
    for (face, au, begin_s, end_s), marks in of_frames.items():
        tier = tiers.setdefault((face, au), Tier(f"{au_label(au)} marks face {face}", f"face {face}", coder))
        tier.add(begin_s, end_s, " ".join(sorted(marks, key=MARKS.index)))
    return list(tiers.values())
