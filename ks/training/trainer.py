"""The trainer: the outer loops of algorithm 1, for KS and its baselines, with checkpoints, resume and selection."""

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel
from torch.utils.data import DataLoader

from knowledge_spreader.checkpoint import Checkpoint, load_checkpoint, load_weights, save_checkpoint
from knowledge_spreader.clips.chosen_data import check_labels, choose_data, spec_of
from knowledge_spreader.clips.frame_index import check_lengths
from knowledge_spreader.clips.label_budget import write_labels
from knowledge_spreader.clips.loader import ClipReader, to_device
from knowledge_spreader.clips.schedule import check_batch, make_schedule
from knowledge_spreader.clips.training_data import Material, load_material, selection_frames
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets.checks import class_weights
from knowledge_spreader.device import pick_device
from knowledge_spreader.errors import KSError
from knowledge_spreader.evaluation.predict import answer, probability
from knowledge_spreader.files import write_text
from knowledge_spreader.method.algorithm import StepLoss, ks_step
from knowledge_spreader.method.backbone import make_backbone, no_imagenet
from knowledge_spreader.method.baselines import fixmatch_step, frames_step, pseudo_label_step, supervised_step, tcl_step
from knowledge_spreader.method.batch import Batch
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.metrics import best_thresholds, confusion, mean_f1
from knowledge_spreader.spec import ModelSpec
from knowledge_spreader.training.distributed import asked_once, process_group, share_batch_statistics
from knowledge_spreader.training.init_choice import OpenStart, not_defaults, settled
from knowledge_spreader.training.optim import amp_dtype, learning_rate, make_optimizer
from knowledge_spreader.training.run_checks import check_run, check_same_settings
from knowledge_spreader.training.run_log import EpochMeter, RunLog, mean_over_processes
from knowledge_spreader.training.signals import hear_no_signal, stop_requested
from knowledge_spreader.training.warm_start import first_model

log = logging.getLogger(__name__)

METHOD_STEPS = {
    "ks": ks_step,
    "supervised": supervised_step,
    "pseudo-label": pseudo_label_step,
    "fixmatch": fixmatch_step,
    "tcl": tcl_step,
    "frames": frames_step,
}
OPTIMIZER_STATE = {  # key of the optimiser's state -> prefix of the tensor's name in a checkpoint
    "momentum_buffer": "optimizer.",
    "exp_avg": "adam-mean.",
    "exp_avg_sq": "adam-square.",
    "step": "adam-step.",
}
CHECKPOINT_EVERY_S = 600.0  # a killed run loses at most this time


@dataclass(frozen=True, slots=True, eq=False)
class RunSummary:
    """The result of a finished run."""

    best_path: Path
    best_epoch: int
    selection_f1: float  # nan without selection subjects
    epochs: list[dict[str, float]]  # the rows of log.jsonl


class Step(nn.Module):
    """A method's loss as a module, so that DistributedDataParallel can wrap the whole step."""

    weight: Tensor

    def __init__(self, model: KSModel, config: TrainConfig, weight: Tensor) -> None:
        super().__init__()
        self.model, self.config, self.loss = model, config, METHOD_STEPS[config.method]
        self.register_buffer("weight", weight)

    def forward(self, batch: Batch) -> StepLoss:
        return self.loss(self.model, batch, self.config, self.weight)


def train(
    config: TrainConfig,
    progress: bool = True,
    resume: bool = False,
    *,
    given: frozenset[str] | None = None,
    opens: OpenStart | None = None,
) -> RunSummary:
    """Trains one model; writes best.safetensors, last.safetensors, labels.csv, log.jsonl and tb/ to config.out.

    resume: continue from last.safetensors, to the same weights as an uninterrupted run. given: names of the settings
    that the user chose; None: those that differ from their defaults. The others may follow a compiled model that the
    run begins from. opens: opens such a model. Raises KSError.
    """
    given = not_defaults(config) if given is None else given
    device = pick_device(config.device)
    with process_group(device) as (rank, world):
        progress = progress and rank == 0
        if rank:
            logging.getLogger("knowledge_spreader").setLevel(logging.ERROR)  # only the first process logs
        config = check_run(config, resume, given, opens)
        check_batch(config, world)
        amp_dtype(config.amp, device)
        chosen = choose_data(config)
        check_labels(config, chosen)
        if not resume:  # fails on a missing download before hours of cropping
            config = settled(config, given, opens, asked_once(no_imagenet, world))
            check_lengths(chosen.data.videos, config.n_frames)
            if config.init == "imagenet":
                make_backbone(config.backbone, config.init)
        if rank:
            dist.barrier()  # the first process crops, the others wait for its crops
        material = load_material(config, progress, chosen)
        if world > 1 and not rank:
            dist.barrier()
        torch.manual_seed(config.seed)
        # a resumed run has the weights of last.safetensors, whatever it began from
        model = make_model(spec_of(config, material.data)) if resume else first_model(config, material, opens)
        return Trainer(config, material, model, (device, rank, world)).run(progress, resume)


