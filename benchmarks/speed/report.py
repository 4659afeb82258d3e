"""Shows a result of ks-bench engine: tables and warnings on the terminal, and a PNG."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.console import Console
from rich.table import Table

from knowledge_spreader import files
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.speed.engine_worker import STAGES
from knowledge_spreader.benchmarks.speed.timing import COV_LIMIT
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.figure_style import BLACK, BLUE, GREEN, PURPLE, VERMILION, new_figure, save, tidy

if TYPE_CHECKING:
    from matplotlib.axes import Axes

NEEDED = ("machine", "commit", "weights", "flags", "rows")
NEEDED_IN_ROW = ("backend", "precision", "batch", "what", "p50_ms", "p95_ms", "p99_ms", "cov", "per_s")
COLOURS = {"openvino": BLUE, "onnxruntime": VERMILION, "torch": BLACK, "torch-cuda": PURPLE, "tensorrt": GREEN}
LINES = {"fp32": ("-", "o"), "bf16": ("--", "s"), "fp16": ("--", "D"), "int8": (":", "^")}


def engine_name(row: Row) -> str:
    return f"{row['backend']} {row['precision']}"


def read_json(path: Path) -> Row:
    """A result from its JSON file. Raises DataError if the file is not one."""
    result = files.read_json(path, "ks-bench engine")
    if any(name not in result for name in NEEDED) or not _are_rows(result["rows"]):
        raise DataError(
            f"{path} is not a result of ks-bench engine, which has {', '.join(NEEDED)}; give a file of its --json"
        )
    return result


def _are_rows(rows: Any) -> bool:
    return isinstance(rows, list) and all(
        isinstance(row, dict) and all(name in row for name in NEEDED_IN_ROW) for row in rows
    )


def print_result(result: Row, console: Console) -> None:
    """Prints the table, then findings and warnings, one line each."""
    flags, where = result["flags"], result["machine"]
    size = f"{flags['backbone']} {flags['side_px']} px, N = {flags['n_frames']}, weights {result['weights']}"
    table = Table(title=f"{size}; {where['gpu'] or where['cpu']}, {flags['threads']} CPU threads", box=box.SIMPLE_HEAD)
    table.padding = 0
    for name in ("engine", "batch", "what", "p50 ms", "p95", "p99", "CoV %", "faces/s", "x ORT", "roof %", "MB"):
        table.add_column(name, justify="left" if name in ("engine", "what") else "right", no_wrap=True)
    before = ""
    for row in result["rows"]:
        name = engine_name(row)
        if before and name != before:
            table.add_section()
        table.add_row(name if name != before else "", *_cells(row))
        before = name
    console.print(table)
    if staged := [row for row in result["rows"] if _staged(row)]:
        console.print(_stage_table(staged))
    for line in (*findings(result), *(f"warning: {text}" for text in warnings(result))):
        console.print(line, highlight=False, markup=False)


def _cells(row: Row) -> list[str]:
    roof, ratio, memory = row.get("roof_share"), row.get("to_ort_fp32"), row.get("gpu_mb") or row.get("rss_mb")
    return [
        str(row["batch"]),
        row["what"],
        *(_ms(row[name]) for name in ("p50_ms", "p95_ms", "p99_ms")),
        f"{100 * row['cov']:.1f}",
        f"{row['per_s']:.0f}" if row["per_s"] >= 100 else f"{row['per_s']:.1f}",
        "-" if ratio is None else f"{ratio:.2f}",
        "-" if roof is None else f"{100 * roof:.0f}",
        "-" if memory is None else f"{memory:.0f}",
    ]


def _staged(row: Row) -> bool:
    return all(row.get(name) is not None for name in STAGES)


def _stage_table(rows: Sequence[Row]) -> Table:
    """Times of copying and computing on a GPU."""
    table = Table(title="On the GPU, launched without a CUDA graph (medians)", box=box.SIMPLE_HEAD)
    for name in ("engine", "batch", "what", "H2D ms", "compute ms", "D2H ms"):
        table.add_column(name, justify="left" if name in ("engine", "what") else "right", no_wrap=True)
    for row in rows:
        table.add_row(engine_name(row), str(row["batch"]), row["what"], *(_ms(row[name]) for name in STAGES))
    return table


def _ms(value: float) -> str:
    return f"{value:.3f}" if value < 10 else f"{value:.1f}"


def findings(result: Row) -> list[str]:
    """Lines on cached against whole clips, memory, int8, the roof, and what was left out."""
    lines = []
    for row in result["rows"]:
        if row["what"] == "whole_clip" and row.get("to_frame"):
            lines.append(
                f"{engine_name(row)}, batch {row['batch']}: cached features are {row['to_frame']:.2f} times as fast "
                f"as the whole clip ({row['naive']})"
            )
    lines += [f"peak memory of {name}: {text}" for name, text in memory(result["rows"]).items()]
    if result["flags"].get("int8"):
        lines.append(f"int8 was quantised with {result['flags']['int8']}")
    peaks = result["machine"].get("peaks", {}).values()
    lines += [f"roof: {p['gflop_per_s']:.0f} GFLOP/s ({p['of']}), {p['gb_per_s']:.0f} GB/s (copy)" for p in peaks]
    if any(row["precision"] == "int8" for row in result["rows"]):
        lines.append("int8 is compared with the roof of a wider precision, so it may exceed 100 %")
    return lines + [f"left out: {name}: {why}" for name, why in result["flags"].get("skipped", {}).items()]


def memory(rows: Sequence[Row]) -> dict[str, str]:
    """engine -> peak memory of its streaming process, at the smallest and at the largest batch."""
    told: dict[str, str] = {}
    for name in dict.fromkeys(map(engine_name, rows)):
        mine = [row for row in rows if engine_name(row) == name and row["what"] == "frame" and row.get("rss_mb")]
        parts = []
        for row in {row["batch"]: row for row in (mine[0], mine[-1])}.values() if mine else ():
            gpu = f" and {row['gpu_mb']:.0f} MB on the GPU" if row.get("gpu_mb") is not None else ""
            parts.append(f"{row['rss_mb']:.0f} MB{gpu} up to batch {row['batch']}")
        if parts:
            told[name] = ", ".join(parts)
    return told


def warnings(result: Row) -> list[str]:
    """Lines on figures that may mislead, in the manner of trtexec: unsteady times, and what bounds a GPU."""
    rows = result["rows"]
    told = []
    unsteady = [row for row in rows if row["cov"] > COV_LIMIT]
    if unsteady:
        worst = max(unsteady, key=lambda row: float(row["cov"]))
        told.append(
            f"the coefficient of variation is above {100 * COV_LIMIT:.1f} % in {len(unsteady)} of {len(rows)} rows "
            f"(highest: {100 * worst['cov']:.0f} %, {engine_name(worst)} {worst['what']} at batch {worst['batch']}): "
            "the machine was busy; trust p50 and the ratios within one run more than means"
        )
    for row in rows:
        if not _staged(row):
            continue
        name, copies = f"{engine_name(row)} {row['what']}, batch {row['batch']}", row["h2d_ms"] + row["d2h_ms"]
        on_host = row["p50_ms"] - copies - row["compute_ms"]
        if copies > row["compute_ms"]:
            told.append(f"{name} is bound by transfers: {_ms(copies)} ms of copies, {_ms(row['compute_ms'])} computing")
        if on_host > row["compute_ms"]:
            told.append(f"{name} is bound by the host: {_ms(on_host)} ms there, {_ms(row['compute_ms'])} computing")
    return told


def plot(result: Row, path: Path) -> None:
    """Draws latency by batch size, whole clip against one cached frame, and memory. Raises KSError."""
    figure = new_figure(13.0, 4.6)
    where, flags = result["machine"], result["flags"]
    figure.suptitle(
        f"{flags['backbone']}, {flags['side_px']} px, N = {flags['n_frames']}: {where['gpu'] or where['cpu']}, "
        f"{flags['threads']} CPU threads",
        fontsize=11,
    )
    by_batch, naive, memory_axes = figure.subplots(1, 3)
    _latency_lines(by_batch, result["rows"])
    _naive_bars(naive, result["rows"])
    _memory_bars(memory_axes, result["rows"])
    save(figure, path)


def _latency_lines(axes: "Axes", rows: Sequence[Row]) -> None:
    frames = [row for row in rows if row["what"] == "frame"]
    for name in dict.fromkeys(map(engine_name, frames)):
        mine = [row for row in frames if engine_name(row) == name]
        style, mark = LINES[mine[0]["precision"]]
        x = [row["batch"] for row in mine]
        middle = [row["p50_ms"] / row["batch"] for row in mine]
        axes.plot(x, middle, color=COLOURS[mine[0]["backend"]], linestyle=style, marker=mark, markersize=5, label=name)
    batches = sorted({row["batch"] for row in frames})
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_xticks(batches, [str(batch) for batch in batches])
    axes.minorticks_off()
    ticks = _round_ticks([row["p50_ms"] / row["batch"] for row in frames])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.set_xlabel("batch, faces")
    axes.set_ylabel("ms per face (p50)")
    axes.set_title("One new frame: encoder + head", loc="left", fontsize=10)
    axes.legend(fontsize=8, frameon=False)
    tidy(axes)


def _round_ticks(values: Sequence[float]) -> list[float]:
    """1, 2, 5, 10, ... around the values, so that a logarithmic axis always has labelled ticks."""
    steps = [base * 10.0**power for power in range(-4, 6) for base in (1, 2, 5)]
    low = max((step for step in steps if step <= min(values)), default=steps[0])
    high = min((step for step in steps if step >= max(values)), default=steps[-1])
    return [step for step in steps if low <= step <= high]


def _naive_bars(axes: "Axes", rows: Sequence[Row]) -> None:
    clips = {engine_name(row): row for row in reversed(rows) if row["what"] == "whole_clip" and row.get("to_frame")}
    last = dict(reversed(clips.items()))
    batch = f" at batch {next(iter(last.values()))['batch']}" if last else ""
    times = {name: row["to_frame"] for name, row in last.items()}
    _bars(axes, times, "{:.2f}", f"Whole clip over one cached frame{batch}", "times as long (p50)")


def _memory_bars(axes: "Axes", rows: Sequence[Row]) -> None:
    frames = [row for row in rows if row["what"] == "frame" and row.get("rss_mb") is not None]
    batch = f", up to batch {max(row['batch'] for row in frames)}" if frames else ""
    peaks = {engine_name(row): row["rss_mb"] for row in frames}
    _bars(axes, peaks, "{:.0f}", f"Peak memory of the process{batch}", "MB")


def _bars(axes: "Axes", values: Mapping[str, float], text: str, title: str, label: str) -> None:
    """One bar per engine, the first on top."""
    colours = [COLOURS[name.split()[0]] for name in values]
    drawn = axes.barh(list(values), list(values.values()), color=colours, height=0.6)
    axes.bar_label(drawn, [text.format(value) for value in values.values()], fontsize=8, padding=2)
    axes.invert_yaxis()
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(label)
    axes.set_xlim(0, 1.15 * max(values.values(), default=1.0))
    tidy(axes, "x")
