"""TrainConfig: all settings of a training run. Each checkpoint contains it.

Each setting is described once, here. ks-train builds its options from the fields, which also define the checks.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import AU_NAMES, BACKBONES, CORRELATIONS, POOLINGS, parse_aus

DATASETS = ("bp4d", "bp4d+", "disfa", "mme", "manifest")
METHODS = ("ks", "supervised", "pseudo-label", "fixmatch", "tcl", "frames")
SCHEMES = ("sparse", "consecutive")
KL_KINDS = ("softmax", "bernoulli")
PSEUDO_SOURCES = ("students", "temporal")
PSEUDO_THRESHOLDS = ("half", "prior")
PSEUDO_VIEWS = ("noisy", "plain")
AUGMENTATIONS = ("paper", "strong")
OPTIMIZERS = ("sgd", "adamw")
LR_SCHEDULES = ("constant", "cosine")
FACE_RUNTIMES = ("openvino", "mediapipe")  # ks/face/detector.py
AMP_KINDS = ("auto", "off", "bf16", "fp16")
VAL_LABELS = ("budget", "all")
_ANY = (0.0, 2.0**31)
_SHARE = (0.0, 1.0)


def parse_share(text: str) -> float:
    """'2%' or '0.02' -> 0.02. Raises KSError otherwise."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as exc:
        raise KSError(f"a share must look like 2% or 0.02; got {text!r}") from exc


