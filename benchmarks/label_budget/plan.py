"""The training runs of a label budget study, and the key that tells whether a run is done already."""

import hashlib
import itertools
import json
import os
import typing
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from knowledge_spreader.config import SCHEMES, TrainConfig
from knowledge_spreader.errors import KSError

NONE = "none"

ABLATIONS: dict[str, dict[str, Any]] = {  # name -> settings that differ from the default; for KS only
    NONE: {},
    # table 3
    "no-sil": {"correlation": "mlp"},
    "no-ksm": {"lambda_s": 0.0, "lambda_t": 0.0},  # the key frame still shifts (section 4.5)
    "no-tpl": {"order_task": False, "order_gate": False},
    # one part each
    "no-shift": {"key_shift": False, "mark_key": False},  # a mark that never moves carries no information
    "no-spatial-kd": {"spatial_distillation": False},
    "no-temporal-kd": {"temporal_distillation": False},
    "no-pseudo": {"pseudo_labels": False},
    "no-ramp": {"ramp": False},
    "no-unlabelled": {"unlabelled_from": 0},
    "early-unlabelled": {"unlabelled_from": 1},  # the paper's tenth epoch is late where there are twenty
    "no-free-kd": {"unlabelled_distillation": False},
    "softmax": {"kl": "softmax"},
    "temporal-labels": {"pseudo_source": "temporal"},
    "plain-labels": {"pseudo_view": "plain"},
    "prior-labels": {"pseudo_threshold": "prior"},
    "key-noise": {"key_frame_noise": True},
    # not in the paper
    "attention-pooling": {"spatial_pooling": "attention"},
    "attention-frames": {"frame_pooling": "attention"},
    "mark-key": {"mark_key": True},
    "half-noise": {"noise_share": 0.5},
    # the paper to the letter, where our defaults differ after measurements
    "paper": {
        "kl": "softmax",
        "unlabelled_distillation": False,
        "spatial_pooling": "mean",
        "frame_pooling": "mean",
        "mark_key": False,
    },
}

AXES = ("method", "labels", "labels_scheme", "fold", "seed", "n_frames")  # what a study varies, besides the ablation
# settings that do not change the result; all others do
NO_EFFECT = ("out", "cache", "workers", "device", "face_runtime")
ADDED = {  # settings that older rows lack -> the value that they were made with
    "spatial_pooling": "mean",
    "frame_pooling": "mean",
    "mark_key": False,
    "optimizer": "sgd",
    "lr_schedule": "constant",
    "warmup_epochs": 1.0,
    "augmentation": "paper",
    "noise_share": 1.0,
    "pseudo_threshold": "half",
    "frozen_epochs": 0,
    "plain_epochs": 0,
    "epoch_clips": 0,
}
FILES = ("root", "label_list", "init", "face_model")  # in a key a file counts by its content, a folder by its name


@dataclass(frozen=True, slots=True)
class Axes:
    """The values that a study combines with each other."""

    methods: tuple[str, ...]
    shares: tuple[float, ...]  # 0 to 1
    folds: tuple[int, ...]
    seeds: tuple[int, ...]
    ablations: tuple[str, ...] = (NONE,)
    n_frames: tuple[int, ...] = (5,)
    schemes: tuple[str, ...] = ("sparse",)

    def __post_init__(self) -> None:
        if unknown := sorted(set(self.ablations) - set(ABLATIONS)):
            raise KSError(f"--ablations takes {', '.join(ABLATIONS)}; got {', '.join(unknown)}")
        if unknown := sorted(set(self.schemes) - set(SCHEMES)):
            raise KSError(f"--schemes takes {', '.join(SCHEMES)}; got {', '.join(unknown)}")
        if min(self.folds, default=0) < 1:
            raise KSError("--folds counts from 1; fold 0 trains on all people and leaves nobody to test on")


@dataclass(frozen=True, slots=True)
class Run:
    """One training, with the key under which its result is kept."""

    ablation: str
    config: TrainConfig
    key: str

    @property
    def name(self) -> str:
        """'ks-2%-fold1-seed0', followed by what differs from the defaults."""
        c = self.config
        parts = [c.method, f"{c.labels * 100:.4g}%", f"fold{c.fold}", f"seed{c.seed}"]
        parts += [self.ablation] if self.ablation != NONE else []
        parts += [f"{c.n_frames}frames"] if c.n_frames != 5 else []
        parts += [c.labels_scheme] if c.labels_scheme != "sparse" else []
        return "-".join(parts)


