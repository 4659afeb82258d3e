"""How a run begins and is told to stop: its clips, first weights, number format, and signals."""

import logging
from itertools import chain
from operator import attrgetter
from pathlib import Path

from knowledge_spreader.checkpoint import load_checkpoint, load_weights
from knowledge_spreader.errors import ModelError
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import CHOSEN_LATER, ModelSpec

log = logging.getLogger(__name__)

NOT_OF_WEIGHTS = (*CHOSEN_LATER, "fps", "crop_version")  # fields that say nothing about the weights
HEADS = {  # part of a KSModel -> fields that change its shape or meaning; backbones fit all
    "spatial_teacher": ("aus", "correlation", "spatial_pooling"),
    "pool_b": ("aus", "frame_pooling"),
    "spatial_students": ("aus", "frame_pooling"),
    "temporal_teacher": ("aus", "correlation", "frame_pooling", "mark_key"),
}


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
            f"ks-restore {init} --faces VIDEO --out start.safetensors"
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
