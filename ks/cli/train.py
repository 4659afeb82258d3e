"""ks-train and ks-eval: arguments in, one line and exit code 2 when they cannot be followed."""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from rich.console import Console

from knowledge_spreader.cli.run import parse_share, run
from knowledge_spreader.config import (
    AMP_KINDS,
    AUGMENTATIONS,
    KL_KINDS,
    LR_SCHEDULES,
    METHODS,
    OPTIMIZERS,
    PSEUDO_SOURCES,
    PSEUDO_THRESHOLDS,
    PSEUDO_VIEWS,
    SCHEMES,
    TrainConfig,
)
from knowledge_spreader.datasets import DATASETS
from knowledge_spreader.errors import KSError
from knowledge_spreader.spec import BACKBONES, CORRELATIONS, POOLINGS, parse_aus

OPTIONS: dict[str, dict[str, tuple[str, dict[str, Any]]]] = {  # group -> field -> help, and what argparse needs besides
    "data": {
        "data": ("layout of the data set", {"choices": DATASETS}),
        "root": ("its folder; for manifest the CSV file (see README)", {}),
        "out": ("folder for checkpoints and logs", {}),
        "aus": ("AUs with commas between; default: all of the data set", {"type": parse_aus, "metavar": "1,2,4"}),
        "fps": ("frames per second of the recordings; 0 = the data set's own", {}),
        "fold": ("fold to leave out for testing, from 1; 0 = train on everybody", {}),
        "labels": (
            "share of the frames whose labels are used, like 2%% or 0.02",
            {"type": lambda text: parse_share(text)},
        ),
        "labels_scheme": ("every k-th frame of a video, or as many in one run (figure 5)", {"choices": SCHEMES}),
        "label_list": (
            "CSV of video,frame whose labels are used in place of a share, e.g. another run's labels.csv",
            {},
        ),
        "val_share": ("share of the training subjects held out to select the best epoch and thresholds", {}),
        "val_labels": ("labels that selection may look at: the budget's alone, or all", {"choices": ("budget", "all")}),
        "paper_protocol": ("select on the test part, as the field's published code does; named in every output", {}),
        "aligned": ("the images are crops already: no face finding, only resized", {}),
        "face_model": ("BlazeFace short-range .tflite; default: the user's cache, else a download", {}),
        "cache": ("folder for the crops; default: the user's cache folder", {}),
    },
    "model": {
        "n_frames": ("frames in a clip, 2 to 9", {}),
        "side_px": ("side of the square crop, px", {}),
        "backbone": (
            "-half and -quarter: so much narrower, 1/4 and 1/12 of the work; tiny is for tests",
            {"choices": BACKBONES},
        ),
        "correlation": ("mlp: table 3 without SIL", {"choices": CORRELATIONS}),
        "spatial_pooling": ("how S_a pools its map: the mean, or where each AU learns to look", {"choices": POOLINGS}),
        "frame_pooling": (
            "how branch B pools a frame: the mean, or a token per AU that looks where it learns to",
            {"choices": POOLINGS},
        ),
        "mark_key": ("tell T_b which frame of the clip is the key frame", {}),
        "init": ("first weights: imagenet, random, or a checkpoint", {}),
    },
    "method": {
        "method": (
            "KS; one of its baselines on the same data; frames: branch A alone, a start for --init",
            {"choices": METHODS},
        ),
        "epochs": ("passes over the labelled clips", {}),
        "batch": ("labelled clips per step, over all processes", {}),
        "unlabelled_ratio": ("clips without a label per clip with one", {}),
        "epoch_clips": ("labelled clips that an epoch is long, so that budgets train equally long; 0 = all, once", {}),
        "unlabelled_from": ("epoch from which KS uses clips without a label; 0 = never", {}),
        "unlabelled_distillation": ("eq. 2 on clips without a label too", {}),
        "kl": ("distillation over all AUs at once (paper) or each by itself", {"choices": KL_KINDS}),
        "alpha": ("weight of the distillation in eq. 4", {}),
        "lambda_s": ("weight of L_s in eq. 7", {}),
        "lambda_t": ("weight of L_t", {}),
        "lambda_ssl": ("weight of L_ssl", {}),
        "lambda_semi": ("weight of L_semi", {}),
        "key_shift": ("move the key frame from batch to batch", {}),
        "spatial_distillation": ("L_skd, eq. 1", {}),
        "temporal_distillation": ("L_tkd, eq. 2", {}),
        "pseudo_labels": ("L_semi, eq. 6", {}),
        "pseudo_source": ("who predicts them: each student (paper), or T_b", {"choices": PSEUDO_SOURCES}),
        "pseudo_view": (
            "what they are predicted from: the noisy clip (paper), or the plain one",
            {"choices": PSEUDO_VIEWS},
        ),
        "pseudo_threshold": (
            "half: the more probable class (paper); prior: as many present as among the labels",
            {"choices": PSEUDO_THRESHOLDS},
        ),
        "order_task": ("L_ssl: learn to tell shuffled features from ordered ones", {}),
        "order_gate": ("TPL: drop the pseudo labels of clips that look shuffled", {}),
        "ramp": ("eq. 8; off: weight 1 from the start", {}),
        "gate_from": ("epoch of the first pseudo labels", {}),
        "ramp_epochs": ("epochs until the ramp reaches 1", {}),
        "dropout": ("in the spatial students", {}),
        "augment": ("rotate, flip and jitter the colours of clips", {}),
        "augmentation": (
            "the paper's, or strong: less turned, with shifts, scales, blur, grain and patches",
            {"choices": AUGMENTATIONS},
        ),
        "noise_share": ("share of the clips that get the noise; the others are only flipped", {}),
        "frozen_epochs": ("so many epochs at the start in which the backbones stand still, for new heads", {}),
        "plain_epochs": ("so many epochs at the end without noise, but for the flip", {}),
        "key_frame_noise": ("branch A sees the augmented key frame instead of the plain one", {}),
        "fixmatch_threshold": ("FixMatch: confidence of a pseudo label", {}),
        "tcl_temperature": ("TCL: temperature of the contrast", {}),
        "semi_weight": ("baselines: weight of the unlabelled terms", {}),
    },
    "optimisation": {
        "optimizer": ("the paper's SGD, or AdamW", {"choices": OPTIMIZERS}),
        "lr": ("learning rate, at its highest", {}),
        "lr_schedule": ("cosine: a short rise, then down to nothing", {"choices": LR_SCHEDULES}),
        "warmup_epochs": ("epochs until the cosine's rise ends", {}),
        "momentum": ("of SGD", {}),
        "weight_decay": ("of either", {}),
        "seed": ("decides weights, labels, clips and noise", {}),
        "amp": ("mixed precision; auto: on a GPU, and on a CPU with bfloat16 instructions", {"choices": AMP_KINDS}),
        "device": ("auto, cpu or cuda", {}),
        "workers": ("processes that crop and that read clips", {}),
        "eval_every": ("epochs between looks at the selection subjects", {}),
    },
}
FLAGS = {"n_frames": "--frames", "side_px": "--side"}


