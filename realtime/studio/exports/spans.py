"""Labels as spans of time: a labelled frame is a span from its time to the next frame's, and equal neighbours are one.

The spans that were looked at are `coded`. There an AU without a span is absent, as in ELAN, BORIS and BIDS events; so
an AU that was not labelled in a frame where another one was gets a span "unknown". marked.py says what marks change.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.play_start import from_file_start
from knowledge_spreader.realtime.studio.exports.coded import ABSENT, NOTHING_SAID, Coded, is_present, word
from knowledge_spreader.realtime.studio.exports.marked import Piece, fill, pieces
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import Statement

_ALONE_S = 0.04  # how long the only frame of a recording is shown
_FaceAU = tuple[int, int]


class Span(NamedTuple):
    face: int
    au: int
    begin_s: float  # from where players start the recording
    end_s: float
    word: str  # of coded.word

    @property
    def present(self) -> bool:
        return is_present(self.word)


class Point(NamedTuple):
    """A mark, and when its frame is shown."""

    face: int
    au: int
    begin_s: float
    end_s: float
    mark: str


class Spans(NamedTuple):
    of_aus: list[Span]  # in order of face, AU and time
    coded_s: list[tuple[float, float]]
    marks: list[Point]  # in this order, too


def spans(labels: Coded, times_s: F64, *, every_face: bool = False) -> Spans:
    """times_s (T,): of the recording's frames. Raises DataError if a label's time is that of no frame.

    every_face: each AU has its spans in each face that has a label, because the format counts it as coded there.
    """
    if not len(times_s):
        raise DataError(f"{labels.rec.path}: no frame could be read; mend the recording")
    begins_s = from_file_start(labels.rec.path, times_s)
    ends_s = _ends(begins_s)
    words, marks = _by_place(labels, times_s, ends_s - begins_s)
    if every_face:
        faces, aus = {face for face, _ in words}, {au for _, au in words}
        words = {(face, au): words.get((face, au), {}) for face in faces for au in aus}
    looked_at = sorted({place for of in words.values() for place in of})
    found = [
        Span(*about, float(begins_s[first]), float(ends_s[last]), piece.word)
        for about, of in sorted(words.items())
        for cut in [pieces({place: of.get(place, NOTHING_SAID) for place in looked_at}, marks.get(about, {}))]
        for first, last, piece in _runs(cut.items())
    ]
    whole = _runs((place, Piece("")) for place in looked_at)
    points = [
        Point(*about, float(begins_s[place]), float(ends_s[place]), mark)
        for about, of_au in sorted(marks.items())
        for place, mark in sorted((place, mark) for mark, places in of_au.items() for place in places)
    ]
    return Spans(found, [(float(begins_s[first]), float(ends_s[last])) for first, last, _ in whole], points)


def _by_place(
    labels: Coded, times_s: F64, shown_s: F64
) -> tuple[dict[_FaceAU, dict[int, str]], dict[_FaceAU, dict[str, list[int]]]]:
    """Of each face and AU place -> word, also where marks say present; and mark -> places. shown_s: as in _places."""
    words: dict[_FaceAU, dict[int, str]] = {}
    for one, place in zip(labels.said, _places(labels.rec, labels.said, times_s, shown_s), strict=True):
        words.setdefault((one.face, one.au), {})[place] = word(one)
    marks: dict[_FaceAU, dict[str, list[int]]] = {}
    for one, place in zip(labels.marks, _places(labels.rec, labels.marks, times_s, shown_s), strict=True):
        marks.setdefault((one.face, one.au), {}).setdefault(one.mark or "", []).append(place)
    for about, of in marks.items():
        fill(words.setdefault(about, {}), of)
    return {about: of for about, of in words.items() if of}, marks


def events(labels: Coded, times_s: F64, *, every_face: bool = False) -> Spans:
    """As spans(), without "absent", which outside of events is understood; but of an AU that is never present."""
    found = spans(labels, times_s, every_face=every_face)
    seen = {(span.face, span.au) for span in found.of_aus if span.present}
    kept = [span for span in found.of_aus if span.word != ABSENT or (span.face, span.au) not in seen]
    return found._replace(of_aus=kept)


def _ends(times_s: F64) -> F64:
    """When each frame ends: when the next one is shown; the last one is shown as long as is usual."""
    last_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else _ALONE_S
    return np.append(times_s[1:], times_s[-1:] + last_s)


def _places(rec: Rec, said: Sequence[Statement], times_s: F64, shown_s: F64) -> list[int]:
    """The place in times_s of each statement's frame. A frame that cannot be decoded has none, so times tell it.

    shown_s (T,): how long each frame is shown.
    """
    said_s = np.array([one.time_s for one in said], np.float64)
    after = np.minimum(np.searchsorted(times_s, said_s), len(times_s) - 1)
    before = np.maximum(after - 1, 0)
    places = np.where(said_s - times_s[before] <= times_s[after] - said_s, before, after)
    far = np.flatnonzero(~(np.abs(times_s[places] - said_s) < shown_s[places]))
    if len(far):
        one = said[int(far[0])]
        raise DataError(
            f"{rec.path}: no frame at {one.time_s:.3f} s, where frame {one.frame} has a label; analyse the "
            "recording again, or take the label back"
        )
    return [int(place) for place in places]


def _runs(of: Iterable[tuple[int, Piece]]) -> Iterator[tuple[int, int, Piece]]:
    """(place, piece), in order -> (first place, last place, piece) of neighbours that say the same."""
    first = last = -1
    piece = Piece("")
    for place, now in of:
        if first >= 0 and place == last + 1 and now == piece:
            last = place
            continue
        if first >= 0:
            yield first, last, piece
        first, last, piece = place, place, now
    if first >= 0:
        yield first, last, piece
