"""Draws F1 against the share of labelled frames: a panel for each thing that is tested on."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from knowledge_spreader.adapt.apart import GOALS
from knowledge_spreader.adapt.report import reads
from knowledge_spreader.benchmarks.own_labels.cells import BASE_MODEL, HEADS, THRESHOLDS
from knowledge_spreader.benchmarks.own_labels.trained import KS as TRAINED_KS
from knowledge_spreader.benchmarks.own_labels.trained import SUPERVISED
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.evaluation.figure_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    VERMILION,
    new_figure,
    save,
    tidy,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOKS = {
    BASE_MODEL: ("bundled model", GREY, ""),
    THRESHOLDS: ("level alone", BLACK, "s"),
    HEADS: ("heads (ks-adapt)", BLUE, "o"),
    "ks": ("heads + KS", VERMILION, "^"),
    "pseudo-label": ("heads + Pseudo-Label", ORANGE, "v"),
    "fixmatch": ("heads + FixMatch", GREEN, "D"),
    "consecutive": ("heads, labels in one run", PURPLE, "x"),
    SUPERVISED: ("everything trained", BLACK, "*"),
    TRAINED_KS: ("everything trained, KS", VERMILION, "P"),
}


class Point(NamedTuple):
    """Means over seeds, fractions 0 to 1."""

    f1: float
    low: float  # 95 % with other people
    high: float
    auc: float
    seeds: int
    spread: float  # standard deviation over seeds


def points(rows: Sequence[Row]) -> dict[tuple[str, str, float], Point]:
    """(what is tested on, method, share) -> the mean over seeds; heads with labels in one run count as a method."""
    found: dict[tuple[str, str, float], list[Row]] = {}
    for row in rows:
        method = row["method"] if row["scheme"] == "sparse" else f"{row['method']} consecutive"
        found.setdefault((row["tested_on"], method, row["share"]), []).append(row)
    return {key: _mean(of) for key, of in sorted(found.items())}


def _mean(rows: Sequence[Row]) -> Point:
    of = {name: np.array([row[name] for row in rows], np.float64) for name in ("f1", "low", "high", "auc")}
    f1, low, high, auc = (float(values.mean()) for values in of.values())
    return Point(f1, low, high, auc, len(rows), float(of["f1"].std()))


def draw(rows: Sequence[Row], path: Path) -> None:
    """Writes the figure. Raises KSError if it cannot be written."""
    every = points(rows)
    shown = [goal for goal in GOALS if any(key[0] == goal for key in every)]
    figure = new_figure(4.2 * len(shown), 3.8)
    panels = np.atleast_1d(figure.subplots(1, len(shown), sharey=True))
    for axes, goal in zip(panels, shown, strict=True):
        _panel(axes, goal, every)
    panels[0].set_ylabel("mean F1 over AUs")
    # the first panel has all methods, the last one room
    panels[-1].legend(*panels[0].get_legend_handles_labels(), fontsize=8, frameon=False, loc="upper left")
    figure.suptitle("F1 by the share of your frames that have labels (bands: 95 % over people)", fontsize=11)
    save(figure, path)


def _panel(axes: "Axes", goal: str, every: Mapping[tuple[str, str, float], Point]) -> None:
    base = next((p for (where, method, _), p in every.items() if where == goal and method == BASE_MODEL), None)
    if base:
        axes.axhline(base.f1, color=GREY, linestyle="--", label=_LOOKS[BASE_MODEL][0])
    for method, (label, colour, mark) in _LOOKS.items():
        name = f"{HEADS} consecutive" if method == "consecutive" else method
        curve = [(share, p) for (where, of, share), p in every.items() if where == goal and of == name]
        if method == BASE_MODEL or not curve:
            continue
        x, y = [100 * share for share, _ in curve], [p.f1 for _, p in curve]
        axes.plot(x, y, color=colour, marker=mark, markersize=8 if mark == "*" else 4, linewidth=1.4, label=label)
        if method == HEADS:
            axes.fill_between(x, [p.low for _, p in curve], [p.high for _, p in curve], color=colour, alpha=0.15, lw=0)
    axes.set_xscale("log")
    ticks = sorted({100 * share for where, _, share in every if where == goal})
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labelled frames, %")
    axes.set_title(reads(goal), fontsize=10)
    tidy(axes)


def lines(rows: Sequence[Row]) -> list[str]:
    """The figures of the study as a Markdown table: a row per share, a column per method, a table per goal."""
    every = points(rows)
    out: list[str] = []
    for goal in GOALS:
        here = {key: p for key, p in every.items() if key[0] == goal}
        methods = [
            m
            for m in (THRESHOLDS, HEADS, "ks", "pseudo-label", "fixmatch", SUPERVISED, TRAINED_KS)
            if any(k[1] == m for k in here)
        ]
        methods += [m for m in (f"{HEADS} consecutive", "ks consecutive") if any(k[1] == m for k in here)]
        base = next((p for key, p in here.items() if key[1] == BASE_MODEL), None)
        if not methods:
            continue
        told = f" (bundled model: {base.f1:.3f})" if base else ""
        out += [f"F1 on {reads(goal)}{told}", "", "| labelled | " + " | ".join(methods) + " |"]
        out.append("|" + "---|" * (len(methods) + 1))
        for share in sorted({key[2] for key in here if key[1] != BASE_MODEL}):
            cells = [_cell(here.get((goal, method, share))) for method in methods]
            out.append(f"| {100 * share:g} % | " + " | ".join(cells) + " |")
        out.append("")
    return out


def _cell(point: Point | None) -> str:
    return "" if point is None else f"{point.f1:.3f} ({point.low:.2f} {point.high:.2f})"