def about(
    text: str,
    *,
    choices: tuple[str, ...] = (),
    within: tuple[float, float] | None = None,
    read: Callable[[str], object] | None = None,
    metavar: str | None = None,
) -> Mapping[str, object]:
    """Metadata of a field.

    text: help text. within: lowest and highest value. read: parses the command line's text.
    """
    return {"help": text, "choices": choices, "within": within, "read": read, "metavar": metavar}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All settings of a training run. Defaults are the paper's if it gives a value; docs/choices.md lists exceptions.

    Raises KSError on an impossible value.
    """

    # data
    data: str = field(metadata=about("layout of the data set", choices=DATASETS))
    root: str = field(metadata=about("folder of the data set; for a manifest, the CSV file", metavar="PATH"))
    out: str = field(metadata=about("folder for checkpoints and logs", metavar="FOLDER"))
    aus: tuple[int, ...] = field(
        default=(),
        metadata=about("AUs, separated by commas; default: all of the data set", read=parse_aus, metavar="1,2,4"),
    )
    fps: float = field(
        default=0.0, metadata=about("frames per second of the recordings; 0: as the data set says", within=(0, 240))
    )
    fold: int = field(
        default=1, metadata=about("cross-validation fold to test on, from 1; 0: train on all subjects", within=_ANY)
    )
    labels: float = field(
        default=1.0,
        metadata=about(
            "share of the frames whose labels are used, e.g. 2%% or 0.02",
            within=(1e-6, 1.0),
            read=parse_share,
            metavar="SHARE",
        ),
    )
    labels_scheme: str = field(
        default="sparse",
        metadata=about(
            "sparse: every k-th frame of a video; consecutive: as many in one run (figure 5 b)", choices=SCHEMES
        ),
    )
    label_list: str = field(
        default="",
        metadata=about(
            "CSV with columns video,frame: use these labels instead of a share, e.g. labels.csv of another run",
            metavar="FILE",
        ),
    )
    val_share: float = field(
        default=0.15,
        metadata=about("share of the training subjects held out to select the best epoch", within=(0.0, 0.9)),
    )
    val_labels: str = field(
        default="budget",
        metadata=about("labels used for selection: those of the budget, or all", choices=VAL_LABELS),
    )
    paper_protocol: bool = field(
        default=False,
        metadata=about("select the epoch on the test part, as published code does; every output says so"),
    )
    aligned: bool = field(
        default=False, metadata=about("the images are aligned crops already: resize them only, without face detection")
    )
    face_model: str = field(
        default="",
        metadata=about("another BlazeFace, short range (default: the one of this package)", metavar="FILE.tflite"),
    )
    face_runtime: str = field(
        default="openvino",
        metadata=about("what runs it, with the same crops; MediaPipe's reports its use", choices=FACE_RUNTIMES),
    )
    cache: str = field(default="", metadata=about("folder for the crops (default: the user's cache)", metavar="FOLDER"))

    # model
    n_frames: int = field(default=5, metadata=about("frames in a clip, 2 to 9", within=(2, 9)))
    side_px: int = field(default=224, metadata=about("side of the square crop, px", within=(32, 512)))
    backbone: str = field(
        default="resnet18",
        metadata=about("-half, -quarter: narrower, 1/4 and 1/12 of the FLOPs; tiny: for tests", choices=BACKBONES),
    )
    correlation: str = field(
        default="transformer",
        metadata=about(
            "correlation of AUs and of frames; mlp: without attention (table 3, without SIL)", choices=CORRELATIONS
        ),
    )
    spatial_pooling: str = field(
        default="mean",
        metadata=about("pooling in S_a; attention: a learned map per AU (ours)", choices=POOLINGS),
    )
    frame_pooling: str = field(
        default="mean",
        metadata=about("pooling of each frame in branch B; attention: a token per AU (ours)", choices=POOLINGS),
    )
    mark_key: bool = field(
        default=False, metadata=about("add a learned embedding to the key frame's token in T_b (ours)")
    )
    init: str = field(
        default="auto",
        metadata=about(
            "initial weights: imagenet, random, bundled (the model of this package), or a checkpoint or .ks file; "
            "auto: imagenet, which is downloaded once, or bundled where it cannot be had",
            metavar="auto|imagenet|bundled|random|FILE",
        ),
    )

    # method
    method: str = field(
        default="ks",
        metadata=about("ks, or a baseline on the same data; frames: branch A only, to use as --init", choices=METHODS),
    )
    epochs: int = field(default=50, metadata=about("passes over the labelled clips", within=(1, 1e9)))
    epoch_clips: int = field(
        default=0,
        metadata=about(
            "labelled clips per epoch, so that all label budgets train equally long; 0: each clip once", within=_ANY
        ),
    )
    batch: int = field(
        default=16, metadata=about("labelled clips per step, summed over all processes", within=(1, 1e9))
    )
    unlabelled_ratio: float = field(
        default=1.0, metadata=about("unlabelled clips per labelled clip (our choice)", within=_ANY)
    )
    unlabelled_from: int = field(
        default=10,
        metadata=about("first epoch in which KS uses unlabelled clips (section 6.2); 0: never", within=_ANY),
    )
    unlabelled_distillation: bool = field(
        default=True, metadata=about("apply eq. 2 to unlabelled clips too (our reading of section 6.2)")
    )
    kl: str = field(
        default="bernoulli",
        metadata=about("distillation: bernoulli per AU, or softmax over all AUs as in the paper", choices=KL_KINDS),
    )
    alpha: float = field(default=0.5, metadata=about("weight of the distillation in eq. 4", within=_ANY))
    lambda_s: float = field(default=0.5, metadata=about("weight of L_s in eq. 7", within=_ANY))
    lambda_t: float = field(default=0.5, metadata=about("weight of L_t", within=_ANY))
    lambda_ssl: float = field(default=0.2, metadata=about("weight of L_ssl", within=_ANY))
    lambda_semi: float = field(default=0.25, metadata=about("weight of L_semi", within=_ANY))
    key_shift: bool = field(
        default=True,
        metadata=about("change the key frame's position with each batch; off: it is always the last frame"),
    )
    spatial_distillation: bool = field(default=True, metadata=about("use L_skd, eq. 1"))
    temporal_distillation: bool = field(default=True, metadata=about("use L_tkd, eq. 2"))
    pseudo_labels: bool = field(default=True, metadata=about("use L_semi, eq. 6"))
    pseudo_source: str = field(
        default="students", metadata=about("pseudo labels come from each student, or from T_b", choices=PSEUDO_SOURCES)
    )
    pseudo_view: str = field(
        default="noisy",
        metadata=about("predict pseudo labels from the clip with augmentation, or without", choices=PSEUDO_VIEWS),
    )
    pseudo_threshold: str = field(
        default="half",
        metadata=about(
            "half: the more probable class; prior: the same share of positives as in the labels",
            choices=PSEUDO_THRESHOLDS,
        ),
    )
    order_task: bool = field(default=True, metadata=about("use L_ssl: detect shuffled frame features"))
    order_gate: bool = field(
        default=True, metadata=about("TPL: drop pseudo labels of clips that T_b takes for shuffled")
    )
    ramp: bool = field(default=True, metadata=about("use eq. 8; off: weight 1 from the start"))
    gate_from: int = field(
        default=3, metadata=about("epoch of the first pseudo labels (algorithm 1, line 17)", within=_ANY)
    )
    ramp_epochs: int = field(
        default=5, metadata=about("sigma of eq. 8: epochs until the ramp reaches 1", within=(1, 1e9))
    )
    dropout: float = field(
        default=0.5, metadata=about("dropout in the spatial students (our choice)", within=(0.0, 0.95))
    )
    augment: bool = field(default=True, metadata=about("augment clips: rotation, flip and colour jitter"))
    augmentation: str = field(
        default="paper",
        metadata=about(
            "strong, to generalise to other cameras: less rotation, but shift, scale, blur, grain and patches",
            choices=AUGMENTATIONS,
        ),
    )
    noise_share: float = field(
        default=1.0, metadata=about("share of clips that are augmented; the others are only flipped", within=(0, 1))
    )
    frozen_epochs: int = field(
        default=0, metadata=about("number of first epochs with frozen backbones, to train new heads", within=_ANY)
    )
    plain_epochs: int = field(
        default=0, metadata=about("number of last epochs with only the flip as augmentation", within=_ANY)
    )
    key_frame_noise: bool = field(
        default=False, metadata=about("branch A uses the augmented key frame instead of the plain one")
    )

    # baselines
    fixmatch_threshold: float = field(
        default=0.95, metadata=about("FixMatch: lowest confidence of a pseudo label (its section 2.1)", within=_SHARE)
    )
    tcl_temperature: float = field(
        default=0.5, metadata=about("TCL: temperature of the contrastive loss (its section 4.1)", within=(1e-6, 1e6))
    )
    semi_weight: float = field(
        default=1.0, metadata=about("weight of a baseline's loss on unlabelled clips", within=_ANY)
    )

    # optimisation
    optimizer: str = field(default="sgd", metadata=about("SGD as in the paper, or AdamW", choices=OPTIMIZERS))
    lr: float = field(default=0.01, metadata=about("highest learning rate", within=_ANY))
    lr_schedule: str = field(
        default="constant", metadata=about("cosine: a short warm-up, then decay to almost 0", choices=LR_SCHEDULES)
    )
    warmup_epochs: float = field(default=1.0, metadata=about("warm-up epochs of the cosine schedule", within=_ANY))
    momentum: float = field(default=0.9, metadata=about("momentum of SGD (our choice)", within=_SHARE))
    weight_decay: float = field(
        default=5e-4, metadata=about("weight decay of either optimiser (our choice)", within=_ANY)
    )
    seed: int = field(default=0, metadata=about("random seed of weights, labels, clips and augmentation", within=_ANY))
    amp: str = field(
        default="auto",
        metadata=about("mixed precision; auto: on a GPU, and on a CPU with bfloat16 instructions", choices=AMP_KINDS),
    )
    device: str = field(default="auto", metadata=about("auto, cpu or cuda"))
    workers: int = field(
        default=2, metadata=about("worker processes for cropping and for reading clips", within=(0, 512))
    )
    eval_every: int = field(
        default=1, metadata=about("epochs between evaluations on the selection subjects", within=(1, 1e9))
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check(option_of(setting.name), getattr(self, setting.name), setting.metadata)
        if 0 < self.fps < 1:
            raise KSError(f"--fps must be 1 to 240 frames per second, or 0 for the data set's own; got {self.fps:g}")
        if wrong := [au for au in self.aus if au not in AU_NAMES or self.aus.count(au) > 1]:
            raise KSError(f"--aus must be different AUs of {', '.join(map(str, AU_NAMES))}; got {wrong[0]}")
        if self.paper_protocol and not self.fold:
            raise KSError("--paper-protocol selects on the test part, but --fold 0 has none; choose a fold")
        if self.mark_key and not self.key_shift:  # shuffling moves the mark, which would reveal the order
            raise KSError("--mark-key with --no-key-shift: an unshifted key frame needs no mark; use one of the two")

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        """Inverse of to_json. Raises KSError on settings that this version does not have."""
        values: dict[str, Any] = json.loads(text)
        names = {setting.name for setting in fields(cls)}
        if unknown := sorted(set(values) - names):
            raise KSError(f"this run is from another version with the settings {', '.join(unknown)}; train it again")
        return cls(**{**values, "aus": tuple(values.get("aus", ()))})


# The first field of each group of options.
GROUPS = {
    "data": "data",
    "n_frames": "model",
    "method": "method",
    "fixmatch_threshold": "baselines",
    "optimizer": "optimisation",
}


def option_of(name: str) -> str:
    """The option of a field: --side for side_px. The s of --lambda-s is not a unit and stays."""
    return "--" + name.removesuffix("_px").replace("_", "-")


def _check(option: str, value: Any, meta: Mapping[str, Any]) -> None:
    """Raises KSError if a value is not a choice, or outside the limits. "" means not set."""
    if meta["choices"] and value and value not in meta["choices"]:
        raise KSError(f"{option} must be one of {', '.join(meta['choices'])}; got {value!r}")
    if meta["within"] is not None:
        low, high = meta["within"]
        if not low <= value <= high:
            raise KSError(f"{option} must lie between {low:g} and {high:g}; got {value:g}")