def add_config_options(parser: argparse.ArgumentParser) -> None:
    """An option for each field of TrainConfig, with its default."""
    defaults = {field.name: field.default for field in fields(TrainConfig)}
    for group_name, group_options in OPTIONS.items():
        group = parser.add_argument_group(group_name)
        for name, (text, extra) in group_options.items():
            default = defaults[name]
            flag = FLAGS.get(name, "--" + name.replace("_", "-"))
            if default is MISSING:
                group.add_argument(flag, dest=name, default="", help=text, **extra)
            elif isinstance(default, bool):
                group.add_argument(flag, dest=name, default=default, action=argparse.BooleanOptionalAction, help=text)
            else:
                options = {"type": type(default), **extra}
                shown = "" if default in ("", ()) else " (default: %(default)s)"
                group.add_argument(flag, dest=name, default=default, help=text + shown, **options)


def main(argv: Sequence[str] | None = None) -> int:
    """ks-train: one command from a raw folder to a checkpoint."""
    parser = argparse.ArgumentParser(
        prog="ks-train", description="Train Knowledge-Spreader, or a baseline, from few labels."
    )
    add_config_options(parser)
    parser.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in --out, to the same weights as if it had not stopped",
    )
    parser.add_argument(
        "--describe", action="store_true", help="print parameters by part and FLOPs per frame, and exit"
    )
    parser.add_argument(
        "--progress", action=argparse.BooleanOptionalAction, default=sys.stderr.isatty(), help="progress bars on stderr"
    )
    return run(lambda: _train(parser.parse_args(argv)))


def _train(args: argparse.Namespace) -> None:
    values = {field.name: getattr(args, field.name) for field in fields(TrainConfig)}
    if args.describe:
        from knowledge_spreader.evaluation.model_cost import describe

        describe(TrainConfig(**values), Console())
        return
    if missing := [f"--{name}" for name in ("data", "root", "out") if not values[name]]:
        raise KSError(
            f"ks-train needs {', '.join(missing)}; e.g. ks-train --data disfa --root DISFA --out runs/disfa --labels 2%"
        )
    from knowledge_spreader.training.trainer import train

    summary = train(TrainConfig(**values), progress=args.progress, resume=args.resume)
    score = f"F1 {100 * summary.selection_f1:.1f}" if summary.selection_f1 >= 0 else "not scored"
    print(f"{summary.best_path}: epoch {summary.best_epoch}, {score}, selected on {_selection(summary.best_path)}")
    if values["fold"]:
        print(f"next: ks-eval {summary.best_path}")


def _selection(path: Path) -> str:
    from knowledge_spreader.checkpoint import load_checkpoint

    return str(load_checkpoint(path).metrics["selection"])


if __name__ == "__main__":  # ks-train, for torchrun
    sys.exit(main())
