"""Writes the paper's tables in Markdown from a study, with the paper's numbers beside ours."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from knowledge_spreader.benchmarks.label_budget.cells import Cell, Study, differences, is_plain
from knowledge_spreader.benchmarks.label_budget.plan import ABLATIONS, NONE
from knowledge_spreader.errors import KSError, one_line
from knowledge_spreader.evaluation.paper_results import (
    ABLATION_ROWS,
    METHOD_NAMES,
    PAPER_NAMES,
    published_ablation,
    published_f1,
    published_pseudo_accuracy,
)
from knowledge_spreader.evaluation.report_tables import MISSING

VALUES = {  # value of a row -> text after the data set's name in the heading
    "f1_mean": "",
    "f1_best_mean": ", F1 at the best cut on the test frames (a bound, not a result)",
    "auc": ", AUC",
    "auc_branch_a": ", AUC of branch A alone",
    "auc_branch_b": ", AUC of branch B alone",
}
METHODS = ("supervised", "pseudo-label", "fixmatch", "tcl", "ks")  # in the order of the columns


def make_tables(study: Study, out: Path) -> dict[Path, str]:
    """The texts of table1.md, table3.md, table4.md, figure5.md and figure8.md, where there are runs.

    Raises KSError if another file has such a name.
    """
    counterpart = "".join(_methods_table(study, ("supervised", "ks"), value) for value in VALUES)
    methods = "".join(_methods_table(study, METHODS, value) for value in VALUES)
    ablations = "".join(_ablation_table(study, value) for value in VALUES)
    tables = {
        "table1": ("F1 by share of labels: KS and its supervised counterpart (table 1)", counterpart),
        "table3": ("F1 without parts of KS (table 3)", ablations + _accuracy_table(study)),
        "table4": ("F1 by share of labels and method (table 4)", methods),
        "figure5": ("F1 with labels spread over the video or in one run (figure 5)", _schemes_table(study)),
        "figure8": ("F1 by number of frames in a clip (figure 8)", _lengths_table(study)),
    }
    texts = {
        out / f"{name}.md": f"# {title}\n\n{_legend(study)}{body}{_origin(study)}"
        for name, (title, body) in tables.items()
        if body
    }
    for path, text in texts.items():
        _check(path, text)
    return texts


def write_tables(texts: Mapping[Path, str]) -> list[Path]:
    """Raises KSError."""
    for path, text in texts.items():
        _write(path, text)
    return list(texts)


def _check(path: Path, text: str) -> None:
    """Raises KSError if a file is there that is no earlier table of this title, so that it would be lost."""
    if not path.exists() and not path.is_symlink():
        return
    try:
        with path.open("rb") as file:
            start = file.read(1 << 10)
    except OSError as exc:
        raise KSError(f"cannot write {path}: {one_line(exc)}; choose another --out") from exc
    if start and start.splitlines()[0] != text.splitlines()[0].encode():
        raise KSError(f"{path} exists and is no such table of ks-study; choose another --out, or remove that file")


def _methods_table(study: Study, methods: Sequence[str], value: str) -> str:
    cells = study.cells(value)

    def section(data: str) -> str:
        paper = study.paper_data(data) if value == "f1_mean" else ""
        at = {(p.method, p.share): cell for p, cell in cells.items() if is_plain(p, data, study.n_frames)}
        shown = [m for m in methods if any(method == m for method, _ in at) or published_anything(paper, m)]
        head, rows = ["labels"], []
        for method in shown:
            head.append(METHOD_NAMES[method])
            head += [f"paper: {PAPER_NAMES[method]}"] if published_anything(paper, method) else []
        for share in sorted({share for method, share in at if method in methods}):
            row = [percent_of(share)]
            for method in shown:
                row.append(_ours(at.get((method, share))))
                row += [_theirs(published_f1(paper, method, share))] if published_anything(paper, method) else []
            rows.append(row)
        return _table(head, rows) if rows else ""

    return _sections(study, section, VALUES[value])


def _ablation_table(study: Study, value: str) -> str:
    cells = study.cells(value)

    def section(data: str) -> str:
        paper = study.paper_data(data) if value == "f1_mean" else ""
        at = {
            (p.ablation, p.share): cell
            for p, cell in cells.items()
            if p.method == "ks" and is_plain(p._replace(ablation=NONE), data, study.n_frames)
        }
        shares = sorted({share for ablation, share in at if ablation != NONE})
        head, rows = ["variant", "in the paper"], []
        for share in shares:
            head += [f"{percent_of(share)}", "change", "paper"]
        for ablation in ABLATIONS:
            row = ["KS" if ablation == NONE else ablation, ABLATION_ROWS.get(ablation, MISSING)]
            for share in shares:
                ours, whole = at.get((ablation, share)), at.get((NONE, share))
                change = f"{100 * (ours.mean - whole.mean):+.1f}" if ours and whole and ablation != NONE else MISSING
                row += [_ours(ours), change, _theirs(published_ablation(paper, ablation, share))]
            if ablation in ABLATION_ROWS or any(name == ablation for name, _ in at):
                rows.append(row)
        return _table(head, rows) if shares else ""

    return _sections(study, section, VALUES[value])


def _accuracy_table(study: Study) -> str:
    """Section 4.5: how often the pseudo labels that the gate keeps, and those that it drops, are right."""
    kept, dropped, share_dropped = (
        study.cells(name) for name in ("pseudo_accuracy_kept", "pseudo_accuracy_dropped", "pseudo_dropped_share")
    )
    rows = [
        [
            p.data,
            "with the gate" if p.ablation == NONE else "without (no-tpl)",
            percent_of(p.share),
            _ours(kept[p]),
            _ours(dropped.get(p)),
            _ours(share_dropped.get(p)),
            _theirs(published_pseudo_accuracy(study.paper_data(p.data), p.ablation, p.share), 2),
        ]
        for p in sorted(kept, key=lambda p: (p.data, p.share, p.ablation))
        if p.method == "ks"
        and p.ablation in (NONE, "no-tpl")
        and is_plain(p._replace(ablation=NONE), p.data, study.n_frames)
    ]
    head = ["data", "gate (TPL)", "labels", "kept: right", "dropped: right", "dropped clips", "paper: kept, right"]
    return f"\n## Pseudo labels in the last epoch, %\n\n{_table(head, rows)}" if rows else ""


def _schemes_table(study: Study) -> str:
    cells = study.cells()

    def section(data: str) -> str:
        at = {
            (p.scheme, p.share): cell
            for p, cell in cells.items()
            if p.method == "ks" and is_plain(p._replace(scheme="sparse"), data, study.n_frames)
        }
        rows = []
        for share in sorted({share for scheme, share in at if scheme == "consecutive"}):
            sparse, run = at.get(("sparse", share)), at.get(("consecutive", share))
            gain = f"{100 * (sparse.mean - run.mean):+.1f}" if sparse and run else MISSING
            rows.append([percent_of(share), _ours(sparse), _ours(run), gain])
        return _table(["labels", "every k-th frame", "one run per video", "gain"], rows) if rows else ""

    return _sections(study, section)


def _lengths_table(study: Study) -> str:
    cells = study.cells()

    def section(data: str) -> str:
        at = {
            (p.n_frames, p.share): cell
            for p, cell in cells.items()
            if p.method == "ks" and is_plain(p, data, p.n_frames)
        }
        lengths_of = {share: {n for n, s in at if s == share} for _, share in at}
        shares = sorted(share for share, lengths in lengths_of.items() if len(lengths) > 1)
        lengths = sorted({n for n, share in at if share in shares})
        rows = [[str(n), *(_ours(at.get((n, share))) for share in shares)] for n in lengths]
        return _table(["frames", *map(percent_of, shares)], rows) if shares else ""

    return _sections(study, section)


def published_anything(data: str, method: str) -> bool:
    """Whether the paper has numbers for this method on this data set."""
    return published_f1(data, method, 1.0) is not None


def percent_of(share: float) -> str:
    """0.015 -> '1.5 %'."""
    return f"{share * 100:.4g} %"


def _sections(study: Study, section: Callable[[str], str], of_what: str = "") -> str:
    bodies = [(data, section(data)) for data in study.data_sets]
    return "".join(f"\n## {data}{of_what}\n\n{body}" for data, body in bodies if body)


def _ours(cell: Cell | None) -> str:
    return MISSING if cell is None else str(cell)


def _theirs(percent: float | None, digits: int = 1) -> str:
    return MISSING if percent is None else f"{percent:.{digits}f}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _legend(study: Study) -> str:
    parts = [
        "F1 in %, threshold 0.5, and AUC in %, mean over AUs and folds; ± is the standard deviation over seeds, in"
        f" brackets the number of runs. {MISSING} stands where there is no run, or no number in the paper.",
        f"Clips have {study.n_frames} frames where nothing else is said.",
    ]
    parts += [f"Folds of {data}: {', '.join(map(str, study.folds(data)))}." for data in study.data_sets]
    parts.append(f"Epochs selected on: {study.selection}.")
    if left := study.incomplete():
        parts.append(f"Not counted: {left} runs whose seed lacks a fold.")
    return "\n".join(parts) + "\n"


def _origin(study: Study) -> str:
    """Machines and commits of the runs, and settings in which the methods differ."""
    machines = sorted({row["machine"]["gpu"] or row["machine"]["cpu"] for row in study.rows})
    lines = [f"- {len(study.rows)} runs on {', '.join(machines)}"]
    lines.append(f"- commit {', '.join(sorted({str(row['commit'] or 'unknown') for row in study.rows}))}")
    for data in study.data_sets:
        rows = [row for row in study.rows if row["data"] == data]
        for name, values in differences(rows).items():
            lines.append(f"- {data}: the methods differ in {name}: {', '.join(values)}")
    return "\n" + "\n".join(lines) + "\n"


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as exc:
        raise KSError(f"cannot write {path}: {one_line(exc)}; choose another --out") from exc
