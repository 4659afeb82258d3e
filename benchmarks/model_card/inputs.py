"""Reads and checks what a model card is made of: the reports of ks-eval and ks-real on one model."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.benchmarks.real_faces.judge import MEDIAPIPE, MODEL
from knowledge_spreader.benchmarks.real_faces.report import FORMAT as REAL_FORMAT
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.evaluation.report import FORMAT as EVAL_FORMAT
from knowledge_spreader.files import read_json
from knowledge_spreader.spec import au_label, parse_aus

CLASSES = 5  # probability classes in the calibration table
_SAME = 1e-6  # largest difference between equal thresholds after JSON

Score = float | None  # None: cannot be computed


@dataclass(frozen=True, slots=True)
class HeldOutAU:
    """One AU on rendered people that training never saw."""

    present: Score  # share of frames
    threshold: float  # of the shipped model
    f1: Score  # at threshold 0.5
    f1_shipped: Score  # at the shipped threshold
    auc: Score
    ece: Score


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The report of ks-eval on one checkpoint."""

    frames: int
    aus: Mapping[int, HeldOutAU]
    mean: HeldOutAU  # over the AUs that have the score
    reliability: F64  # (bins, 3) frames, sum of probabilities, positives; summed over AUs


@dataclass(frozen=True, slots=True)
class RealAU:
    """One AU on real faces coded by eye."""

    present: int  # faces
    absent: int  # faces
    auc: Score  # None: too few faces
    auc_interval: tuple[Score, Score]
    auc_mediapipe: Score
    f1: Score
    false_alarms: Score
    ece: Score


@dataclass(frozen=True, slots=True)
class AtRest:
    """One AU on portraits: shares of the faces that reach the threshold."""

    rest: Score
    interval: tuple[Score, Score]
    smiles: Score
    rest_mediapipe: Score


@dataclass(frozen=True, slots=True)
class RealPortraits:
    """Portraits of people at rest and smiling."""

    faces: tuple[int, int]  # at rest, smiling
    people: int
    no_answer: Score  # share of pictures
    auc_smile: tuple[Score, Score]  # of AU12, smile against rest: the model, MediaPipe
    aus: Mapping[int, AtRest]


@dataclass(frozen=True, slots=True)
class Real:
    """The report of ks-real on one `.ks` file."""

    weights: str
    note: str
    faces: int
    answered: int
    thresholds: Mapping[int, float]  # in use
    crops_thresholds: Mapping[int, float]  # of the checkpoint
    aus: Mapping[int, RealAU]
    portraits: RealPortraits | None  # None: the report has none


def read_inputs(eval_path: Path, real_path: Path) -> tuple[HeldOut, Real]:
    """Both reports. Raises DataError if a report is incomplete or the two are of different models."""
    with _whole(real_path, "ks-real --landmarker ... --json"):
        real = _real(read_report(real_path, REAL_FORMAT))
    with _whole(eval_path, "ks-eval --json"):
        held_out = _held_out(read_report(eval_path, EVAL_FORMAT))
    if set(held_out.aus) != set(real.thresholds):
        raise DataError(
            f"{eval_path} has AUs {list(held_out.aus)}, {real_path} {list(real.thresholds)}; give reports of one model"
        )
    for au, row in held_out.aus.items():
        if abs(row.threshold - real.crops_thresholds[au]) > _SAME:
            raise DataError(
                f"the threshold of {au_label(au)} is {row.threshold:g} in {eval_path} and "
                f"{real.crops_thresholds[au]:g} in {real_path}: two models; evaluate the checkpoint of the .ks "
                "file"
            )
    return held_out, real


def read_report(path: Path, wanted: int | None = None) -> dict[str, Any]:
    """The JSON object in a file. Raises DataError if it is not one, or not of format `wanted`."""
    report = read_json(path, "a command")
    if wanted is not None and report["format"] != wanted:
        raise DataError(f"{path} has format {report['format']!r}, wanted {wanted}; write it again")
    return report


