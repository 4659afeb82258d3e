"""TrainConfig: everything that decides what a training run does, saved with each checkpoint."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import POOLINGS

METHODS = ("ks", "supervised", "pseudo-label", "fixmatch", "tcl", "frames")
SCHEMES = ("sparse", "consecutive")
KL_KINDS = ("softmax", "bernoulli")
PSEUDO_SOURCES = ("students", "temporal")
PSEUDO_THRESHOLDS = ("half", "prior")
PSEUDO_VIEWS = ("noisy", "plain")
AUGMENTATIONS = ("paper", "strong")
OPTIMIZERS = ("sgd", "adamw")
LR_SCHEDULES = ("constant", "cosine")
AMP_KINDS = ("auto", "off", "bf16", "fp16")


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """Defaults are the paper's where it gives a value, save those marked measured; the others are chosen."""

    # data
    data: str  # bp4d, bp4d+, disfa, mme or manifest
    root: str  # folder of the data set; for manifest the CSV file
    out: str  # run folder
    aus: tuple[int, ...] = ()  # () = all AUs of the data set
    fps: float = 0.0  # frames per second of the recordings; 0 = the data set's own
    fold: int = 1  # 1 .. number of parts; 0 = train on all subjects, no test part
    labels: float = 1.0  # share of frames whose labels are used
    labels_scheme: str = "sparse"  # "consecutive" is the contrast of figure 5 (b)
    label_list: str = ""  # CSV of video,frame to use in place of a share
    val_share: float = 0.15  # of the training subjects, held out for model selection
    val_labels: str = "budget"  # "all": selection looks at every label of its subjects, not at the budget's alone
    paper_protocol: bool = False  # select on the test part, as the field's code does
    aligned: bool = False  # the images are crops already
    face_model: str = ""  # BlazeFace short-range .tflite; "" = user's cache, else download
    cache: str = ""  # folder for crops; "" = user's cache folder

    # model
    n_frames: int = 5
    side_px: int = 224
    backbone: str = "resnet18"
    correlation: str = "transformer"  # "mlp" = without SIL (table 3)
    spatial_pooling: str = "mean"  # "attention" = each AU learns where to look (ours)
    frame_pooling: str = "mean"  # "attention" = base_b hands on a token per AU, as S_a has them (ours)
    mark_key: bool = False  # T_b is told which frame is the key frame (ours)
    init: str = "imagenet"  # imagenet, random or a checkpoint

    # method; each term is a switch (table 3)
    method: str = "ks"
    epochs: int = 50
    epoch_clips: int = 0  # clips with a label that an epoch is long; 0 = each one once, more steps where more is known
    batch: int = 16
    unlabelled_ratio: float = 1.0  # clips without a label per clip with one, chosen
    unlabelled_from: int = 10  # KS: epoch from which they are used (section 6.2); 0 = never
    unlabelled_distillation: bool = True  # T_b and S_a agree on unlabelled clips too (section 6.2, our reading; README)
    kl: str = "bernoulli"  # "softmax" is the paper's (measured)
    alpha: float = 0.5
    lambda_s: float = 0.5
    lambda_t: float = 0.5
    lambda_ssl: float = 0.2
    lambda_semi: float = 0.25
    key_shift: bool = True  # False: the key frame stays at the last position
    spatial_distillation: bool = True
    temporal_distillation: bool = True
    pseudo_labels: bool = True
    pseudo_source: str = "students"  # who predicts the pseudo labels; "temporal": T_b
    pseudo_view: str = "noisy"  # what they are predicted from; "plain": the clip without augmentation
    pseudo_threshold: str = "half"  # the more probable class; "prior": as many present as among the labels
    order_task: bool = True
    order_gate: bool = True
    ramp: bool = True
    gate_from: int = 3  # epoch of the first gated pseudo labels; before it there are none (alg. 1 line 17)
    ramp_epochs: int = 5  # sigma of eq. 8
    dropout: float = 0.5  # in the spatial students, chosen
    augment: bool = True
    augmentation: str = "paper"  # "strong": smaller turns, everything else wider; for transfer to other cameras
    noise_share: float = 1.0  # of the clips; the others are only flipped, so that batch norm sees plain faces too
    frozen_epochs: int = 0  # the first so many epochs train heads alone, on backbones that stand still
    plain_epochs: int = 0  # the last so many epochs see clips without noise, but for the flip
    key_frame_noise: bool = False  # True: branch A sees the augmented key frame too

    # baselines
    fixmatch_threshold: float = 0.95  # FixMatch, section 2.1
    tcl_temperature: float = 0.5  # TCL, section 4.1
    semi_weight: float = 1.0  # weight of each baseline's unlabelled terms

    # optimisation
    optimizer: str = "sgd"
    lr: float = 0.01
    lr_schedule: str = "constant"  # "cosine": a short rise, then down to nothing
    warmup_epochs: float = 1.0  # of the cosine
    momentum: float = 0.9  # of SGD, chosen
    weight_decay: float = 5e-4  # chosen
    seed: int = 0
    amp: str = "auto"
    device: str = "auto"
    workers: int = 2
    eval_every: int = 1  # epochs between evaluations on the selection subjects

    def __post_init__(self) -> None:
        _one_of("method", self.method, METHODS)
        _one_of("labels-scheme", self.labels_scheme, SCHEMES)
        _one_of("kl", self.kl, KL_KINDS)
        _one_of("pseudo-source", self.pseudo_source, PSEUDO_SOURCES)
        _one_of("pseudo-threshold", self.pseudo_threshold, PSEUDO_THRESHOLDS)
        _one_of("pseudo-view", self.pseudo_view, PSEUDO_VIEWS)
        _one_of("amp", self.amp, AMP_KINDS)
        _one_of("augmentation", self.augmentation, AUGMENTATIONS)
        _one_of("optimizer", self.optimizer, OPTIMIZERS)
        _one_of("lr-schedule", self.lr_schedule, LR_SCHEDULES)
        _one_of("val-labels", self.val_labels, ("budget", "all"))
        _one_of("spatial-pooling", self.spatial_pooling, POOLINGS)
        _one_of("frame-pooling", self.frame_pooling, POOLINGS)
        if self.mark_key and not self.key_shift:  # shuffling moves the mark: it would give the order away
            raise KSError(
                "--mark-key with --no-key-shift: a key frame that is always the newest needs no mark; use one"
            )
        _within("labels", self.labels, 1e-6, 1.0)
        _within("val-share", self.val_share, 0.0, 0.9)
        _within("noise-share", self.noise_share, 0.0, 1.0)
        _within("dropout", self.dropout, 0.0, 0.95)
        for name in ("epochs", "batch", "eval_every"):
            _within(name.replace("_", "-"), getattr(self, name), 1, 10**9)
        for name in (
            "epoch_clips",
            "unlabelled_ratio",
            "unlabelled_from",
            "workers",
            "lr",
            "fold",
            "seed",
            "frozen_epochs",
            "plain_epochs",
            "warmup_epochs",
        ):
            _within(name.replace("_", "-"), getattr(self, name), 0, 2**31)

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        values: dict[str, Any] = json.loads(text)
        names = {field.name for field in fields(cls)}
        if unknown := sorted(set(values) - names):
            raise KSError(
                f"this run was made by another version: it has the settings {', '.join(unknown)}; train it anew"
            )
        return cls(**{**values, "aus": tuple(values.get("aus", ()))})


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise KSError(f"--{name} is one of {', '.join(choices)}; got {value!r}")


def _within(name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise KSError(f"--{name} must lie between {low:g} and {high:g}; got {value:g}")
