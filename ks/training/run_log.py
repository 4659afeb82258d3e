"""The log of a run: means per epoch as JSON lines and in TensorBoard, and a progress bar."""

import json
import logging
import math
from pathlib import Path

import torch
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from torch import Tensor
from torch.utils.tensorboard.writer import SummaryWriter

from knowledge_spreader.console import stderr_console
from knowledge_spreader.method.algorithm import StepLoss

log = logging.getLogger(__name__)

Row = dict[str, float]


class EpochMeter:
    """Sums over the steps of an epoch, kept on the device so that logging does not synchronise it."""

    def __init__(self, sums: Row | None = None) -> None:
        self.sums: dict[str, Tensor | float] = dict(sums or {})

    def add(self, loss: StepLoss, frames: int, waited_s: float, step_s: float) -> None:
        """frames: pictures that went through branch B. waited_s: the part of step_s spent waiting for data."""
        values: dict[str, Tensor | float] = {
            "loss": loss.total.detach(),
            **loss.terms,
            **{f"n_{name}": x for name, x in loss.counts.items()},
        }
        values |= {"steps": 1.0, "frames": float(frames), "waited_s": waited_s, "seconds": step_s}
        for name, value in values.items():
            self.sums[name] = self.sums.get(name, 0.0) + value

    def totals(self) -> Row:
        """The sums as numbers; synchronises the device."""
        return {name: float(x) for name, x in self.sums.items()}

    @staticmethod
    def row(totals: Row) -> Row:
        """Means over the epoch: losses, frames/s, share of time waiting for data, accuracy of the pseudo labels.

        Ratios with denominator 0, e.g. the accuracy of dropped labels if none was dropped, are left out.
        """
        steps = totals["steps"]
        apart = {"steps", "frames", "waited_s", "seconds"}
        row = {name: x / steps for name, x in totals.items() if name not in apart and not name.startswith("n_")}
        row |= {"steps": steps, "seconds": totals["seconds"], "frames_per_s": totals["frames"] / totals["seconds"]}
        row["data_wait_share"] = totals["waited_s"] / totals["seconds"]
        ratios = {
            "pseudo_accuracy_kept": ("n_kept_right", "n_kept_known"),
            "pseudo_accuracy_dropped": ("n_dropped_right", "n_dropped_known"),
            "order_caught_share": ("n_shuffled_caught", "n_clips"),
        }
        row |= {name: totals[a] / totals[b] for name, (a, b) in ratios.items() if a in totals and totals[b]}
        if totals.get("n_clips"):
            row["pseudo_dropped_share"] = 1 - totals["n_kept"] / totals["n_clips"]
        return row


class RunLog:
    """Context manager of log.jsonl, tb/ and the progress bar; only the first process writes.

    A resumed run keeps the rows of finished epochs.
    """

    def __init__(self, out: Path, epochs_done: int, writes: bool, progress: bool, epochs: int, steps: int) -> None:
        self.path, self.writes = out / "log.jsonl", writes
        self.rows: list[Row] = []
        if epochs_done and self.path.exists():
            lines = self.path.read_text().splitlines()[:epochs_done]
            self.rows = [{k: math.nan if v is None else v for k, v in json.loads(line).items()} for line in lines]
        self.board: SummaryWriter | None = None
        self.epochs, self.steps = epochs, steps
        self.bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("steps"),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=stderr_console(),
            disable=not progress,
        )
        self.task = self.bar.add_task("starting", total=epochs * steps, completed=epochs_done * steps)
        self.epochs_done = epochs_done

    def __enter__(self) -> "RunLog":
        if self.writes:
            self.path.write_text("".join(map(_line, self.rows)))
            self.board = SummaryWriter(str(self.path.parent / "tb"), purge_step=self.epochs_done + 1)
        self.bar.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self.bar.stop()
        if self.board:
            self.board.close()

    def advance(self, steps_done: int) -> None:
        """Call it after each step."""
        epoch = min(self.epochs, (steps_done - 1) // self.steps + 1)
        f1 = next((row["selection_f1"] for row in reversed(self.rows) if "selection_f1" in row), math.nan)
        shown = "" if math.isnan(f1) else f"  F1 {100 * f1:.1f}"
        self.bar.update(self.task, completed=steps_done, description=f"epoch {epoch}/{self.epochs}{shown}")

    def write(self, row: Row) -> None:
        """Call it at the end of each epoch."""
        self.rows.append(row)
        if not self.writes:
            return
        with self.path.open("a") as file:
            file.write(_line(row))
        assert self.board is not None
        for name, value in row.items():
            if name != "epoch":
                self.board.add_scalar(name, value, int(row["epoch"]))
        shown = (
            "loss",
            "selection_f1",
            "pseudo_dropped_share",
            "pseudo_accuracy_kept",
            "frames_per_s",
            "data_wait_share",
        )
        log.info("epoch %d: %s", row["epoch"], ", ".join(f"{k} {row[k]:.4g}" for k in shown if k in row))


def _line(row: Row) -> str:
    return json.dumps({k: None if math.isnan(v) else v for k, v in row.items()}) + "\n"


def mean_over_processes(totals: Row, device: torch.device) -> Row:
    """Adds the sums of all processes; divides by their number, except counts (n_*) and frames."""
    world = torch.distributed.get_world_size()
    names = sorted(totals)
    values = torch.tensor([totals[name] for name in names], dtype=torch.float64, device=device)
    torch.distributed.all_reduce(values)
    summed = dict(zip(names, values.tolist(), strict=True))
    return {name: x if name.startswith("n_") or name == "frames" else x / world for name, x in summed.items()}