def plan(base: TrainConfig, axes: Axes, out_dir: Path) -> list[Run]:
    """Every combination once, one seed after the other, and within a seed all folds of a cell together.

    Baselines have no ablations, and with all labels used there is only one scheme. Combinations with the same settings
    are one run.
    """
    runs: dict[str, Run] = {}
    combinations = itertools.product(
        axes.seeds, axes.shares, axes.methods, axes.ablations, axes.schemes, axes.n_frames, axes.folds
    )
    for seed, share, method, ablation, scheme, n_frames, fold in combinations:
        if ablation != NONE and method != "ks":
            continue
        config = replace(
            base,
            seed=seed,
            labels=share,
            labels_scheme="sparse" if share == 1.0 else scheme,
            method=method,
            n_frames=n_frames,
            fold=fold,
            **ABLATIONS[ablation],
        )
        key = key_of(config)
        run = Run(ablation, config, key)
        folder = out_dir / "runs" / f"{run.name}-{key[:8]}".replace("%", "pc")
        runs.setdefault(key, replace(run, config=replace(config, out=str(folder))))
    return list(runs.values())


def key_of(config: TrainConfig) -> str:
    """A hash of all settings that decide the result (see NO_EFFECT for the others) and of the files they name."""
    settings = {
        name: value for name, value in asdict(config).items() if name not in NO_EFFECT and ADDED.get(name) != value
    }
    settings |= {name: _identity(settings[name]) for name in FILES}
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()


def _identity(place: str) -> str:
    path = Path(place)
    if place and path.is_file():
        with path.open("rb") as file:
            return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"
    return os.path.normpath(place) if place else ""


def base_config(data: str, root: str, settings: Iterable[str]) -> TrainConfig:
    """The defaults of ks-train, changed by `settings` ('epochs=20'). Raises KSError for what cannot be set.

    The start is ImageNet's and not `auto`, so that no run of a study begins from other weights than the rest.
    """
    kinds = typing.get_type_hints(TrainConfig)
    taken = (*AXES, "data", "root", "out")
    values: dict[str, Any] = {"init": "imagenet"}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip().replace("-", "_")
        if not equals or name not in kinds:
            free = ", ".join(kind for kind in kinds if kind not in taken)
            raise KSError(f"--set takes NAME=VALUE, NAME one of {free}; got {setting!r}")
        if name in taken:
            raise KSError(f"--set cannot change {name}, which has an option of its own; use that option")
        values[name] = parse_value(name, text.strip(), kinds[name])
    return TrainConfig(data=data, root=root, out="", **values)


BOOLEANS = {"true": True, "yes": True, "on": True, "1": True, "false": False, "no": False, "off": False, "0": False}


def parse_value(name: str, text: str, kind: Any) -> Any:
    """The text of a --set as a value of the field's type. Raises KSError if it is not one."""
    try:
        if kind is bool:
            return BOOLEANS[text.lower()]
        if kind in (int, float, str):
            return kind(text)
        return tuple(int(part) for part in text.split(",") if part.strip())
    except (ValueError, KeyError) as exc:
        wanted = {bool: "true or false", int: "a whole number", float: "a number"}.get(
            kind, "numbers with commas between"
        )
        raise KSError(f"--set {name} takes {wanted}; got {text!r}") from exc


def parse_shares(text: str) -> tuple[float, ...]:
    """'1%,5%,0.5' -> (0.01, 0.05, 0.5). Raises KSError."""
    return tuple(_share(part.strip()) for part in text.split(",") if part.strip())


def _share(part: str) -> float:
    try:
        share = round(float(part[:-1]) / 100, 12) if part.endswith("%") else float(part)
    except ValueError as exc:
        raise KSError(f"--labels takes shares such as 1%,5%,100%; got {part!r}") from exc
    if not 0 < share <= 1 or part == "1":  # 1 in a list with 2 and 5 means 1 %
        raise KSError(f"--labels takes shares above 0 and up to 100 %, such as 1%,5%,100%; got {part!r}")
    return share
