"""The figures of ks-bench serve as a table."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.provenance import Row

_WIDE = 100


def print_serve(result: Row, console: Console) -> None:
    """A line for each number of streams, and one for each fault."""
    console.width = max(console.width, _WIDE)
    flags = result["flags"]
    engine = result["rows"][0]["engine"].partition(":")[0]
    title = f"ks-serve, {flags['format']} at {flags['fps']:g} fps per stream, {engine}"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for name in ("streams", "fps", "slowest", "p50 ms", "p95 ms", "p99 ms", "answered", "batch", "cores", "MB"):
        table.add_column(name, justify="right")
    for row in result["rows"]:
        latency = row["latency_ms"]
        table.add_row(
            str(row["streams"]),
            *(f"{row[name]:.1f}" for name in ("fps", "fps_slowest")),
            *(f"{latency[name]:.0f}" for name in ("p50", "p95", "p99")),
            f"{100 * row['answered_share']:.0f} %",
            *(_told(row[name]) for name in ("batch_mean", "cores", "rss_mb")),
        )
    console.print(table)
    for name, row in result.get("faults", {}).items():
        console.print(_line(name, row), soft_wrap=True, highlight=False, markup=False)


def _line(name: str, row: Row) -> str:
    before, after = row["before"], row["after"]
    told = ", ".join(f"{key} {_told(before[key])} -> {_told(after[key])}" for key in before)
    left = "" if row["all_places_free"] else "; places are not free again"
    return f"{name.replace('_', ' ')}: {told}; an innocent client then waits {row['answer_ms_after']:g} ms{left}"


def _told(value: float | None) -> str:
    return "-" if value is None else f"{value:g}"
