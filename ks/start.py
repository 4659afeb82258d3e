"""How a run begins and is told to stop: its clips, first weights, number format, and signals."""

import logging
import math
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ks.batches import Schedule
from ks.checkpoint import load_checkpoint, load_weights
from ks.clips import I64
from ks.config import TrainConfig
from ks.errors import DataError, KSError, ModelError
from ks.material import Material
from ks.model import KSModel, make_model
from ks.spec import CHOSEN_LATER, ModelSpec

log = logging.getLogger(__name__)

NOT_OF_WEIGHTS = (*CHOSEN_LATER, "fps", "crop_version")  # fields that say nothing about the weights
HEADS = {  # part of a KSModel -> fields that change its shape or meaning; backbones fit all
    "spatial_teacher": ("aus", "correlation", "spatial_pooling"),
    "pool_b": ("aus", "frame_pooling"),
    "spatial_students": ("aus", "frame_pooling"),
    "temporal_teacher": ("aus", "correlation", "frame_pooling", "mark_key"),
}


def make_schedule(config: TrainConfig, material: Material, rank: int, world: int) -> Schedule:
    """Which frames of the training subjects are clips with a label, and which without.

    Raises DataError when nothing is labelled, KSError when a batch cannot be divided over the processes.
    """
    labelled = material.labelled(material.split.train)
    if not len(labelled):
        raise DataError(
            f"no label among the {len(material.split.train)} training subjects of fold {config.fold}; "
            "use more --labels or another list"
        )
    unlabelled_batch = round(config.batch * config.unlabelled_ratio)
    if config.batch % world or unlabelled_batch % world:
        raise KSError(
            f"{world} processes cannot share batches of {config.batch} + {unlabelled_batch} clips; "
            f"choose a multiple of {world}"
        )
    start = config.unlabelled_from if config.method == "ks" else int(config.method not in ("supervised", "frames"))
    return Schedule(
        seed=config.seed,
        labelled=labelled,
        unlabelled=np.setdiff1d(np.flatnonzero(material.frames_of(material.split.train)), labelled),
        batch=config.batch,
        unlabelled_batch=unlabelled_batch,
        unlabelled_from=start,
        n_frames=1 if config.method == "frames" else config.n_frames,
        key_shift=config.key_shift,
        epoch_clips=config.epoch_clips,
        plain_from=config.epochs - config.plain_epochs + 1,
        rank=rank,
        world=world,
    )


def selection_frames(config: TrainConfig, material: Material) -> I64:
    """Rows of the index that choose the best epoch; none when nobody is held out.

    Raises DataError when somebody is, but the budget labels none of their frames.
    """
    subjects = material.split.selection
    every_label = config.val_labels == "all" or config.paper_protocol
    which = material.known(subjects) if every_label else material.labelled(subjects)
    if subjects and not len(which):
        raise DataError(
            f"no label among the {len(subjects)} subjects held out for selection ({', '.join(subjects[:3])}); "
            "use --val-labels all, --val-share 0 or more --labels"
        )
    return which


