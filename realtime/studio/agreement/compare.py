"""Compares the labels of two coders: figures for each AU, and the frames in which they differ."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.studio.agreement.numbers import icc, kappa, wexler
from knowledge_spreader.realtime.studio.agreement.onsets import matched, onsets
from knowledge_spreader.realtime.studio.exports.coded import level, occurrence
from knowledge_spreader.realtime.studio.store.statement import ONSET, UNSCORABLE, Statement
from knowledge_spreader.spec import UNKNOWN


class _Key(NamedTuple):
    video: str
    frame: int
    face: int
    au: int


Labels = dict[_Key, Statement]
_Where = tuple[str, int]  # video, face
_Tracks = dict[_Where, dict[int, tuple[float, int]]]  # frame -> its time, and 1, 0 or UNKNOWN


def compare(
    a: Sequence[Statement], b: Sequence[Statement], times: Mapping[str, F64], tolerance_s: float
) -> dict[str, Any]:
    """a, b: what holds of each coder, labels and marks. times: of the frames of recordings, by video, where they are
    known; else those of the labels hold. tolerance_s: how far onsets may be apart. Raises DataError on a tolerance that
    is none.

        n        frames and AUs that both called present or absent        wexler    over all AUs
        aus      of each AU that both labelled: au, n, a and b (how often each called it present), agreed (share),
                 kappa, wexler, icc: {n, agreement, consistency} of frames where both gave a level (absent is 0),
                 events: {a, b, matched, f1} of onsets: of those that both marked in a face of a recording, if both did
                 there; else those that follow from labels, where the other coder labelled that frame, too
        differ   frames in which they differ: video, frame, face, time_s, aus: [{au, a, b, a_side, b_side, what}]; what
                 is "presence", "scorable" (one of them could not tell), "level" or "side"

    A figure that does not exist is None. Frames that only one of them labelled count nowhere.
    """
    if not 0 <= tolerance_s < 1e6:
        raise DataError(f"the tolerance must be 0 or more seconds; got {tolerance_s}")
    of_a, of_b = _by_key(a), _by_key(b)
    marked = _marked(a, times), _marked(b, times)
    shared = sorted(of_a.keys() & of_b.keys())
    aus = []
    for au in sorted({key.au for key in shared}):
        tracks = _tracks(au, of_a, times), _tracks(au, of_b, times)
        events = _events(*tracks, marked[0][au], marked[1][au], tolerance_s)
        aus.append(_of_au(au, [key for key in shared if key.au == au], of_a, of_b) | {"events": events})
    both, sum_a, sum_b = (sum(one[name] for one in aus) for name in ("both", "a", "b"))
    return {
        "n": sum(one["n"] for one in aus),
        "wexler": wexler(both, sum_a, sum_b),
        "tolerance_s": tolerance_s,
        "aus": aus,
        "differ": _differ(shared, of_a, of_b),
    }


def _by_key(said: Iterable[Statement]) -> Labels:
    there = (one for one in said if one.value is not None and one.mark is None)
    return {_Key(one.video, one.frame, one.face, one.au): one for one in there}


def _marked(said: Iterable[Statement], times: Mapping[str, F64]) -> defaultdict[int, dict[_Where, list[float]]]:
    """AU -> where -> times of the onsets that were marked, in order."""
    found: defaultdict[int, dict[_Where, list[float]]] = defaultdict(dict)
    for one in sorted(said, key=lambda one: one.frame):
        if one.mark == ONSET and one.value is not None:
            time_s = _time_s(one, times)
            found[one.au].setdefault((one.video, one.face), []).append(time_s)
    return found


def _of_au(au: int, keys: Sequence[_Key], of_a: Labels, of_b: Labels) -> dict[str, Any]:
    pairs = [(of_a[key], of_b[key]) for key in keys]
    values = np.array([(occurrence(one), occurrence(other)) for one, other in pairs]).reshape(-1, 2)
    values = values[(values != UNKNOWN).all(axis=1)] == 1
    told = [(x, y) for one, other in pairs if (x := level(one)) is not None and (y := level(other)) is not None]
    agreement, consistency = icc(np.array(told, np.float64).reshape(-1, 2))
    sum_a, sum_b, both = int(values[:, 0].sum()), int(values[:, 1].sum()), int(values.all(axis=1).sum())
    return {
        "au": au,
        "n": len(values),
        "a": sum_a,
        "b": sum_b,
        "both": both,
        "agreed": float((values[:, 0] == values[:, 1]).mean()) if len(values) else None,
        "kappa": kappa(values[:, 0], values[:, 1]),
        "wexler": wexler(both, sum_a, sum_b),
        "icc": {"n": len(told), "agreement": agreement, "consistency": consistency},
    }


def _events(
    tracks_a: _Tracks,
    tracks_b: _Tracks,
    marked_a: dict[_Where, list[float]],
    marked_b: dict[_Where, list[float]],
    tolerance_s: float,
) -> dict[str, Any]:
    """Onsets of an AU, faces and recordings summed."""
    count_a = count_b = pairs = 0
    both_marked = marked_a.keys() & marked_b.keys()
    for where in (tracks_a.keys() & tracks_b.keys()) | both_marked:
        if where in both_marked:
            times_a, times_b = marked_a[where], marked_b[where]
        else:
            one, other = tracks_a[where], tracks_b[where]
            times_a = [one[f][0] for f in onsets(one, tolerance_s) if other.get(f, (0, UNKNOWN))[1] != UNKNOWN]
            times_b = [other[f][0] for f in onsets(other, tolerance_s) if one.get(f, (0, UNKNOWN))[1] != UNKNOWN]
        count_a, count_b = count_a + len(times_a), count_b + len(times_b)
        pairs += matched(times_a, times_b, tolerance_s)
    return {"a": count_a, "b": count_b, "matched": pairs, "f1": wexler(pairs, count_a, count_b)}


def _tracks(au: int, labels: Labels, times: Mapping[str, F64]) -> _Tracks:
    """What is said of the AU in its frames."""
    found: _Tracks = {}
    for key, one in labels.items():
        if key.au == au:
            found.setdefault((key.video, key.face), {})[key.frame] = (_time_s(one, times), occurrence(one))
    return found


def _time_s(one: Statement, times: Mapping[str, F64]) -> float:
    of = times.get(one.video, ())
    return float(of[one.frame]) if one.frame < len(of) else one.time_s


def _differ(shared: Sequence[_Key], of_a: Labels, of_b: Labels) -> list[dict[str, Any]]:
    found: dict[tuple[str, int, int], dict[str, Any]] = {}
    for key in shared:
        one, other = of_a[key], of_b[key]
        if what := _what_differs(one, other):
            about = {"video": key.video, "frame": key.frame, "face": key.face, "time_s": one.time_s, "aus": []}
            said = {"a": one.value, "b": other.value, "a_side": one.side, "b_side": other.side}
            found.setdefault(key[:3], about)["aus"].append({"au": key.au, **said, "what": what})
    return list(found.values())


def _what_differs(one: Statement, other: Statement) -> str:
    if (one.value == UNSCORABLE) != (other.value == UNSCORABLE):
        return "scorable"
    if bool(one.value) != bool(other.value):
        return "presence"
    if isinstance(one.value, int) and isinstance(other.value, int) and one.value != other.value:
        return "level"
    return "side" if one.side != other.side and one.value != UNSCORABLE else ""
