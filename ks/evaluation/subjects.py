"""The subjects to evaluate or fit a checkpoint on: those held out by its run, or all of another data set."""

import logging
from dataclasses import replace

from knowledge_spreader.arrays import I64
from knowledge_spreader.checkpoint import Checkpoint
from knowledge_spreader.clips.chosen_data import Split, choose_data, every_label, spec_of
from knowledge_spreader.clips.training_data import Material, cache_folder, load_material, selection_frames
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError, ModelError
from knowledge_spreader.files import check_folder

log = logging.getLogger(__name__)

SUBJECTS = ("selection", "test", "all")


def settings(saved: Checkpoint, subjects: str, changes: dict[str, str]) -> TrainConfig:
    """The run's settings with changes: data, root, cache, face_model, face_runtime; "" means unchanged.

    Raises DataError if "all" would include subjects that the weights were trained on.
    """
    given = {name: value for name, value in changes.items() if value}
    if subjects != "all":
        return replace(saved.config, **given)  # type: ignore[arg-type]
    if "root" not in given:
        raise DataError("--subjects all would include the training subjects; name another data set with --root")
    config = replace(saved.config, aus=saved.spec.aus, **given)  # type: ignore[arg-type]
    # the run's folds and label lists do not apply to another data set
    return replace(config, fold=0, val_share=0.0, paper_protocol=False, label_list="", labels=1.0)


def material_of(saved: Checkpoint, config: TrainConfig, subjects: str, progress: bool) -> Material:
    """The data set. Raises ModelError if it does not fit the model, DataError if the subjects have no label.

    Both are said before a face is cropped.
    """
    check_folder("--cache", cache_folder(config))
    chosen = choose_data(config)
    if differences := saved.spec.differences(spec_of(config, chosen.data)):
        raise ModelError(f"the checkpoint does not fit {config.data} at {config.root}: {', '.join(differences)}")
    split = chosen.split
    people = {"selection": split.selection, "test": split.test, "all": chosen.data.subjects}[subjects]
    if not len(chosen.labels_of(people, every=subjects != "selection" or every_label(config))):
        raise _no_frame(subjects, split)
    return load_material(config, progress, chosen)


def frames_of(subjects: str, config: TrainConfig, material: Material) -> I64:
    """Rows of the index with labels of these subjects that may be used. Raises DataError if there are none."""
    split = material.split
    if subjects == "selection":
        which = selection_frames(config, material)  # only labels that the training could use for selection
    else:
        which = material.known(split.test if subjects == "test" else material.data.subjects)
    if not len(which):
        raise _no_frame(subjects, split)
    return which


def _no_frame(subjects: str, split: Split) -> DataError:
    return DataError(
        f"no labelled frame for --subjects {subjects} ({split.protocol}); "
        "train with --val-share, choose other subjects, or name another data set with --root"
    )
