"""Draws figures 4, 5 and 8 of the paper from a study: one panel per data set; the paper's results as open marks."""

import math
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge_spreader.benchmarks.label_budget.cells import Cell, Place, Study, is_plain
from knowledge_spreader.benchmarks.label_budget.plan import NONE
from knowledge_spreader.benchmarks.label_budget.tables import METHODS, percent_of
from knowledge_spreader.cli.outputs import FIGURE, check_outputs, outputs
from knowledge_spreader.evaluation.figure_style import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    PURPLE,
    SKY,
    VERMILION,
    new_figure,
    save,
    tidy,
)
from knowledge_spreader.evaluation.paper_results import METHOD_NAMES, SHARES_PERCENT, published_f1

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Cells = dict[Place, Cell]
Curve = Sequence[tuple[float, Cell]]
Draw = Callable[["Axes", str], bool]  # draws a data set on the axes; False if there is nothing to draw
F1 = "F1, %"

LOOKS = {  # colour and mark of a method; the marks differ too, for readers who cannot tell the colours apart
    "ks": (BLUE, "o"),
    "supervised": (BLACK, "s"),
    "pseudo-label": (ORANGE, "^"),
    "fixmatch": (GREEN, "v"),
    "tcl": (PURPLE, "D"),
}
SERIES = (BLUE, VERMILION, GREEN, ORANGE, PURPLE, SKY, BLACK)
MARKS = "os^vDPX"

FIGURES = ("figure4", "figure4-auc", "figure5", "figure8")  # .png, where there are runs


def check_figures(out: Path, reads: Sequence[Path]) -> None:
    """Raises KSError if a file that is no figure of ours would be lost. reads: the rows."""
    writes = outputs(*(("--out", out / f"{name}.png", FIGURE) for name in FIGURES))
    check_outputs(writes, [("a file of rows", path) for path in reads], new_folder=True)


def write_figures(study: Study, out: Path) -> list[Path]:
    """Writes figure4.png, figure4-auc.png, figure5.png and figure8.png, where there are runs. Raises KSError."""
    f1, auc = study.cells(), study.cells("auc")
    n_frames, paper, by_method = study.n_frames, study.paper_data, "by share of labels and method"
    makers: dict[str, tuple[str, str, Draw]] = {
        "figure4": (f"F1 {by_method}", F1, lambda axes, data: _methods(axes, f1, data, n_frames, paper(data))),
        "figure4-auc": (f"AUC {by_method}", "AUC, %", lambda axes, data: _methods(axes, auc, data, n_frames)),
        "figure5": ("KS with labels spread or in one run", F1, lambda axes, data: _schemes(axes, f1, data, n_frames)),
        "figure8": ("KS by number of frames in a clip", F1, lambda axes, data: _lengths(axes, f1, data)),
    }
    written = []
    for name, (title, unit, draw) in makers.items():
        path = out / f"{name}.png"
        if _panels(study.data_sets, f"{title}\nepochs selected on: {study.selection}", unit, draw, path):
            written.append(path)
    return written


def _panels(data_sets: Sequence[str], title: str, unit: str, draw: Draw, path: Path) -> bool:
    """Writes one panel for each data set that has something to draw; False if none has."""
    scratch = new_figure(1, 1).subplots()
    shown = [data for data in data_sets if draw(scratch, data)]
    if not shown:
        return False
    figure = new_figure(1.5 + 5.0 * len(shown), 4.8)
    figure.suptitle(title, fontsize=11)
    for axes, data in zip(figure.subplots(1, len(shown), squeeze=False)[0], shown, strict=True):
        draw(axes, data)
        axes.set_title(data, loc="left", fontsize=10)
        axes.set_ylabel(unit)
        axes.legend(fontsize=8, frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=3)
        tidy(axes)
    save(figure, path)
    return True


