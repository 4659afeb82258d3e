"""Everything trained: the networks, too, from the bundled model on, by the labels of a cell. Needs torch and minutes.

`ks-train --init bundled` on a manifest of the labelled frames. An AU that none of them shows stays the bundled model's,
as does a frame in which the training found no face.
"""

import csv
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F32, F64, I8, I64, Bools
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import MissingError

SUPERVISED, KS = "trained", "trained-ks"
WAYS = {SUPERVISED: "supervised", KS: "ks"}  # of ks-train
_MOST = 40_000  # labelled clips of a whole training: two cores do 30 a second


@dataclass(frozen=True, slots=True)
class Trainings:
    """What trainings of a study have in common."""

    manifest: Path  # of all labels
    paths: tuple[Path, ...]  # of each recording
    aus: tuple[int, ...]
    crops: Path  # a folder for them
    epochs: int = 12
    epoch_clips: int = 260  # labelled clips of an epoch, at least


def trained_logits(of: Trainings, faces: Faces, labels: I8, labelled: Bools, way: str, seed: int) -> F64:
    """(T, U) logits of all faces after a training on labels (T, U) of the `labelled` ones (T,). way: of WAYS."""
    try:
        from knowledge_spreader.engines.train import train
    except ImportError as exc:
        raise MissingError(
            f"--methods {way} needs torch ({exc}); run: pip install 'knowledge-spreader[train]'"
        ) from exc
    labelled = labelled & faces.widest()  # ks-train takes the largest face of a frame
    shown: I64 = np.flatnonzero((labels[labelled] == 1).any(axis=0))
    said = np.where(faces.has_points[:, None], faces.heard, faces.crops).astype(np.float64)
    with tempfile.TemporaryDirectory(prefix="ks-trained-") as folder:
        root = Path(folder, "labels.csv")
        _write(root, of, faces, labels, labelled, shown)
        config = _config(of, root, Path(folder, "run"), int(labelled.sum()), way, seed)
        train(config, progress=False)
        own = _answers(Path(config.out, "best.safetensors"), of, faces)
    known = np.isfinite(own).all(axis=1)
    said[np.ix_(known, shown)] = own[known]
    return said


def _write(root: Path, of: Trainings, faces: Faces, labels: I8, labelled: Bools, shown: I64) -> None:
    """A manifest of the labelled frames."""
    with root.open("w", newline="", encoding="utf-8") as file:
        out = csv.writer(file)
        out.writerow(["video", "subject", "frame", *(f"AU{of.aus[u]}" for u in shown)])
        for row in np.flatnonzero(labelled).tolist():
            path = of.paths[int(faces.recording[row])]
            values = ["" if value < 0 else int(value) for value in labels[row, shown]]
            out.writerow([path.resolve(), faces.person[row], int(faces.frame[row]), *values])


def _config(of: Trainings, root: Path, out: Path, clips: int, way: str, seed: int) -> TrainConfig:
    epoch = max(clips, of.epoch_clips)
    return TrainConfig(
        data="manifest",
        root=str(root),
        out=str(out),
        fold=0,
        val_share=0.0,
        cache=str(of.crops),
        init="bundled",
        method=WAYS[way],
        epochs=max(min(of.epochs, _MOST // epoch), 1),
        epoch_clips=epoch if epoch > clips else 0,
        unlabelled_from=1,
        optimizer="adamw",
        lr=5e-4,
        lr_schedule="cosine",
        seed=seed,
    )


def _answers(checkpoint: Path, of: Trainings, faces: Faces) -> F32:
    """(T, U') live logits of the AUs that were trained; nan where there is no crop."""
    from knowledge_spreader.checkpoint import load_model
    from knowledge_spreader.device import pick_device
    from knowledge_spreader.evaluation.predict import answer
    from knowledge_spreader.evaluation.subjects import frames_of, material_of, settings

    device = pick_device("auto")
    model, saved = load_model(checkpoint, device)
    config = settings(saved, "all", {"root": str(of.manifest), "cache": str(of.crops)})
    material = material_of(saved, config, "all", progress=False)
    which = frames_of("all", config, material)
    logits = answer(model, material, which, device, live_only=True).output[-1]
    place = {path.resolve(): number for number, path in enumerate(of.paths)}
    at = {}
    for video, row, said in zip(material.index.video[which], material.index.row[which], logits, strict=True):
        one = material.videos[video]
        at[place[one.source.resolve()], int(one.pictures[row])] = said
    nothing = np.full(logits.shape[1], np.nan, np.float32)
    where = zip(faces.recording.tolist(), faces.frame.tolist(), strict=True)
    return np.stack([at.get(key, nothing) for key in where])