@contextmanager
def _whole(path: Path, command: str) -> Iterator[None]:
    """Turns what a report lacks, or has in another form, into a DataError."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as exc:
        reason = f"no {exc}" if isinstance(exc, KeyError) else one_line(exc)
        raise DataError(f"{path} is not a complete report of {command} ({reason}); write it again") from exc


def _held_out(report: Mapping[str, Any]) -> HeldOut:
    if len(report["per_fold"]) != 1:
        raise ValueError(f"a card describes one checkpoint, this report {len(report['per_fold'])}")
    (fold,) = report["per_fold"]
    shipped = fold["f1_chosen"] or fold["f1"]  # a model without thresholds uses 0.5
    scores = {"f1": fold["f1"], "f1_shipped": shipped, "auc": fold["auc"], "ece": fold["ece"]}
    aus = {
        au: HeldOutAU(
            present=_score(fold["positive_rate"][au_label(au)]),
            threshold=float(fold["thresholds"][au_label(au)]) if fold["thresholds"] else 0.5,
            **{name: _score(of["per_au"][au_label(au)]) for name, of in scores.items()},
        )
        for au in report["aus"]
    }
    means = {name: _score(of["mean"]) for name, of in scores.items()}
    return HeldOut(
        int(fold["frames"]), aus, HeldOutAU(present=None, threshold=np.nan, **means), _reliability(fold["reliability"])
    )


def _reliability(tables: Any) -> F64:
    table = np.asarray(tables, np.float64)
    if table.ndim != 3 or table.shape[2] != 3 or table.shape[1] % CLASSES:
        raise ValueError(f"reliability must be (AUs, bins, 3) with bins a multiple of {CLASSES}; got {table.shape}")
    return np.asarray(table.sum(axis=0), np.float64)


def _real(report: Mapping[str, Any]) -> Real:
    ours = {row["au"]: row for row in report["scores"][MODEL]["aus"]}
    theirs = {row["au"]: row for row in report["scores"][MEDIAPIPE]["aus"]}
    scores = ("auc", "f1", "false_alarms", "ece")
    aus = {
        au: RealAU(
            present=int(row["present"]),
            absent=int(row["absent"]),
            auc_interval=(_score(row["auc_interval"][0]), _score(row["auc_interval"][1])),
            auc_mediapipe=_score(theirs[au]["auc"]),
            **{name: _score(row[name]) for name in scores},
        )
        for au, row in ours.items()
    }
    thresholds = _thresholds(report["thresholds"])
    of_crops = _thresholds(report.get("crops_thresholds", report["thresholds"]))
    faces = report["faces"]
    answered = sum(not face["no_answer"] for face in faces)
    portraits = _portraits(report["portraits"]) if report.get("portraits") else None
    return Real(str(report["weights"]), str(report["note"]), len(faces), answered, thresholds, of_crops, aus, portraits)


def _portraits(report: Mapping[str, Any]) -> RealPortraits:
    ours = {row["au"]: row for row in report["scores"][MODEL]["aus"]}
    theirs = {row["au"]: row for row in report["scores"][MEDIAPIPE]["aus"]}
    aus = {
        au: AtRest(
            rest=_score(row["at_rest"]),
            interval=(_score(row["at_rest_interval"][0]), _score(row["at_rest_interval"][1])),
            smiles=_score(row["smiles"]),
            rest_mediapipe=_score(theirs[au]["at_rest"]),
        )
        for au, row in ours.items()
    }
    smiles = [bool(picture["smiles"]) for picture in report["pictures"]]
    people = len({picture["person"] for picture in report["pictures"]})
    no_answer = _score(report["scores"][MODEL]["no_answer"])
    auc = (_score(ours[12]["auc_smile"]), _score(theirs[12]["auc_smile"])) if 12 in ours else (None, None)
    return RealPortraits((smiles.count(False), smiles.count(True)), people, no_answer, auc, aus)


def _thresholds(named: Mapping[str, Any]) -> dict[int, float]:
    return {parse_aus(name)[0]: float(value) for name, value in named.items()}


def _score(value: Any) -> Score:
    return None if value is None else float(value)
