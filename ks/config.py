"""TrainConfig: everything that decides what a training run does, saved with each checkpoint.

Each setting is described once, here: ks-train builds its options from the fields, and values are checked by them.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import BACKBONES, CORRELATIONS, POOLINGS, parse_aus

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
AMP_KINDS = ("auto", "off", "bf16", "fp16")
VAL_LABELS = ("budget", "all")
_ANY = (0.0, 2.0**31)


def parse_share(text: str) -> float:
    """'2%' or '0.02' -> 0.02. Raises KSError otherwise."""
    try:
        return float(text[:-1]) / 100 if text.endswith("%") else float(text)
    except ValueError as exc:
        raise KSError(f"a share looks like 2% or 0.02; got {text!r}") from exc


def about(
    text: str,
    *,
    choices: tuple[str, ...] = (),
    within: tuple[float, float] | None = None,
    read: Callable[[str], object] | None = None,
    metavar: str | None = None,
) -> Mapping[str, object]:
    """What a field holds besides its default.

    text: its help. within: lowest and highest value. read: from a command line.
    """
    return {"help": text, "choices": choices, "within": within, "read": read, "metavar": metavar}


@dataclass(frozen=True, slots=True)
class TrainConfig:
    """All settings of a run. Defaults are the paper's where it gives a value; docs/choices.md says where they are not.

    Raises KSError at birth on a value that cannot be.
    """

    # data
    data: str = field(metadata=about("layout of the data set", choices=DATASETS))
    root: str = field(metadata=about("its folder; of a manifest the CSV file", metavar="PATH"))
    out: str = field(metadata=about("folder for checkpoints and logs", metavar="FOLDER"))
    aus: tuple[int, ...] = field(
        default=(),
        metadata=about("AUs with commas between; default: all of the data set", read=parse_aus, metavar="1,2,4"),
    )
    fps: float = field(default=0.0, metadata=about("frames per second of the recordings; 0: the data set's"))
    fold: int = field(default=1, metadata=about("fold to test on, from 1; 0: train on everybody", within=_ANY))
    labels: float = field(
        default=1.0,
        metadata=about(
            "share of the frames whose labels are used, like 2%% or 0.02",
            within=(1e-6, 1.0),
            read=parse_share,
            metavar="SHARE",
        ),
    )
    labels_scheme: str = field(
        default="sparse",
        metadata=about("every k-th frame of a video, or as many in one run (figure 5 b)", choices=SCHEMES),
    )
    label_list: str = field(
        default="",
        metadata=about(
            "CSV of video,frame whose labels are used in place of a share, such as another run's labels.csv",
            metavar="FILE",
        ),
    )
    val_share: float = field(
        default=0.15,
        metadata=about("share of the training subjects held out to select the best epoch", within=(0.0, 0.9)),
    )
    val_labels: str = field(
        default="budget",
        metadata=about("labels that selection may look at: those of the budget, or all", choices=VAL_LABELS),
    )
    paper_protocol: bool = field(
        default=False,
        metadata=about("select on the test part, as the field's published code does; every output says so"),
    )
    aligned: bool = field(
        default=False, metadata=about("the images are crops already: no face finding, they are only resized")
    )
    face_model: str = field(
        default="",
        metadata=about(
            "BlazeFace, short range (default: from the user's cache, else a download)", metavar="FILE.tflite"
        ),
    )
    cache: str = field(default="", metadata=about("folder for the crops; default: the user's cache", metavar="FOLDER"))

    # model
    n_frames: int = field(default=5, metadata=about("frames in a clip, 2 to 9"))
    side_px: int = field(default=224, metadata=about("side of the square crop, px"))
    backbone: str = field(
        default="resnet18",
        metadata=about("-half, -quarter: narrower, 1/4 and 1/12 of the work; tiny: for tests", choices=BACKBONES),
    )
    correlation: str = field(
        default="transformer",
        metadata=about("how AUs and frames are related; mlp: table 3 without SIL", choices=CORRELATIONS),
    )
    spatial_pooling: str = field(
        default="mean",
        metadata=about("how S_a pools its map; attention: each AU learns where to look (ours)", choices=POOLINGS),
    )
    frame_pooling: str = field(
        default="mean",
        metadata=about("how branch B pools a frame; attention: a token for each AU (ours)", choices=POOLINGS),
    )
    mark_key: bool = field(default=False, metadata=about("tell T_b which frame is the key frame (ours)"))
    init: str = field(
        default="imagenet",
        metadata=about("first weights: imagenet, random, or a checkpoint", metavar="imagenet|random|FILE"),
    )

    # method
    method: str = field(
        default="ks",
        metadata=about(
            "ks, or a baseline on the same data; frames: branch A alone, a start for --init", choices=METHODS
        ),
    )
    epochs: int = field(default=50, metadata=about("passes over the labelled clips", within=(1, 1e9)))
    epoch_clips: int = field(
        default=0,
        metadata=about("labelled clips in an epoch, so that budgets train equally long; 0: all, once", within=_ANY),
    )
    batch: int = field(default=16, metadata=about("labelled clips per step, over all processes", within=(1, 1e9)))
    unlabelled_ratio: float = field(
        default=1.0, metadata=about("unlabelled clips per labelled one (chosen)", within=_ANY)
    )
    unlabelled_from: int = field(
        default=10,
        metadata=about("epoch from which KS uses unlabelled clips (section 6.2); 0: never", within=_ANY),
    )
    unlabelled_distillation: bool = field(
        default=True, metadata=about("eq. 2 on unlabelled clips, too (our reading of section 6.2)")
    )
    kl: str = field(
        default="bernoulli",
        metadata=about("distillation per AU, or over all AUs at once as in the paper", choices=KL_KINDS),
    )
    alpha: float = field(default=0.5, metadata=about("weight of the distillation in eq. 4"))
    lambda_s: float = field(default=0.5, metadata=about("weight of L_s in eq. 7"))
    lambda_t: float = field(default=0.5, metadata=about("weight of L_t"))
    lambda_ssl: float = field(default=0.2, metadata=about("weight of L_ssl"))
    lambda_semi: float = field(default=0.25, metadata=about("weight of L_semi"))
    key_shift: bool = field(
        default=True, metadata=about("move the key frame from batch to batch; off: it is always the last")
    )
    spatial_distillation: bool = field(default=True, metadata=about("L_skd, eq. 1"))
    temporal_distillation: bool = field(default=True, metadata=about("L_tkd, eq. 2"))
    pseudo_labels: bool = field(default=True, metadata=about("L_semi, eq. 6"))
    pseudo_source: str = field(
        default="students", metadata=about("who predicts pseudo labels: each student, or T_b", choices=PSEUDO_SOURCES)
    )
    pseudo_view: str = field(
        default="noisy",
        metadata=about("from which clip they are predicted: with augmentation, or without", choices=PSEUDO_VIEWS),
    )
    pseudo_threshold: str = field(
        default="half",
        metadata=about(
            "half: the more probable class; prior: as many present as among the labels", choices=PSEUDO_THRESHOLDS
        ),
    )
    order_task: bool = field(default=True, metadata=about("L_ssl: learn to tell shuffled features from ordered ones"))
    order_gate: bool = field(default=True, metadata=about("TPL: drop the pseudo labels of clips that look shuffled"))
    ramp: bool = field(default=True, metadata=about("eq. 8; off: weight 1 from the start"))
    gate_from: int = field(default=3, metadata=about("epoch of the first pseudo labels (algorithm 1, line 17)"))
    ramp_epochs: int = field(default=5, metadata=about("sigma of eq. 8: epochs until the ramp reaches 1"))
    dropout: float = field(default=0.5, metadata=about("in the spatial students (chosen)", within=(0.0, 0.95)))
    augment: bool = field(default=True, metadata=about("rotate, flip and jitter the colours of clips"))
    augmentation: str = field(
        default="paper",
        metadata=about(
            "strong, for other cameras: less rotation; shifts, scales, blur, grain and patches", choices=AUGMENTATIONS
        ),
    )
    noise_share: float = field(
        default=1.0, metadata=about("share of the clips that are augmented; the others are only flipped", within=(0, 1))
    )
    frozen_epochs: int = field(
        default=0, metadata=about("first epochs in which backbones stand still, for new heads", within=_ANY)
    )
    plain_epochs: int = field(
        default=0, metadata=about("last epochs without augmentation, but for the flip", within=_ANY)
    )
    key_frame_noise: bool = field(
        default=False, metadata=about("branch A sees the augmented key frame, too, in place of the plain one")
    )

    # baselines
    fixmatch_threshold: float = field(
        default=0.95, metadata=about("FixMatch: confidence of a pseudo label (its section 2.1)")
    )
    tcl_temperature: float = field(default=0.5, metadata=about("TCL: temperature of the contrast (its section 4.1)"))
    semi_weight: float = field(default=1.0, metadata=about("weight of a baseline's unlabelled terms"))

    # optimisation
    optimizer: str = field(default="sgd", metadata=about("SGD as in the paper, or AdamW", choices=OPTIMIZERS))
    lr: float = field(default=0.01, metadata=about("learning rate, at its highest", within=_ANY))
    lr_schedule: str = field(
        default="constant", metadata=about("cosine: a short rise, then down to nothing", choices=LR_SCHEDULES)
    )
    warmup_epochs: float = field(default=1.0, metadata=about("epochs that the cosine rises", within=_ANY))
    momentum: float = field(default=0.9, metadata=about("of SGD (chosen)"))
    weight_decay: float = field(default=5e-4, metadata=about("of either (chosen)"))
    seed: int = field(default=0, metadata=about("decides weights, labels, clips and noise", within=_ANY))
    amp: str = field(
        default="auto",
        metadata=about("mixed precision; auto: on a GPU, and on a CPU with bfloat16 instructions", choices=AMP_KINDS),
    )
    device: str = field(default="auto", metadata=about("auto, cpu or cuda"))
    workers: int = field(default=2, metadata=about("processes that crop and that read clips", within=_ANY))
    eval_every: int = field(
        default=1, metadata=about("epochs between looks at the selection subjects", within=(1, 1e9))
    )

    def __post_init__(self) -> None:
        for setting in fields(self):
            _check(option_of(setting.name), getattr(self, setting.name), setting.metadata)
        if self.mark_key and not self.key_shift:  # shuffling moves the mark: it would give the order away
            raise KSError(
                "--mark-key with --no-key-shift: a key frame that is always the newest needs no mark; use one"
            )

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> "TrainConfig":
        """Raises KSError on settings that this version does not have."""
        values: dict[str, Any] = json.loads(text)
        names = {setting.name for setting in fields(cls)}
        if unknown := sorted(set(values) - names):
            raise KSError(
                f"this run was made by another version: it has the settings {', '.join(unknown)}; train it anew"
            )
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
    """A field's option: --side for side_px; --lambda-s keeps its s, which is no unit."""
    return "--" + name.removesuffix("_px").replace("_", "-")


def _check(option: str, value: Any, meta: Mapping[str, Any]) -> None:
    """Raises KSError where a value is none of the choices, or not between the limits. "" is no value yet."""
    if meta["choices"] and value and value not in meta["choices"]:
        raise KSError(f"{option} is one of {', '.join(meta['choices'])}; got {value!r}")
    if meta["within"] is not None:
        low, high = meta["within"]
        if not low <= value <= high:
            raise KSError(f"{option} must lie between {low:g} and {high:g}; got {value:g}")
