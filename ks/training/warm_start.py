"""Warm start: the initial weights of a run, from ImageNet or from a checkpoint that fits in part."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain
from operator import attrgetter
from pathlib import Path

from knowledge_spreader.checkpoint import Checkpoint, load_checkpoint, load_weights
from knowledge_spreader.clips.chosen_data import spec_of
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.datasets.types import DataSet
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.backbone import make_backbone
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import CHOSEN_LATER, ModelSpec
from knowledge_spreader.training.init_choice import WORDS, OpenStart, is_compiled, open_compiled, training_faces
from knowledge_spreader.training.shared_aus import with_shared

log = logging.getLogger(__name__)

NOT_OF_WEIGHTS = (*CHOSEN_LATER, "fps", "crop_version")  # fields that do not affect the weights
HEADS = {  # part of a KSModel -> spec fields that it depends on; backbones depend on none of them
    "spatial_teacher": ("aus", "correlation", "spatial_pooling"),
    "pool_b": ("aus", "frame_pooling"),
    "spatial_students": ("aus", "frame_pooling"),
    "temporal_teacher": ("aus", "correlation", "frame_pooling", "mark_key"),
}


def check_start(config: TrainConfig) -> None:
    """Raises ModelError, before any data is read, if --init names a checkpoint that cannot be used."""
    if config.init == "imagenet" and config.backbone != "resnet18":
        make_backbone(config.backbone, config.init)  # refuses; for resnet18 it would download
    if config.init not in WORDS and not is_compiled(config.init):
        any_data = DataSet(config.data, config.aus or (1,), config.fps or 25.0, (), ())  # neither affects backbones
        _fitting_start(spec_of(config, any_data), config.init)


def _fitting_start(spec: ModelSpec, init: str) -> Checkpoint:
    """The checkpoint at `init`. Raises ModelError if it is none, or if its backbones do not fit."""
    path = Path(init)
    if not path.is_file():
        raise ModelError(
            f"no checkpoint at {init or repr(init)}; --init takes {', '.join(WORDS)}, a checkpoint or a .ks file"
        )
    saved = load_checkpoint(path)
    if differences := spec.differences(saved.spec, ignore=(*NOT_OF_WEIGHTS, *chain(*HEADS.values()), "side_px")):
        raise ModelError(
            f"--init {init} has another spec ({', '.join(differences)}); choose another checkpoint or other settings"
        )
    return saved


def first_model(config: TrainConfig, material: Material, opens: OpenStart | None = None) -> KSModel:
    """The model that a run begins with. Raises ModelError, or MissingError without ImageNet's weights."""
    spec = spec_of(config, material.data)
    if not is_compiled(config.init):
        return start_model(spec, config.init)
    return start_model(
        spec, config.init, open_compiled(config.init, opens).checkpoint(training_faces(material), config.seed)
    )


def start_model(spec: ModelSpec, init: str, restored: Checkpoint | None = None) -> KSModel:
    """A model with initial weights: "random", "imagenet" (both backbones), or those of a checkpoint.

    restored: what was made of a compiled model; without it the checkpoint is the file that `init` names.

    A checkpoint with other heads gives its backbones and the heads that fit, one with other AUs what belongs to those
    that both have. If it was trained with method
    frames, branch B starts as a copy of branch A; also if the new model has frame_pooling "attention" and the
    checkpoint has not. A checkpoint for another crop size is used unchanged. Raises ModelError if backbones do not fit.
    """
    if init in ("random", "imagenet"):
        return make_model(spec, init)
    path = Path(init)
    saved = restored or _fitting_start(spec, init)
    model, tensors = make_model(spec), saved.part("model.")
    if spec.side_px != saved.spec.side_px:
        log.warning("%s was trained on crops of %d px, this run uses %d px", init, saved.spec.side_px, spec.side_px)
    if other_heads := spec.differences(saved.spec, ignore=(*NOT_OF_WEIGHTS, "side_px")):
        both = [au for au in spec.aus if au in saved.spec.aus]
        like = replace(saved.spec, aus=spec.aus, thresholds=(), experimental=(), person_weight=(), person_mean=())
        compared = like if both else saved.spec  # parts with some of the same AUs keep those
        anew = [part for part, fields in HEADS.items() if attrgetter(*fields)(spec) != attrgetter(*fields)(compared)]
        if anew:
            told = ", ".join(other_heads)
            log.warning("%s of %s do not fit and are initialised anew: %s", ", ".join(anew), init, told)
        fits = {name: x for name, x in tensors.items() if name.partition(".")[0] not in anew}
        if both and spec.aus != saved.spec.aus:
            log.info("heads of %s are kept for the AUs %s of %s", init, _listed(both), _listed(spec.aus))
            heads = {n: x for n, x in model.state_dict().items() if n in fits and n.partition(".")[0] in HEADS}
            tokens_b = spec.frame_pooling == "attention"
            fits |= with_shared(heads, fits, (spec.aus, saved.spec.aus), tokens_b)
        tensors = model.state_dict() | fits
    load_weights(model, tensors, path)
    tokens = spec.frame_pooling == "attention"
    if saved.config.method == "frames" or (tokens and saved.spec.frame_pooling != "attention"):
        model.base_b.load_state_dict(model.base_a.state_dict())
        log.info("branch B starts as a copy of branch A of %s", init)
        if tokens:  # S_a's other parts have no counterpart in pool_b; attention starts as the mean
            ours = model.spatial_teacher.state_dict()
            model.pool_b.load_state_dict({n: ours.get(n, x) for n, x in model.pool_b.state_dict().items()})
    return model


def _listed(aus: Sequence[int]) -> str:
    return ",".join(map(str, aus))
