"""A report as tables for a terminal of 100 columns: F1 per AU, per fold, and per position of the key frame."""

from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from knowledge_spreader.evaluation.paper_results import METHOD_NAMES
from knowledge_spreader.spec import AU_NAMES, au_label

Report = Mapping[str, Any]

MISSING = "\N{EN DASH}"  # shown for a value that does not exist


def print_report(report: Report, console: Console) -> None:
    """Print a report of `evaluation.report.evaluate`."""
    console.print(Text(headline(report), style="bold"))
    console.print(Text(f"epoch selected on: {report['selection']}", style="yellow" if by_paper(report) else ""))
    if report.get("person"):
        console.print(Text("with person baseline; --no-person evaluates without it"))
    console.print(_au_table(report))
    console.print(_fold_table(report))
    if report["n_frames"] > 1:
        console.print(_position_table(report))
    console.print(Text(_paper_line(report["paper"]), style="dim"))


def headline(report: Report) -> str:
    """'KS on disfa, folds 1, 2, 3, 2 % of the labels'."""
    folds = ", ".join(str(fold["fold"]) for fold in report["per_fold"])
    method = METHOD_NAMES.get(report["method"], report["method"])
    s = "s" if len(report["per_fold"]) > 1 else ""
    return f"{method} on {report['data']}, fold{s} {folds}, {report['label_share'] * 100:.4g} % of the labels"


def by_paper(report: Report) -> bool:
    """Whether the epoch was selected on the test part, which makes the numbers too good."""
    return "PAPER" in report["selection"]


def _paper_line(paper: Report | None) -> str:
    if paper is None:
        return "paper: no number for this data set, AUs, method and share of labels"
    return f"paper: {paper['method']} with {paper['label_share'] * 100:.4g} % of the labels, {paper['table']}"


def _au_table(report: Report) -> Table:
    means, paper = report["fold_mean"], report["paper"] or {}
    columns = {"F1": means["f1"], "F1 at chosen": means["f1_chosen"], "AUC": means["auc"], "ECE": means["ece"]}
    columns["paper F1"] = {"mean": paper.get("f1_mean"), "per_au": paper.get("per_au") or {}} if paper else None
    shown = {name: score for name, score in columns.items() if score is not None}

    table = Table(title="Per AU, mean over folds, in %", title_justify="left")
    table.add_column("AU", no_wrap=True, min_width=4)
    table.add_column("action", no_wrap=True, overflow="ellipsis")
    for name in ("present", *shown):
        table.add_column(name, justify="right", min_width=5)  # a narrow terminal wraps headings, not numbers
    for au in report["aus"]:
        label = au_label(au)
        cells = [percent(score["per_au"].get(label)) for score in shown.values()]
        table.add_row(label, AU_NAMES[au], percent(means["positive_rate"][label]), *cells)
    table.add_section()
    table.add_row("mean", "", "", *(percent(score["mean"]) for score in shown.values()), style="bold")
    return table


def _fold_table(report: Report) -> Table:
    kinds = {
        "F1": "f1",
        "F1 at chosen": "f1_chosen",
        "branch A": "f1_branch_a",
        "branch B": "f1_branch_b",
        "AUC": "auc",
        "ECE": "ece",
    }
    if report["fold_mean"]["f1_chosen"] is None:
        del kinds["F1 at chosen"]
    table = Table(title="Per fold, mean over AUs, in %", title_justify="left")
    for name in ("fold", "frames", "unknown", *kinds):
        label = name == "fold"
        table.add_column(name, justify="left" if label else "right", min_width=6 if label else 5)

    def row(name: str, frames: int, unknown: int, scores: Report, style: str = "") -> None:
        cells = [percent((scores.get(kind) or {}).get("mean")) for kind in kinds.values()]
        table.add_row(name, f"{frames:,}", f"{unknown:,}", *cells, style=style)

    for fold in report["per_fold"]:
        row(str(fold["fold"]), fold["frames"], sum(fold["unknown_labels"].values()), fold)
    if len(report["per_fold"]) > 1:
        frames = sum(fold["frames"] for fold in report["per_fold"])
        unknown = sum(report["fold_mean"]["unknown_labels"].values())
        table.add_section()
        row("mean", frames, unknown, report["fold_mean"], "bold")
        row("pooled", frames, unknown, report["pooled"])
    return table


def _position_table(report: Report) -> Table:
    f1 = report["fold_mean"]["f1_key_positions"]
    table = Table(title="F1 in % by key-frame position m", title_justify="left")
    for m in range(len(f1)):
        table.add_column(f"m = {m}" + (" live" if m == len(f1) - 1 else ""), justify="right", no_wrap=True)
    table.add_row(*map(percent, f1))
    return table


def percent(fraction: float | None) -> str:
    """0.6251 -> '62.5'; MISSING for a value that does not exist."""
    return MISSING if fraction is None else f"{fraction * 100:.1f}"
