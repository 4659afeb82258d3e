"""A model's predictions on frames of a data set, for every position of the key frame; each frame is encoded once."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from knowledge_spreader.arrays import F32, F64, I32, I64, U8, sigmoid
from knowledge_spreader.calibration.person_baseline import PersonView, apply_person
from knowledge_spreader.checkpoint import load_checkpoint, load_model
from knowledge_spreader.clips.training_data import Material
from knowledge_spreader.device import pick_device
from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.report import Predictions, Study, check_one_study
from knowledge_spreader.evaluation.subjects import frames_of, material_of, settings
from knowledge_spreader.method.network import KSModel

CHUNK = 64  # pictures encoded at once


class Answers(NamedTuple):
    """Logits on T frames."""

    output: F32  # (N, T, U) for each key position m
    o_a: F32  # (T, U)
    o_b: F32  # (T, U) at the live position
    in_order: F32  # (T,) at the live position


@torch.inference_mode()
def answer(model: KSModel, material: Material, which: I64, device: torch.device, live_only: bool = False) -> Answers:
    """The model's logits on the frames `which` (T,) of the index; each frame is encoded once.

    Clips stay in the frame's run, and edge frames repeat, as in training and live.
    live_only: only the live position, m = N - 1, so that output is (1, T, U).
    """
    model.eval()
    n = len(model.spatial_students.hidden)
    positions = [n - 1] if live_only else range(n)
    parts: list[Answers] = []
    for video in np.unique(material.index.video[which]):
        mine = which[material.index.video[which] == video]
        clips = np.stack([material.index.clip_rows(mine, m, n) for m in positions])  # (M, T, N) rows
        needed, place = np.unique(clips, return_inverse=True)
        read = material.crops[video].read
        feature = torch.cat([model.pooled_b(_pictures(read(rows), device)).float() for rows in _chunks(needed)])
        keys = material.index.row[mine]
        o_a = torch.cat(
            [model.spatial_teacher(model.base_a(_pictures(read(rows), device))).float() for rows in _chunks(keys)]
        )
        windows = feature[torch.from_numpy(place.reshape(clips.shape)).to(device)]  # (M, T, N, C)
        by_m = [model.predict(o_a, window, m) for m, window in zip(positions, windows, strict=True)]
        output, live = torch.stack([p.output for p in by_m]), by_m[-1]
        parts.append(Answers(*(x.float().cpu().numpy() for x in (output, o_a, live.o_b, live.in_order))))
    if not parts:
        raise DataError("no frame to evaluate; choose another fold or more subjects")
    return Answers(
        np.concatenate([p.output for p in parts], 1), *(np.concatenate([p[i] for p in parts]) for i in (1, 2, 3))
    )


def _pictures(crops: U8, device: torch.device) -> Tensor:
    return torch.from_numpy(crops).to(device, non_blocking=True)


def _chunks(rows: I32) -> list[I32]:
    return [rows[i : i + CHUNK] for i in range(0, len(rows), CHUNK)]


def probability(logits: F32) -> F32:
    """Logits -> probability of presence."""
    return sigmoid(logits.astype(np.float64)).astype(np.float32)


def times_s(material: Material, which: I64) -> F64:
    """(T,) times of the frames `which` (T,) of the index in their videos."""
    places = zip(material.index.video[which], material.index.row[which], strict=True)
    return np.array([material.videos[video].frames[row] for video, row in places], np.float64) / material.data.fps


def relative_to_person(view: PersonView, material: Material, which: I64, logits: F32) -> F32:
    """Applies the person baseline, as live, to logits (T, U) of the frames `which`; each video is a new face."""
    seen, time_s = np.empty_like(logits), times_s(material, which)
    for video in np.unique(material.index.video[which]):
        mine = material.index.video[which] == video
        seen[mine] = apply_person(view, logits[mine], time_s[mine])
    return seen


def check_together(checkpoints: Sequence[Path], person: bool = True, subjects: str = "test") -> None:
    """Raises ModelError or KSError, before any prediction, if the checkpoints cannot be evaluated together."""
    saved = [load_checkpoint(path) for path in checkpoints]
    check_one_study(
        [
            Study(
                data=one.config.data,
                aus=one.spec.aus,
                method=one.config.method,
                person=person and PersonView.of(one.spec) is not None,
                label_share=one.config.labels,
                selection=str(one.metrics.get("selection", "")),
                n_frames=one.spec.n_frames,
                has_thresholds=bool(one.spec.thresholds),
                fold=0 if subjects == "all" else one.config.fold,
            )
            for one in saved
        ]
    )


def predict_test(
    checkpoint: Path,
    device: str = "auto",
    progress: bool = False,
    *,
    person: bool = True,
    subjects: str = "test",
    **changes: str,
) -> Predictions:
    """Predictions of a checkpoint on the test part of its fold, or on all subjects of another data set.

    subjects: "test", or "all" of another root.
    person: subtract the person baseline if the checkpoint has one; o_a and o_b are always without.
    changes: settings of the run that differ here, e.g. root or cache on another machine.
    Raises ModelError if the data set does not fit the model, DataError if the fold has no test part.
    """
    where = pick_device(device)
    model, saved = load_model(checkpoint, where)
    config = settings(saved, subjects, changes)
    if subjects == "test" and not config.fold:
        raise DataError(
            f"{checkpoint} was trained on all subjects (--fold 0), so there is no test part; "
            "name another data set: --subjects all --root DATA"
        )
    material = material_of(saved, config, subjects, progress)
    which = frames_of(subjects, config, material)
    answers = answer(model, material, which, where)
    outputs = answers.output
    if config.method == "frames":  # only branch A was trained
        outputs = np.broadcast_to(answers.o_a, outputs.shape)
    view = PersonView.of(saved.spec) if person else None
    if view is not None:
        outputs = np.stack([relative_to_person(view, material, which, logits) for logits in outputs])
    return Predictions(
        checkpoint=str(checkpoint),
        data=config.data,
        fold=config.fold,
        aus=saved.spec.aus,
        labels=material.index.labels[which],
        probability=probability(outputs),
        o_a=answers.o_a,
        o_b=answers.o_b,
        thresholds=saved.spec.thresholds,
        selection=material.split.protocol,
        label_share=config.labels,
        method=config.method,
        person=view is not None,
    )
