"""Compares two results of ks-bench row by row: B divided by A."""

from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.speed.timing import COV_LIMIT

KEY = ("backend", "precision", "batch", "what")
MACHINE = ("cpu", "cores", "gpu", "system", "versions")
CHANGES = ("skipped",)  # flags that may differ while rows stay comparable


@dataclass(frozen=True, slots=True)
class Change:
    """One row that both results have. Latency ratios below 1: B is faster."""

    key: tuple[str, str, int, str]
    before_p50_ms: float
    after_p50_ms: float
    p99: float
    per_s: float  # throughput; above 1: B is faster
    steady: bool  # both coefficients of variation are low, so that small changes mean something

    @property
    def p50(self) -> float:
        return self.after_p50_ms / self.before_p50_ms


def compare(before: Row, after: Row) -> tuple[list[Change], list[str]]:
    """The rows that both results have, in B's order, and notes on what makes the comparison doubtful."""
    old = {tuple(row[name] for name in KEY): row for row in before["rows"]}
    changes = []
    for row in after["rows"]:
        was = old.pop(tuple(row[name] for name in KEY), None)
        if was is not None:
            changes.append(
                Change(
                    (row["backend"], row["precision"], row["batch"], row["what"]),
                    was["p50_ms"],
                    row["p50_ms"],
                    row["p99_ms"] / was["p99_ms"],
                    row["per_s"] / was["per_s"],
                    max(row["cov"], was["cov"]) <= COV_LIMIT,
                )
            )
    told = differences(before, after)
    if old:
        told.append(f"{len(old)} rows of A are not in B")
    if extra := len(after["rows"]) - len(changes):
        told.append(f"{extra} rows of B are not in A")
    return changes, told


def differences(before: Row, after: Row) -> list[str]:
    """Notes on machine, weights and flags that differ."""
    told = [
        f"another machine: {name} {before['machine'].get(name)} -> {after['machine'].get(name)}"
        for name in MACHINE
        if before["machine"].get(name) != after["machine"].get(name)
    ]
    if before["weights"] != after["weights"]:
        told.append(f"other weights: {before['weights']} -> {after['weights']}")
    names = dict.fromkeys([*before["flags"], *after["flags"]])
    told += [
        f"another flag: {name} {before['flags'].get(name)} -> {after['flags'].get(name)}"
        for name in names
        if name not in CHANGES and before["flags"].get(name) != after["flags"].get(name)
    ]
    return told


def print_changes(changes: list[Change], told: list[str], console: Console) -> None:
    table = Table(title="B / A: latency below 1 and faces/s above 1 are better", box=box.SIMPLE_HEAD)
    for name in ("engine", "batch", "what", "A p50 ms", "B p50 ms", "p50", "p99", "faces/s", ""):
        table.add_column(name, justify="left" if name in ("engine", "what", "") else "right", no_wrap=True)
    for change in changes:
        backend, precision, batch, what = change.key
        figures = (f"{value:.2f}" for value in (change.p50, change.p99, change.per_s))
        times = (f"{value:.3f}" for value in (change.before_p50_ms, change.after_p50_ms))
        table.add_row(f"{backend} {precision}", str(batch), what, *times, *figures, "" if change.steady else "unsteady")
    console.print(table)
    for text in told:
        console.print(f"warning: {text}", highlight=False, markup=False)
