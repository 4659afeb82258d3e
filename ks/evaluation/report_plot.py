"""A report as a figure: F1 per AU, reliability of the probabilities, F1 by position of the key frame."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from knowledge_spreader.evaluation.figure_style import BLACK, BLUE, GREY, ORANGE, VERMILION, new_figure, save, tidy
from knowledge_spreader.evaluation.report_tables import MISSING, by_paper, headline

if TYPE_CHECKING:
    from matplotlib.axes import Axes


Report = Mapping[str, Any]


def plot(report: Report, path: Path) -> None:
    """Draw a report of `evaluation.report.evaluate`; the suffix of `path` selects the format (PNG, PDF, SVG).

    Raises MissingError without matplotlib, KSError if the file cannot be written.
    """
    figure = new_figure(10.5, 8.0)
    title = f"{headline(report)}\nepoch selected on: {report['selection']}"
    figure.suptitle(title, fontsize=12, color=VERMILION if by_paper(report) else BLACK)
    panels = figure.subplot_mosaic([["f1", "f1"], ["reliability", "positions"]], height_ratios=(1.1, 1.0))
    _f1_bars(panels["f1"], report)
    _reliability_curves(panels["reliability"], report)
    _key_positions(panels["positions"], report)
    save(figure, path)


def _f1_bars(axes: "Axes", report: Report) -> None:
    means, paper = report["fold_mean"], report["paper"]
    labels = [f"AU{au}" for au in report["aus"]]
    bars = [("threshold 0.5", means["f1"], BLUE)]
    if means["f1_chosen"] is not None:
        bars.append(("thresholds chosen on the selection subjects", means["f1_chosen"], ORANGE))
    width = 0.8 / len(bars)
    places = [*range(len(labels)), len(labels) + 0.5]  # a gap before the mean
    for i, (name, score, colour) in enumerate(bars):
        values = [score["per_au"][label] for label in labels] + [score["mean"]]
        shift = (i - (len(bars) - 1) / 2) * width
        heights = [100 * (value or 0.0) for value in values]  # no bar if there is no value; a label below shows it
        drawn = axes.bar([x + shift for x in places], heights, width * 0.94, color=colour, label=name)
        texts = [MISSING if value is None else f"{100 * value:.0f}" for value in values]
        axes.bar_label(drawn, texts, fontsize=7 if len(labels) > 12 else 8, padding=1)
    if paper:
        told = (
            [(x, 100 * paper["per_au"][label]) for x, label in zip(places, labels, strict=False)]
            if paper["per_au"]
            else []
        )
        told.append((places[-1], 100 * paper["f1_mean"]))
        x, y = zip(*told, strict=True)
        axes.scatter(
            x, y, marker="D", s=34, facecolor="white", edgecolor=BLACK, zorder=3, label=f"paper, {paper['method']}"
        )
    axes.set_xticks(places, [*labels, "mean"], fontsize=8 if len(labels) > 12 else 9)
    axes.set_ylim(0, 118)
    axes.set_yticks(range(0, 101, 20))
    axes.set_ylabel("F1, %")
    axes.set_title(
        "F1 per action unit" + (", mean over folds" if len(report["per_fold"]) > 1 else ""), loc="left", fontsize=10
    )
    axes.legend(loc="upper left", ncols=3, fontsize=8, frameon=False)
    tidy(axes)


def _reliability_curves(axes: "Axes", report: Report) -> None:
    per_au = report["pooled"]["reliability"]
    together = [[sum(column) for column in zip(*same_bin, strict=True)] for same_bin in zip(*per_au, strict=True)]
    axes.plot([0, 1], [0, 1], color=BLACK, linewidth=1, linestyle=(0, (4, 3)), label="perfect")
    for i, bins in enumerate(per_au):
        axes.plot(*_curve(bins), color=GREY, linewidth=0.9, alpha=0.55, label="each AU" if i == 0 else None)
    axes.plot(*_curve(together), color=BLUE, linewidth=2, marker="o", markersize=4, label="all AUs")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="predicted probability", ylabel="share of frames with the AU")
    ece = report["fold_mean"]["ece"]["mean"]
    said = "" if ece is None else f", mean calibration error {100 * ece:.1f} %"
    axes.set_title(f"Reliability{said}", loc="left", fontsize=10)
    axes.legend(loc="upper left", fontsize=8, frameon=False)
    tidy(axes, "both")


def _curve(bins: list[list[float]], fewest: int = 10) -> tuple[list[float], list[float]]:
    """Mean probability and positive rate of the bins with at least `fewest` frames."""
    full = [(p / n, positives / n) for n, p, positives in bins if n >= fewest]
    return [x for x, _ in full], [y for _, y in full]


def _key_positions(axes: "Axes", report: Report) -> None:
    f1 = [100 * (value or 0.0) for value in report["fold_mean"]["f1_key_positions"]]
    folds = [fold["f1_key_positions"] for fold in report["per_fold"]]
    for fold in folds if len(folds) > 1 else []:
        axes.plot([100 * (value or 0.0) for value in fold], color=GREY, linewidth=0.9, alpha=0.7)
    axes.plot(f1, color=BLUE, linewidth=2, marker="o", markersize=5)
    behind = {"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 0.5}
    for m, value in enumerate(f1):
        place: dict[str, Any] = {"xytext": (0, 9), "textcoords": "offset points", "ha": "center"}
        axes.annotate(f"{value:.1f}", (m, value), fontsize=8, bbox=behind, **place)
    seen = [100 * (value or 0.0) for fold in folds for value in fold]
    middle, reach = (min(seen) + max(seen)) / 2, max(2.5, 0.75 * (max(seen) - min(seen)))
    axes.set(xlim=(-0.4, len(f1) - 0.6), ylim=(max(0.0, middle - reach), middle + reach), ylabel="F1, %")
    last = len(f1) - 1
    axes.set_xticks(range(len(f1)), [f"{m}\n(live)" if m == last else str(m) for m in range(len(f1))])
    axes.set_xlabel("position m of the key frame in the clip")
    grey = "; grey: each fold" if len(folds) > 1 else ""
    axes.set_title(f"F1 by position of the key frame{grey}", loc="left", fontsize=10)
    tidy(axes)
