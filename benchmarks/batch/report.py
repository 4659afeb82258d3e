"""The figures of ks-bench batch as a table."""

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.provenance import Row

_WIDE = 100


def print_batch(result: Row, console: Console) -> None:
    """A row for each way and round, and a line for the ratio."""
    console.width = max(console.width, _WIDE)
    of = result["settings"]
    title = f"ks-batch, {of['clips']} clips of {of['clip_s']:g} s ({of['frames']} frames)"
    table = Table(title=title, title_justify="left", box=SIMPLE_HEAD)
    for column in ("", "all, s", "clips a minute", "steady", "x real time", "MB a worker", "MB in all"):
        table.add_column(column, justify="right" if column else "left")
    for row in result["rows"]:
        way = f"{row['workers']} x {row['threads']} thread{'s' * (row['threads'] > 1)}{' on Ray' * row['ray']}"
        names = ("seconds", "clips_per_minute", "steady_clips_per_minute", "steady_times_real_time")
        cells = [_told(row[name], 1) for name in names] + [_told(row[name], 0) for name in ("worker_mb", "all_mb")]
        table.add_row(way, *cells)
    console.print(table)
    for where, name in (("", "two_workers_by_one"), (" on Ray", "two_workers_by_one_on_ray")):
        if result[name] is not None:
            console.print(f"Two workers by one{where}: {result[name]:.2f} times as fast.", highlight=False)


def _told(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
