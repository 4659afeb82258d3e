"""Prints scores on real faces as tables."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol

from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.real_faces.blendshapes import BLIND, CUT
from knowledge_spreader.benchmarks.real_faces.scores import MIN_EVIDENCE, AUScore, Interval, Mean, Scores
from knowledge_spreader.spec import au_label


class Answered(Protocol):
    """A face with the reason why it has no answer, "" where it has one."""

    @property
    def reason(self) -> str: ...


def print_scores(
    answers: Sequence[Answered], model: str, note: str, scores: Mapping[str, Scores], console: Console
) -> None:
    """Prints a table for each method, and the number of faces without an answer."""
    for who, found in scores.items():
        ours = who == "model"
        console.print(_table(f"{model} ({note})" if ours and note else model if ours else who, found, ours))
    without = Counter(answer.reason for answer in answers if answer.reason)
    told = ", ".join(f"{count} {reason}" for reason, count in without.most_common()) or "none"
    console.print(f"{len(answers)} coded faces; without an answer of the model: {told}.", soft_wrap=True)
    console.print(
        f"-: fewer than {MIN_EVIDENCE} faces show the AU, or do not. [95 %]: bootstrap over people. best: F1 at the "
        "best threshold on these same faces. shown: F1 with the pipeline's hysteresis. alarms: share of the faces "
        "without the AU above the threshold."
        + (f" MediaPipe: threshold {CUT}; *: its value stays near 0, or there is none." if len(scores) > 1 else ""),
        soft_wrap=True,
    )


def _table(title: str, scores: Scores, ours: bool) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column("AU")
    for column in ("present", "absent", "AUC", "\\[95 %]", "F1", "shown", "best", "ECE", "alarms"):
        table.add_column(column, justify="right", no_wrap=True)
    for row in scores.aus:
        name = au_label(row.au) + ("*" if not ours and row.au in BLIND else "")
        table.add_row(name, str(row.present), str(row.absent), *_figures(row), _share(row.false_alarms))
    table.add_section()
    for group, mean in scores.means.items():
        table.add_row(f"{group}: {len(mean.aus)}", "", "", *_figures(mean), "")
    return table


def _figures(row: AUScore | Mean) -> tuple[str, ...]:
    values = (row.f1, row.f1_shown, row.f1_best, row.ece)
    return _share(row.auc), _between(row.auc_interval), *map(_share, values)


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _between(interval: Interval) -> str:
    low, high = interval
    return "" if math.isnan(low) else f"{low:.2f} {high:.2f}"
