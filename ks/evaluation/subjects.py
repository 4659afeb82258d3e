"""Whose frames a finished checkpoint is looked at with: held out by its own run, or everybody of another data set."""

import logging
from dataclasses import replace

from knowledge_spreader.arrays import I64
from knowledge_spreader.checkpoint import Checkpoint
from knowledge_spreader.clips.training_data import Material, load_material, selection_frames, spec_of
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError, ModelError

log = logging.getLogger(__name__)

SUBJECTS = ("selection", "test", "all")


def settings(saved: Checkpoint, subjects: str, changes: dict[str, str]) -> TrainConfig:
    """The run's settings, with what differs here: data, root, cache, face_model; "" stands for what the run had.

    Raises DataError where "all" would mean those whom the weights were trained on.
    """
    given = {name: value for name, value in changes.items() if value}
    if subjects != "all":
        return replace(saved.config, **given)  # type: ignore[arg-type]
    if "root" not in given:
        raise DataError(
            "--subjects all has those in it that the weights were trained on; name another data set with --root"
        )
    config = replace(saved.config, aus=saved.spec.aus, **given)  # type: ignore[arg-type]
    # another data set knows nothing of the run's folds and lists
    return replace(config, fold=0, val_share=0.0, paper_protocol=False, label_list="", labels=1.0)


def material_of(saved: Checkpoint, config: TrainConfig, progress: bool) -> Material:
    """The data set. Raises ModelError where it does not fit the model."""
    material = load_material(config, progress)
    if differences := saved.spec.differences(spec_of(config, material.data)):
        raise ModelError(f"the checkpoint does not fit {config.data} at {config.root}: {', '.join(differences)}")
    return material


def frames_of(subjects: str, config: TrainConfig, material: Material) -> I64:
    """Rows of the index whose labels may be looked at. Raises DataError when there is none."""
    split = material.split
    if subjects == "selection":
        which = selection_frames(config, material)  # of those labels that the training allowed selection
    else:
        which = material.known(split.test if subjects == "test" else material.data.subjects)
    if not len(which):
        raise DataError(
            f"there is no labelled frame of --subjects {subjects} ({split.protocol}); "
            "train with --val-share, or name other subjects, or another data set with --root"
        )
    return which