class Trainer:
    """The state of a run: network, optimiser and number of finished steps. The rest follows from the config."""

    def __init__(
        self, config: TrainConfig, material: Material, model: KSModel, place: tuple[torch.device, int, int]
    ) -> None:
        """place: the device, the number of this process, and how many there are."""
        self.config, self.material = config, material
        self.device, self.rank, self.world = device, rank, world = place
        self.spec = spec_of(config, material.data)
        self.schedule = make_schedule(config, material, rank, world)
        self.selection = selection_frames(config, material)
        self.out = Path(config.out)
        self.model = model.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
        weight = class_weights(material.index.labels[self.schedule.labelled], aus=self.spec.aus, strict=True)
        step = Step(self.model, config, torch.from_numpy(weight).float()).to(device)
        if world > 1:
            share_batch_statistics(self.model, device)
            # before gate_from, students away from the key position have no loss
            self.step: nn.Module = DistributedDataParallel(step, find_unused_parameters=True)
        else:
            self.step = step
        self.optimizer = make_optimizer(config, self.model)
        self.amp_dtype = amp_dtype(config.amp, device)
        self.scaler = torch.amp.GradScaler(device.type, enabled=self.amp_dtype == torch.float16)
        self.steps_done = 0
        self.best_epoch, self.best_f1 = 0, -1.0
        self.meter = EpochMeter()

    def run(self, progress: bool, resume: bool) -> RunSummary:
        """All epochs, from the start or from last.safetensors."""
        epochs, per_epoch = self.config.epochs, self.schedule.steps_per_epoch
        if resume:
            self.load()
        if not self.rank:
            self.out.mkdir(parents=True, exist_ok=True)
            write_text(self.out / "config.json", self.config.to_json())  # first: it marks the folder as a run's
            write_text(self.out / "labels.csv", write_labels(self.material.labels))
        with (
            RunLog(self.out, self.steps_done // per_epoch, not self.rank, progress, epochs, per_epoch) as run_log,
            stop_requested(self.world) as stop,
        ):
            batches, saved_at = self.batches(epochs * per_epoch), time.monotonic()
            while self.steps_done < epochs * per_epoch:
                started = time.perf_counter()
                batch = next(batches)
                waited_s = time.perf_counter() - started
                loss = self.learn(batch)
                self.steps_done += 1
                self.meter.add(loss, self.frames_in(batch), waited_s, time.perf_counter() - started)
                run_log.advance(self.steps_done)
                if self.steps_done % per_epoch == 0:
                    run_log.write(self.end_epoch(self.steps_done // per_epoch))
                    self.meter = EpochMeter()
                due = self.steps_done % per_epoch == 0 or time.monotonic() - saved_at > CHECKPOINT_EVERY_S
                if due or stop.is_set():
                    self.save("last.safetensors", self.spec, with_optimizer=True)
                    saved_at = time.monotonic()
                if stop.is_set() and self.steps_done < epochs * per_epoch:
                    raise KeyboardInterrupt
            rows = run_log.rows
        f1 = self.best_f1 if self.best_f1 >= 0 else float("nan")
        return RunSummary(self.out / "best.safetensors", self.best_epoch, f1, rows)

    def batches(self, total: int) -> Iterator[Batch]:
        """The batches of all remaining steps, read ahead by worker processes."""
        reader = ClipReader(
            self.material.index,
            self.material.crops,
            self.schedule,
            self.spec.token_width,
            self.config.dropout,
            two_speeds=self.config.method == "tcl",
            strong=self.config.augmentation == "strong",
            noise_share=self.config.noise_share,
        )
        loader = DataLoader(
            reader,
            batch_size=None,
            sampler=range(self.steps_done, total),
            num_workers=self.config.workers,
            prefetch_factor=4 if self.config.workers else None,
            pin_memory=self.device.type == "cuda",
            worker_init_fn=hear_no_signal,
        )
        for batch in loader:
            yield to_device(batch, self.device)

    def learn(self, batch: Batch) -> StepLoss:
        """Algorithm 1, lines 3 to 22: the loss, its gradient, a step of the optimiser."""
        self.step.train()
        if self.config.frozen_epochs:
            epochs_done = self.steps_done // self.schedule.steps_per_epoch
            self.model.freeze_backbones(epochs_done < self.config.frozen_epochs)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate(self.config, self.steps_done / self.schedule.steps_per_epoch)
        with torch.autocast(self.device.type, self.amp_dtype, enabled=self.amp_dtype is not None):
            loss: StepLoss = self.step(batch)
        self.optimizer.zero_grad(set_to_none=True)
        self.scaler.scale(loss.total).backward()  # type: ignore[no-untyped-call]
        self.scaler.step(self.optimizer)
        self.scaler.update()
        return loss

    def frames_in(self, batch: Batch) -> int:
        """The number of pictures that went through branch B, in all processes."""
        clips = len(batch.labelled.pictures) + (len(batch.unlabelled.pictures) if batch.unlabelled else 0)
        return clips * self.schedule.n_frames * self.world

    def end_epoch(self, epoch: int) -> dict[str, float]:
        """The log row of an epoch; evaluates on the selection subjects and saves the best model."""
        totals = self.meter.totals()
        if not np.isfinite(totals["loss"]):
            raise KSError(
                f"the loss became {totals['loss']} in epoch {epoch}; lower --lr (last.safetensors is from before)"
            )
        if self.world > 1:
            totals = mean_over_processes(totals, self.device)
        row = {"epoch": float(epoch), "lr": self.optimizer.param_groups[0]["lr"], **EpochMeter.row(totals)}
        if epoch % self.config.eval_every == 0 or epoch == self.config.epochs:
            if not self.rank:
                row |= self.select(epoch)
            if self.world > 1:
                dist.barrier()
        return row

    def select(self, epoch: int) -> dict[str, float]:
        """F1 on the selection subjects. Saves the best model so far, with thresholds chosen on them."""
        which = self.selection
        if not len(which):
            self.best_epoch = epoch
            self.save("best.safetensors", self.spec)
            return {}
        labels = self.material.index.labels[which]
        answers = answer(self.model, self.material, which, self.device, live_only=True)
        scores = probability(answers.o_a if self.config.method == "frames" else answers.output[0])
        score = mean_f1(confusion(scores, labels, np.full(len(self.spec.aus), 0.5)))
        if score > self.best_f1:
            self.best_f1, self.best_epoch = score, epoch
            thresholds = tuple(float(t) for t in best_thresholds(scores, labels))
            self.save("best.safetensors", replace(self.spec, thresholds=thresholds))
        return {"selection_f1": score, "selection_frames": float(len(which))}

    def save(self, name: str, spec: ModelSpec, with_optimizer: bool = False) -> None:
        """Writes a checkpoint, in the first process only. A run can resume from one with the optimiser."""
        if self.rank:
            return
        tensors = {f"model.{k}": x for k, x in self.model.state_dict().items()}
        metrics: dict[str, Any] = {
            "steps_done": self.steps_done,
            "epoch": self.steps_done // self.schedule.steps_per_epoch,
            "best_epoch": self.best_epoch,
            "best_f1": self.best_f1,
            "selection": self.material.split.protocol,
        }
        if with_optimizer:
            names = {id(p): k for k, p in self.model.named_parameters()}
            state = self.optimizer.state
            tensors |= {
                f"{OPTIMIZER_STATE[key]}{names[id(p)]}": value
                for p, s in state.items()
                for key, value in s.items()
                if value is not None
            }
            metrics |= {"meter": self.meter.totals(), "scaler": self.scaler.state_dict()}
        save_checkpoint(
            self.out / name, Checkpoint(spec, self.config, tensors, metrics, write_labels(self.material.labels))
        )

    def load(self) -> None:
        """Restores the state from last.safetensors. Raises ModelError, or KSError if its settings or labels differ."""
        path = self.out / "last.safetensors"
        saved = load_checkpoint(path)
        check_same_settings(self.config, saved.config, path)
        if saved.labels != write_labels(self.material.labels):
            raise KSError(
                f"{path} was trained on other labels than those of {self.config.root} now; "
                "use the same data, or choose another --out"
            )
        load_weights(self.model, saved.part("model."), path)
        for key, prefix in OPTIMIZER_STATE.items():
            kept = saved.part(prefix)
            for name, parameter in self.model.named_parameters():
                if name in kept:
                    where = "cpu" if key == "step" else parameter.device
                    self.optimizer.state[parameter][key] = kept[name].to(where)
        self.steps_done = int(saved.metrics["steps_done"])
        self.best_epoch, self.best_f1 = int(saved.metrics["best_epoch"]), float(saved.metrics["best_f1"])
        self.scaler.load_state_dict(saved.metrics["scaler"])
        self.meter = EpochMeter(saved.metrics["meter"])
