"""What `--init` means: settled before any picture is cropped. config.json then says what was used.

A compiled model, bundled or a file of one's own, also decides the settings that its weights depend on, unless they were
given. This floor knows no `.ks` files: who calls `train` may hand in what opens them.
"""

import logging
from collections.abc import Callable
from dataclasses import fields, replace
from typing import Protocol

import numpy as np

from knowledge_spreader.arrays import U8
from knowledge_spreader.checkpoint import Checkpoint
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.config import TrainConfig, option_of
from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.spec import ModelSpec

log = logging.getLogger(__name__)

AUTO, BUNDLED = "auto", "bundled"
WORDS = (AUTO, "imagenet", BUNDLED, "random")  # all else is a file
_MUST_FIT = ("backbone", "n_frames")  # heads of other settings are initialised anew
_FOLLOWING = (*_MUST_FIT, "side_px", "correlation", "spatial_pooling", "frame_pooling", "mark_key")
_NO_SETTING = ("token_width", "layers", "heads")  # the same in all models of ks-train
_FACES = 512  # crops on which batch norms are measured


class StartFile(Protocol):
    """A `.ks` file to start from."""

    @property
    def name(self) -> str:
        """Its file name and what identifies its weights, for the log."""

    @property
    def spec(self) -> ModelSpec: ...

    def checkpoint(self, faces: U8, seed: int) -> Checkpoint:
        """Its weights with batch norms measured on faces (F, side, side, 3). seed: for newly initialised layers."""


OpenStart = Callable[[str], StartFile]  # "bundled" or a path -> the file; raises KSError


def is_compiled(init: str) -> bool:
    return init == BUNDLED or init.endswith(".ks")


def open_compiled(init: str, opens: OpenStart | None) -> StartFile:
    """Raises ModelError, one line, if there is nothing that opens `.ks` files."""
    if opens is None:
        raise ModelError(
            f"--init {init} is a compiled model, which only ks-train opens (knowledge_spreader.engines.train); "
            "use that, or a checkpoint of ks-restore"
        )
    return opens(init)


def not_defaults(config: TrainConfig) -> frozenset[str]:
    """The settings that differ from their defaults: those that were given, if nobody knows better."""
    return frozenset(s.name for s in fields(config) if getattr(config, s.name) != s.default)


def followed(config: TrainConfig, given: frozenset[str], start: StartFile, why: str = "") -> TrainConfig:
    """The settings with those that were not given as in the file. Raises ModelError if its backbones do not fit then.

    why: what led to this file, for the error and the log.
    """
    spec, said = start.spec, f"{why}; " if why else ""
    if other := ModelSpec(spec.aus).differences(
        spec, ignore=[s.name for s in fields(spec) if s.name not in _NO_SETTING]
    ):
        raise ModelError(
            f"{said}--init {config.init}: {start.name} has another width ({', '.join(other)}); use another file"
        )
    if wrong := [n for n in _MUST_FIT if n in given and getattr(config, n) != getattr(spec, n)]:
        mine, theirs = (" ".join(f"{option_of(n)} {getattr(x, n)}" for n in wrong) for x in (config, spec))
        raise ModelError(
            f"{said}--init {config.init}: {start.name} has {theirs}, but {mine} was given; "
            f"leave {' and '.join(map(option_of, wrong))} out, or use --init random"
        )
    as_file = {n: getattr(spec, n) for n in _FOLLOWING if n not in given}
    if not config.key_shift:  # a key frame that never moves needs no mark
        as_file.pop("mark_key", None)
    return replace(config, **as_file)


def settled(
    config: TrainConfig, given: frozenset[str], opens: OpenStart | None, no_imagenet: Callable[[str], str]
) -> TrainConfig:
    """The settings with `auto` replaced by what can be had: "imagenet", else "bundled"; one line on the log says which.

    given: settings that the user chose. no_imagenet: why a backbone's ImageNet weights cannot be had, "" if they can.
    Raises MissingError or ModelError, one line, if neither can be used.
    """
    if config.init != AUTO:
        return config
    if not (why := no_imagenet(config.backbone)):
        log.info("--init auto: starts from torchvision's ImageNet weights")
        return replace(config, init="imagenet")
    if opens is None:
        raise MissingError(f"{why}; use --init random, or ks-train, which has the bundled model to start from")
    start = opens(BUNDLED)
    config = followed(replace(config, init=BUNDLED), given, start, why)
    log_start(config, start, f"--init auto: {why}; ")
    return config


def log_start(config: TrainConfig, start: StartFile, why: str = "") -> None:
    """One line: the file, and the settings that its weights depend on."""
    told = [f"{option_of(n)} {getattr(config, n)}" for n in _FOLLOWING if n != "mark_key"]
    told += ["--mark-key"] if config.mark_key else []
    log.info("%sstarts from %s with %s", why, start.name, " ".join(told))


def as_before(config: TrainConfig, given: frozenset[str], saved: TrainConfig) -> TrainConfig:
    """The settings of a resumed run: where nothing was given, what had been settled when it began."""
    if config.init == AUTO and saved.init in ("imagenet", BUNDLED):
        config = replace(config, init=saved.init)
    if is_compiled(config.init) and config.init == saved.init:
        config = replace(config, **{n: getattr(saved, n) for n in _FOLLOWING if n not in given})
    return config


def training_faces(material: Material) -> U8:
    """Up to 512 crops (F, side, side, 3), evenly spread over all frames of the training subjects."""
    rows = np.flatnonzero(material.frames_of(material.split.train))
    rows = rows[np.unique(np.linspace(0, len(rows) - 1, _FACES).astype(int))]
    index = material.index
    return np.concatenate(
        [material.crops[v].read(index.row[rows[index.video[rows] == v]]) for v in set(index.video[rows])]
    )