def _methods(axes: "Axes", cells: Cells, data: str, n_frames: int, paper: str = "") -> bool:
    """Draws a curve for each method. paper: the paper's data set whose curves are drawn too; "" for none."""
    plain = [place for place in cells if is_plain(place, data, n_frames)]
    for method in reversed(METHODS):  # KS first in the legend
        curve = _ordered((place.share, cells[place]) for place in plain if place.method == method)
        if curve:
            _line(axes, curve, *LOOKS[method], METHOD_NAMES[method])
            _published(axes, paper, method, curve[0][0], curve[-1][0])
    if any(published_f1(paper, method, 1.0) is not None for method in METHODS):
        look: dict[str, Any] = {
            "color": GREY,
            "marker": "o",
            "markerfacecolor": "white",
            "linestyle": ":",
            "linewidth": 1,
        }
        axes.errorbar([], [], label="paper (supervised: EAC-Net)", **look)
    _share_axis(axes, {place.share for place in plain})
    return bool(plain)


def _published(axes: "Axes", data: str, method: str, first: float, last: float) -> None:
    """Draws the paper's curve over our range of shares."""
    shares = [share for percent in SHARES_PERCENT if first <= (share := percent / 100) <= last]
    told = [(share, f1) for share in shares if (f1 := published_f1(data, method, share)) is not None]
    colour, mark = LOOKS[method]
    x, y = [share for share, _ in told], [f1 for _, f1 in told]
    axes.plot(x, y, color=colour, marker=mark, markerfacecolor="white", linestyle=":", linewidth=1, markersize=5)


def _schemes(axes: "Axes", cells: Cells, data: str, n_frames: int) -> bool:
    schemes = {"sparse": ("every k-th frame (a)", BLUE, "o"), "consecutive": ("one run per video (b)", VERMILION, "s")}
    curves = {}
    for scheme in schemes:
        mine = [p for p in cells if p == Place(data, "ks", NONE, p.share, scheme, n_frames)]
        curves[scheme] = _ordered((place.share, cells[place]) for place in mine)
    if not all(curves.values()):
        return False
    for scheme, (name, colour, mark) in schemes.items():
        _line(axes, curves[scheme], colour, mark, name)
    _share_axis(axes, {share for curve in curves.values() for share, _ in curve})
    return True


def _lengths(axes: "Axes", cells: Cells, data: str) -> bool:
    mine = [place for place in cells if place.method == "ks" and is_plain(place, data, place.n_frames)]
    shares = sorted({place.share for place in mine})
    curves = {s: _ordered((p.n_frames, cells[p]) for p in mine if p.share == s) for s in shares}
    compared = {share: curve for share, curve in curves.items() if len(curve) > 1}
    for (share, curve), colour, mark in zip(compared.items(), SERIES, MARKS, strict=False):
        _line(axes, curve, colour, mark, f"{percent_of(share)} of the labels")
    axes.set_xticks(sorted({place.n_frames for place in mine if place.share in compared}))
    axes.set_xlabel("frames in a clip")
    return bool(compared)


def _ordered(points: Iterable[tuple[float, Cell]]) -> Curve:
    return sorted(points, key=lambda point: point[0])


def _line(axes: "Axes", curve: Curve, colour: str, mark: str, label: str) -> None:
    x = [x for x, _ in curve]
    y = [100 * cell.mean for _, cell in curve]
    error = [100 * (cell.sd or 0.0) for _, cell in curve]
    axes.errorbar(x, y, error, color=colour, marker=mark, markersize=5, linewidth=2, capsize=3, label=label)


def _share_axis(axes: "Axes", shares: set[float]) -> None:
    """A logarithmic axis with a tick at each share, where there is room for the text."""
    ticks: list[float] = []
    for share in sorted(shares, reverse=True):
        if not ticks or math.log10(ticks[-1] / share) > 0.12:
            ticks.append(share)
    axes.set_xscale("log")
    axes.set_xticks(ticks, [f"{share * 100:.4g}" for share in ticks])
    axes.minorticks_off()
    axes.set_xlabel("labels used, % of the frames")
