"""Checks a training run before any work: its folder, the files it reads, and the checkpoint that it begins from."""

import json
from pathlib import Path

from knowledge_spreader.checkpoint import load_checkpoint
from knowledge_spreader.clips.label_budget import read_labels
from knowledge_spreader.clips.training_data import cache_folder
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.files import check_folder, check_place, same_file
from knowledge_spreader.method.backbone import no_imagenet
from knowledge_spreader.training.init_choice import (
    AUTO,
    WORDS,
    OpenStart,
    as_before,
    followed,
    is_compiled,
    log_start,
    not_defaults,
    open_compiled,
    settled,
)
from knowledge_spreader.training.warm_start import check_start

RUN_FILES = ("config.json", "labels.csv", "log.jsonl", "best.safetensors", "last.safetensors")  # what a run writes
MAY_DIFFER = ("out", "device", "workers", "cache", "epochs", "face_runtime")  # settings that a resumed run may change


def check_run(
    config: TrainConfig, resume: bool, given: frozenset[str] | None = None, opens: OpenStart | None = None
) -> TrainConfig:
    """The settings, completed by those of the compiled model that the run begins from, or of the run that it resumes.

    given: settings that the user chose; None: those that differ from their defaults. Raises KSError, one line, if the
    run could not write its folder, or would be refused after the data is read.
    """
    given = not_defaults(config) if given is None else given
    out = Path(config.out)
    check_folder("--out", out)
    for name in RUN_FILES:
        check_place("--out", out / name, new_folder=True)
    check_folder("--out", out / "tb")
    _no_input_is_overwritten(config, out)
    check_folder("--cache", cache_folder(config))
    if config.label_list:
        read_labels(Path(config.label_list))
    if config.face_model and not config.aligned:
        find_face_model(config.face_model, config.face_runtime)
    if resume:
        path = out / "last.safetensors"
        saved = load_checkpoint(path).config
        config = as_before(config, given, saved)
        check_same_settings(config, saved, path)
        return config
    _nothing_else_is_overwritten(out)
    if is_compiled(config.init):
        start = open_compiled(config.init, opens)
        config = followed(config, given, start)
        log_start(config, start)
    if config.init == AUTO and config.backbone != "resnet18":  # no need to ask the network
        config = settled(config, given, opens, no_imagenet)
    check_start(config)
    return config


def _no_input_is_overwritten(config: TrainConfig, out: Path) -> None:
    given = {"--root": config.root, "--label-list": config.label_list, "--face-model": config.face_model}
    if config.init not in WORDS:
        given["--init"] = config.init
    for name in RUN_FILES:
        for option, path in given.items():
            if path and same_file(out / name, Path(path)):
                raise DataError(f"--out {out}: the run would write over {path}, its {option}; choose another folder")


def _nothing_else_is_overwritten(out: Path) -> None:
    """A run that was killed before its first checkpoint may begin again; nothing else is replaced."""
    if (out / "last.safetensors").exists():
        raise KSError(f"{out} already contains a run; continue it with --resume, or choose another --out")
    there = [name for name in RUN_FILES if (out / name).exists()]
    if there and not _is_run_folder(out):
        raise DataError(f"--out {out} contains {there[0]}, which ks-train did not write; choose another folder")


def _is_run_folder(out: Path) -> bool:
    """Whether config.json is that of a run; an empty one counts, of a run that was killed while it wrote it."""
    try:
        text = (out / "config.json").read_text(encoding="utf-8")
        return not text or TrainConfig.from_json(text) is not None
    except (OSError, ValueError, TypeError, AttributeError, KSError):
        return False


def check_same_settings(config: TrainConfig, saved: TrainConfig, path: Path) -> None:
    """Raises KSError if a run that is resumed from the checkpoint at `path` has other settings."""
    mine, theirs = json.loads(config.to_json()), json.loads(saved.to_json())
    if different := [f"{k} {theirs[k]} -> {mine[k]}" for k in mine if mine[k] != theirs[k] and k not in MAY_DIFFER]:
        raise KSError(
            f"{path} has other settings ({'; '.join(different)}); "
            "resume with the same settings, or choose another --out"
        )