def start_model(spec: ModelSpec, init: str) -> KSModel:
    """A model with its first weights: "random", "imagenet" (both backbones), or a checkpoint that fits.

    Of a checkpoint of method frames both branches begin with the one backbone that it trained. One of other AUs, or
    with other heads, gives its backbones and the heads that fit. Where branch B pools as branch A does and was trained
    otherwise, or not at all, it begins as branch A. One of another side is used as it is: convolutions fit any.
    """
    if init in ("random", "imagenet"):
        return make_model(spec, init)
    path = Path(init)
    if path.suffix == ".ks":
        raise ModelError(
            f"--init {init} is a model for engines; make a checkpoint of it: "
            f"python -m engines.restore {init} --faces VIDEO --out start.safetensors"
        )
    saved = load_checkpoint(path)
    if differences := spec.differences(saved.spec, ignore=(*NOT_OF_WEIGHTS, *chain(*HEADS.values()), "side_px")):
        raise ModelError(f"--init {init} is a model of another spec: {', '.join(differences)}")
    model, tensors = make_model(spec), saved.part("model.")
    if spec.side_px != saved.spec.side_px:
        log.warning("%s learned from faces of %d px, this run's have %d px", init, saved.spec.side_px, spec.side_px)
    if other_heads := spec.differences(saved.spec, ignore=(*NOT_OF_WEIGHTS, "side_px")):
        anew = [part for part, fields in HEADS.items() if attrgetter(*fields)(spec) != attrgetter(*fields)(saved.spec)]
        log.warning("%s of %s do not fit: %s", ", ".join(anew), init, ", ".join(other_heads))
        fits = {name: x for name, x in tensors.items() if name.partition(".")[0] not in anew}
        tensors = model.state_dict() | fits
    load_weights(model, tensors, path)
    tokens = spec.frame_pooling == "attention"
    if saved.config.method == "frames" or (tokens and saved.spec.frame_pooling != "attention"):
        model.base_b.load_state_dict(model.base_a.state_dict())
        log.info("branch B begins as branch A of %s", init)
        if tokens:  # S_a's embedding, correlation and logits have no counterpart; a mean is where attention begins
            ours = model.spatial_teacher.state_dict()
            model.pool_b.load_state_dict({n: ours.get(n, x) for n, x in model.pool_b.state_dict().items()})
    return model


def learning_rate(config: TrainConfig, epochs_done: float) -> float:
    """The rate after so many epochs, which may be a fraction."""
    if config.lr_schedule == "constant":
        return config.lr
    if epochs_done < config.warmup_epochs:
        return config.lr * (0.02 + 0.98 * epochs_done / config.warmup_epochs)
    share = (epochs_done - config.warmup_epochs) / max(config.epochs - config.warmup_epochs, 1e-9)
    return config.lr * (0.002 + 0.998 * (1 + math.cos(math.pi * min(1.0, share))) / 2)


def make_optimizer(config: TrainConfig, model: KSModel) -> torch.optim.Optimizer:
    """SGD as in the paper, or AdamW; under AdamW vectors (biases and norms) do not decay."""
    if config.optimizer == "sgd":
        return torch.optim.SGD(
            model.parameters(), config.lr, momentum=config.momentum, weight_decay=config.weight_decay
        )
    kernels = [p for p in model.parameters() if p.dim() > 1]
    vectors = [p for p in model.parameters() if p.dim() <= 1]
    groups: list[dict[str, Any]] = [{"params": kernels}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, config.lr, weight_decay=config.weight_decay)


def amp_dtype(amp: str, device: torch.device) -> torch.dtype | None:
    """Autocast's type; "auto" takes bfloat16 where the hardware multiplies it, on an older GPU float16, else none.

    On a CPU without such instructions bfloat16 is many times slower than float32 (measured: 12 times on AVX2).
    """
    if amp == "auto" and device.type == "cuda":
        return torch.bfloat16 if torch.cuda.is_bf16_supported(including_emulation=False) else torch.float16
    if amp == "auto":
        can: dict[str, object] = getattr(torch.cpu, "get_capabilities", dict)()  # older torch does not tell
        return torch.bfloat16 if can.get("avx512_bf16") or can.get("amx_bf16") else None
    if amp == "fp16" and device.type == "cpu":
        raise KSError("--amp fp16 needs a GPU; use --amp bf16 or off on a CPU")
    return {"off": None, "bf16": torch.bfloat16, "fp16": torch.float16}[amp]


def hear_no_signal(_: int) -> None:
    """For a process that reads clips: a signal to the whole group must not end it before the run has used its work.

    It ends with its loader, or when its parent is gone.
    """
    for heard in (signal.SIGINT, signal.SIGTERM):
        signal.signal(heard, signal.SIG_IGN)


@contextmanager
def stop_requested(world: int) -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set, unless they are ignored: a run ends after a whole step, its state saved.

    With several processes, which would stop at different steps, signals keep their meaning.
    """
    stop = threading.Event()
    if world > 1 or threading.current_thread() is not threading.main_thread():
        yield stop
        return
    heard = [s for s in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(s) is not signal.SIG_IGN]
    before = {s: signal.signal(s, lambda *_: stop.set()) for s in heard}
    try:
        yield stop
    finally:
        for s, handler in before.items():
            signal.signal(s, handler)
