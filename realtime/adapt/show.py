"""What ks-adapt tells: a table of AUs, and F1 on frames, recordings and people that taught nothing."""

from typing import Any

from rich.console import Console
from rich.table import Table

from knowledge_spreader.adapt.report import reads
from knowledge_spreader.realtime.adapt.run import AdaptedModel
from knowledge_spreader.spec import AU_NAMES, au_label

_DONE = {
    "base": "as it was",
    "threshold": "threshold raised",
    "bias": "level",
    "head": "head",
}
AUDIT = "frames kept apart (audit)"
_LITTLE = 0.05  # more F1 than saying present everywhere: less is nothing learned
_SHORT = {"audit": "F1 audit", "these": "F1 here", "people": "F1 same people", "anyone": "F1 others"}


def show(result: AdaptedModel, console: Console) -> None:
    report = result.adapted.report
    table = Table(title="AUs: what your labels changed")
    table.add_column("AU", no_wrap=True)
    for column in ("present", "absent", "learned"):
        table.add_column(column, justify="right")
    scores = {AUDIT: report["audit"], **{reads(goal): one for goal, one in report["left_out"].items()}}
    for name in ("audit", *report["left_out"]):
        table.add_column(_SHORT[name], justify="right", no_wrap=True)
    for u, one in enumerate(report["aus"]):
        if not one["present"] + one["absent"]:
            continue
        cells = [_change(score["per_au"][u]) for score in scores.values()]
        name = f"{au_label(one['au'])} {AU_NAMES[one['au']]}"
        table.add_row(name, str(one["present"]), str(one["absent"]), _DONE[one["kind"]], *cells)
    console.print(table)
    for name, score in scores.items():
        console.print(_line(name, score), soft_wrap=True, highlight=False)
    console.print(
        f"{result.model.path}: weights {result.model.weights_id}; {report['labelled_frames']} labelled of "
        f"{report['frames']} faces, {report['recordings']} recordings, {report['people']} people",
        soft_wrap=True,
        highlight=False,
    )


def _change(au: dict[str, Any]) -> str:
    if not au["present"]:
        return "-"
    return f"{_two(au['f1_base'])} > {_two(au['f1_own'])}"


def _line(name: str, score: dict[str, Any]) -> str:
    if score["f1_own"] is None:
        return f"{name}: too few labels that show an AU to tell ({score['frames']} frames)"
    gain = score["f1_own"] - score["f1_base"]
    low_high = score["gain_95"]
    interval = f" (95 %: {low_high[0]:+.2f} to {low_high[1]:+.2f})" if low_high else ""
    return (
        f"{name}: mean F1 {_two(score['f1_base'])} > {_two(score['f1_own'])}, {gain:+.2f}{interval}, "
        f"{score['aus']} AUs, {score['frames']} frames{_warning(score)}"
    )


def _warning(score: dict[str, Any]) -> str:
    if score["f1_own"] >= score["f1_always"] + _LITTLE:
        return ""
    return f"; NO MORE than saying present everywhere, {_two(score['f1_always'])}: the labels do not fit what is seen"


def _two(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"
