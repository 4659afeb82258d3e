"""The figures of ks-bench studio as a table."""

from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.studio.live import WARM_S

_WIDE = 100


def print_studio(result: Row, console: Console) -> None:
    """A table of durations, and a line for what has another unit."""
    console.width = max(console.width, _WIDE)
    live, timeline, stills, labels = (result[name] for name in ("live", "timeline", "stills", "labels"))
    table = Table(title="ks-studio over loopback, ms", title_justify="left", box=SIMPLE_HEAD)
    for column in ("", "p50", "p95", "max"):
        table.add_column(column, justify="right" if column else "left")
    durations = {
        "live: picture to page": live["studio"]["to_page_ms"],
        "live: picture to result": live["studio"]["to_result_ms"],
        "live: result to page": live["studio"]["result_to_page_ms"],
        "without a studio: picture to result": live["alone"]["to_result_ms"],
        f"long session of {result['memory']['minutes']:g} min: picture to page": result["memory"]["studio"][
            "to_page_ms"
        ],
        "timeline, kept": timeline["kept_ms"],
        "still at random": stills["random_ms"],
        "still, next": stills["next_ms"],
        "still, previous": stills["previous_ms"],
        f"{labels['labels_per_frame']} labels of a frame said, {labels['in_log']} in the log": labels["say_ms"],
        "undo": labels["undo_ms"],
        "state, asked each second": labels["state_ms"],
    }
    for name, ms in durations.items():
        table.add_row(name, *(f"{ms[key]:.1f}" if key in ms else "-" for key in ("p50", "p95", "max")))
    console.print(table)
    for line in _lines(result):
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def _lines(result: Row) -> list[str]:
    live, memory, timeline = result["live"], result["memory"], result["timeline"]
    page, bare, ratio = live["studio"], live["alone"], live["ratio"]
    return [
        f"Live, {live['recording']} at {live['fps_of_recording']:g} frames/s, {live['engine']}: {page['fps']:.1f} "
        f"pictures/s at the page, {100 * page['dropped_share']:.1f} % dropped, {page['kb_per_picture']:.0f} kB each. "
        f"Without it {bare['fps']:.1f}, {100 * bare['dropped_share']:.1f} %. The first {WARM_S:g} s do not count.",
        f"Studio by pipeline alone: frames/s {_told(ratio['fps'])}, to the page by to the result p50 "
        f"{_told(ratio['p50'])}, p95 {_told(ratio['p95'])}, CPU {_told(ratio['cores'])}.",
        f"Timeline of {timeline['frames']} frames ({timeline['duration_s']:.0f} s): {timeline['bytes'] / 1e6:.1f} MB; "
        f"opened for the first time in {timeline['first_ms']:.0f} ms.",
        f"Memory of all its processes: {_told(memory['start_mb'])} MB at the start, {_told(memory['end_mb'])} MB after "
        f"{memory['minutes']:g} min of live, {_told(memory['slope_mb_per_minute'])} MB a minute after its first "
        "quarter.",
    ]


def _told(value: Any) -> str:
    return "-" if value is None else f"{value:g}"
