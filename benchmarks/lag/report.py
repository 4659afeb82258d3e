"""The figures of ks-bench lag, each with an interval by bootstrap over people, as JSON and as a table.

A percentile is a lag that occurred: the smallest that so many per cent of the found onsets do not exceed.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from knowledge_spreader.arrays import F64
from knowledge_spreader.benchmarks.lag.measure import Followed
from knowledge_spreader.benchmarks.lag.onsets import BLANK_S, EARLY_S, LATE_S, SEEN_S, Outcome
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.real_faces.bootstrap import draw, interval
from knowledge_spreader.spec import au_label

FEWEST = 5  # found onsets, for a median
FEWEST_P95 = 20
_WIDE = 118  # characters
_COLUMNS = ("", "onsets", "found %", "on before %", "median ms", "p95 ms", "false a minute")


def figures(followed: Followed) -> Row:
    """{"rows", ...}: a row for each AU, and at the end one for all. None: not known."""
    weights = draw(followed.people)
    places = range(len(followed.aus))
    rows = [_row(followed, (u,), weights) for u in places]
    everything = _row(followed, places, weights)
    blanks = [outcome.blank_ms for _, _, outcome in followed.onsets]
    return {
        **followed.about,
        "clips": len(followed.people),
        "people": len(set(followed.people)),
        "minutes": round(float(followed.minutes.sum()), 3),
        "answered": round(followed.answered, 4),
        "blank_median_ms": float(np.median(blanks)) if blanks else None,
        "rows": [*rows, everything],
    }


def _row(followed: Followed, places: Sequence[int], weights: F64) -> Row:
    mine = [(c, outcome) for c, u, outcome in followed.onsets if u in places]
    clips, told = [c for c, _ in mine], [outcome for _, outcome in mine]
    drawn, one = weights[:, clips], np.ones((1, len(mine)))
    found = np.array([outcome.lag_ms is not None for outcome in told], float)
    before = np.array([outcome.on_before for outcome in told], float)
    false = followed.false[:, list(places)].sum(axis=1).astype(float)
    return {
        "au": au_label(followed.aus[places[0]]) if len(places) == 1 else "all",
        "onsets": len(mine),
        "found": _told(_ratio(one, found), _ratio(drawn, found), 4),
        "on_before": _told(_ratio(one, before), _ratio(drawn, before), 4),
        "median_ms": _percentile(told, drawn, 0.5, FEWEST),
        "p95_ms": _percentile(told, drawn, 0.95, FEWEST_P95),
        "false_a_minute": _told(
            _ratio(np.ones((1, len(false))), false, followed.minutes),
            _ratio(weights, false, followed.minutes),
            2,
        ),
    }


def _ratio(weights: F64, hits: F64, of: F64 | None = None) -> F64:
    """(D,) weighted sum of the hits (n,) for each one of `of` (n,), by itself 1; nan where a draw has none of these."""
    total = weights.sum(axis=1) if of is None else weights @ of
    return np.asarray(np.divide(weights @ hits, total, out=np.full(len(weights), np.nan), where=total > 0))


def _percentile(told: Sequence[Outcome], drawn: F64, share: float, fewest: int) -> Row | None:
    lags = np.array([math.nan if outcome.lag_ms is None else outcome.lag_ms for outcome in told])
    order = np.argsort(lags)[: np.count_nonzero(~np.isnan(lags))]  # nan comes last
    if len(order) < fewest:
        return None
    whole = percentile(lags[order], np.ones((1, len(order))), share)
    return _told(whole, percentile(lags[order], drawn[:, order], share), 1)


def percentile(values: F64, weights: F64, share: float) -> F64:
    """(D,) of values (n,) in rising order, each counted as often as weights (D, n) say; nan where a draw is empty."""
    below = np.cumsum(weights, axis=1)
    total = below[:, -1:]
    place = (below >= share * total - 1e-9).argmax(axis=1)
    return np.where(total[:, 0] > 0, values[place], np.nan)


def _told(whole: F64, drawn: F64, digits: int) -> Row | None:
    """{"value", "interval"} of one value and its draws; None if it is not known."""
    if math.isnan(whole[0]):
        return None
    low, high = interval(drawn)
    ends = None if math.isnan(low) else [round(low, digits), round(high, digits)]
    return {"value": round(float(whole[0]), digits), "interval": ends}


def print_lag(result: Row, console: Console) -> None:
    """The table, and what its columns mean."""
    console.width = max(console.width, _WIDE)
    note = f" ({result['note']})" if result["note"] else ""
    table = Table(title=f"{result['model']}{note}", title_justify="left", box=SIMPLE_HEAD)
    for column in _COLUMNS:
        table.add_column(column, justify="right" if column else "left")
    for row in result["rows"]:
        if row["au"] == "all":
            table.add_section()
        shares = [_cell(row["found"], 100), _cell(row["on_before"], 100)]
        times = [_cell(row["median_ms"]), _cell(row["p95_ms"])]
        table.add_row(row["au"], str(row["onsets"]), *shares, *times, _cell(row["false_a_minute"], digits=1))
    console.print(table)
    for line in _legend(result):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _cell(told: dict[str, Any] | None, times: float = 1, digits: int = 0) -> str:
    if told is None:
        return "-"
    value = f"{times * told['value']:.{digits}f}"
    if told["interval"] is None:
        return value
    low, high = (f"{times * end:.{digits}f}" for end in told["interval"])
    return f"{value} ({low} to {high})"


def _legend(result: Row) -> list[str]:
    blank = result["blank_median_ms"]
    unknown = "" if blank is None else f" (median {blank:.0f} ms)"
    return [
        f"{result['clips']} clips of {result['people']} people; {100 * result['answered']:.1f} % of the frames have an "
        f"answer; voices: {result['voices']}. In brackets: 95 %, bootstrap over people.",
        f"Onset: first frame labelled present, after {SEEN_S:g} s of absence and at most {BLANK_S:g} s unknown"
        f"{unknown}, all with an answer. Found: shown from {EARLY_S:g} s before to {LATE_S:g} s after; on before: "
        f"already. False: shown anew while absent. -: fewer than {FEWEST} found, for p95 fewer than {FEWEST_P95}.",
        "Lag is in stream time, every frame. The time to compute comes on top: latency in ks-bench live.",
        result["engine"],
    ]
