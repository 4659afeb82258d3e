"""Prints all scores on real faces as one table, and a few lines that it cannot hold."""

import math
from collections.abc import Mapping, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.real_faces.answers import Run
from knowledge_spreader.benchmarks.real_faces.blendshapes import BLIND, CUT
from knowledge_spreader.benchmarks.real_faces.bootstrap import Interval
from knowledge_spreader.benchmarks.real_faces.judge import (
    ALL,
    MEDIAPIPE,
    MODEL,
    SMALL_PX,
    TURNED_DEG,
    TWELVE,
    Coverage,
    Judged,
)
from knowledge_spreader.benchmarks.real_faces.portrait_scores import OF_A_SMILE, PortraitScores
from knowledge_spreader.benchmarks.real_faces.portraits import Portraits
from knowledge_spreader.benchmarks.real_faces.scores import MIN_EVIDENCE, AUScore, Mean
from knowledge_spreader.spec import au_label

WIDE = 140  # characters
_CODED = ("present", "absent", "AUC", "\\[95 %]", "F1", "best", "alarms")
_AT_REST = ("at rest", "\\[95 %]")
_THEIRS = (f"{MEDIAPIPE}\nAUC", "F1")
_LEGEND = (
    f"-: fewer than {MIN_EVIDENCE} faces show the AU, or lack it. [95 %]: bootstrap over people. F1: at the "
    "threshold; best: at the threshold that is best on these same faces, an upper bound. alarms: share of the coded "
    "faces without the AU that reach the threshold; at rest: of the portraits at rest. Means: AUC and F1 over the AUs "
    "with evidence, whose number is given; alarms over all."
)


def print_table(run: Run, judged: Judged, portraits: Portraits | None, console: Console) -> None:
    """The table, then portraits, coverage and what the columns mean."""
    console.width = max(console.width, WIDE)  # a narrower terminal wraps the lines; rich would cut digits off
    console.print(_table(run, judged))
    lines = _coverage_lines(judged.coverage) if judged.coverage.faces else []
    lines += _portrait_lines(judged.portraits, portraits) if portraits else []
    if judged.left_out:
        lines.append(f"Coded, but not predicted by this model: {', '.join(map(au_label, judged.left_out))}; left out.")
    lines.append(_LEGEND)
    if MEDIAPIPE in judged.scores:
        lines.append(
            f"{MEDIAPIPE}: threshold {CUT}; *: its value stays near 0, or there is none. Both are scored on the coded "
            "faces that both answered."
        )
    for line in lines:
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _table(run: Run, judged: Judged) -> Table:
    beside, shown = MEDIAPIPE in judged.scores, bool(judged.portraits)
    table = Table(title=f"{run.model} ({run.note})" if run.note else run.model, title_justify="left", box=SIMPLE_HEAD)
    table.add_column("AU", overflow="fold")
    columns = (*_CODED, *(_AT_REST if shown else ()), *(_THEIRS if beside else ()))
    for column in (*columns, *(_AT_REST[:1] if beside and shown else ())):
        table.add_column(column, justify="right", no_wrap=True)
    for u, row in enumerate(judged.scores[MODEL].aus):
        if shown or row.present + row.absent:
            table.add_row(au_label(row.au), str(row.present), str(row.absent), *_figures(row), *_beside(judged, u))
    table.add_section()
    for group in judged.scores[MODEL].means:
        means = {who: of.means[group] for who, of in judged.scores.items()}
        rests = {who: of.mean_at_rest[group] for who, of in judged.portraits.items()}
        at_rest = [_share(rests[MODEL]), ""] if shown else []
        theirs = [_share(rests[MEDIAPIPE])] if MEDIAPIPE in rests else []
        table.add_row(*_mean_cells(group, means, at_rest), *theirs)
    table.add_section()
    for one in judged.sets if len(judged.sets) > 1 else ():
        for group in (ALL, TWELVE):
            means = {who: of[group] for who, of in one.means.items()}
            table.add_row(*_mean_cells(f"{one.name}, {group}", means, ["", ""] if shown else []))
    return table


def _beside(judged: Judged, u: int) -> list[str]:
    """Of the u-th AU: the model on portraits, and MediaPipe."""
    ours, theirs = judged.portraits.get(MODEL), judged.portraits.get(MEDIAPIPE)
    cells = [_share(ours.aus[u].at_rest), _between(ours.aus[u].at_rest_interval)] if ours else []
    if MEDIAPIPE in judged.scores:
        row = judged.scores[MEDIAPIPE].aus[u]
        cells += [_share(row.auc) + ("*" if row.au in BLIND and not math.isnan(row.auc) else ""), _share(row.f1)]
    return [*cells, _share(theirs.aus[u].at_rest)] if theirs else cells


def _mean_cells(name: str, means: Mapping[str, Mean], at_rest: Sequence[str]) -> list[str]:
    cells = [f"{name}: {len(means[MODEL].aus)}", "", "", *_figures(means[MODEL]), *at_rest]
    return [*cells, _share(means[MEDIAPIPE].auc), _share(means[MEDIAPIPE].f1)] if MEDIAPIPE in means else cells


def _coverage_lines(coverage: Coverage) -> list[str]:
    told = ", ".join(f"{count} {reason}" for reason, count in coverage.no_answer.items()) or "none"
    lines = [
        f"Coverage: {coverage.answered} of {coverage.faces} coded faces have an answer "
        f"({_percent(coverage.answered / coverage.faces)}); without one: {told}."
    ]
    for name, group in coverage.groups.items():
        if name == "all":
            continue
        if group.answered:
            auc = f"mean AUC {_share(group.mean.auc)} [{_between(group.mean.auc_interval)}]"
            auc = f"; {auc} over {len(group.mean.aus)} AUs" if group.mean.aus else "; too few for an AUC"
        else:
            auc = ""
        lines.append(f"  {name}: {group.faces} faces, {group.answered} with an answer{auc}")
    lines.append(f"  small: narrower than {SMALL_PX:g} px; turned: by more than {TURNED_DEG:g} degrees.")
    return lines


def _portrait_lines(scores: Mapping[str, PortraitScores], portraits: Portraits) -> list[str]:
    pictures = portraits.pictures
    smiles = sum(picture.smiles for picture in pictures)
    people = len({picture.person for picture in pictures})
    lines = [f"Portraits: {len(pictures) - smiles} at rest and {smiles} smiles of {people} people ({portraits.name})."]
    for who, of in scores.items():
        rows = {row.au: row for row in of.aus}
        parts = [f"{_percent(of.no_answer)} without an answer"]
        if smiles:
            shares = [f"{au_label(au)} {_percent(rows[au].smiles)}" for au in OF_A_SMILE if au in rows]
            parts.append(f"smiles with {', '.join(shares)}")
            if 12 in rows:
                auc, between = _share(rows[12].auc_smile), _between(rows[12].auc_smile_interval)
                parts.append(f"AUC of smile against rest by AU12 {auc} [{between}]")
        lines.append(f"  {who}: " + "; ".join(parts) + ".")
    return lines


def _figures(row: AUScore | Mean) -> tuple[str, ...]:
    return _share(row.auc), _between(row.auc_interval), *map(_share, (row.f1, row.f1_best, row.false_alarms))


def _share(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.3f}"


def _percent(share: float) -> str:
    return "-" if math.isnan(share) else f"{100 * share:.1f} %"


def _between(interval: Interval) -> str:
    low, high = interval
    return "" if math.isnan(low) else f"{low:.2f} {high:.2f}"
