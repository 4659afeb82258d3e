"""What a model card is made of: the reports of ks-eval and ks-real on one model, read and checked."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from knowledge_spreader.arrays import F64
from knowledge_spreader.benchmarks.real_faces.run import FORMAT as REAL_FORMAT
from knowledge_spreader.benchmarks.real_faces.run import MEDIAPIPE
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.evaluation.report import FORMAT as EVAL_FORMAT
from knowledge_spreader.files import read_json
from knowledge_spreader.spec import au_label, parse_aus

CLASSES = 5  # of probability in the table of calibration
_SAME = 1e-6  # thresholds of one model, through JSON

Score = float | None  # None: does not exist


@dataclass(frozen=True, slots=True)
class HeldOutAU:
    """One AU on rendered people that training never saw."""

    present: Score  # share of frames
    threshold: float  # as shipped
    f1: Score  # at 0.5
    f1_shipped: Score
    auc: Score
    ece: Score


@dataclass(frozen=True, slots=True)
class HeldOut:
    """What ks-eval says of one checkpoint."""

    frames: int
    aus: Mapping[int, HeldOutAU]
    mean: HeldOutAU  # of those that exist
    reliability: F64  # (bins, 3) frames, sum of probability, positives; all AUs added up


@dataclass(frozen=True, slots=True)
class RealAU:
    """One AU on real faces coded by eye."""

    present: int
    absent: int
    auc: Score  # None: no evidence
    auc_interval: tuple[Score, Score]
    auc_mediapipe: Score
    f1: Score
    false_alarms: Score
    ece: Score


@dataclass(frozen=True, slots=True)
class Real:
    """What ks-real says of one `.ks` file."""

    weights: str
    note: str
    faces: int
    answered: int
    thresholds: Mapping[int, float]
    aus: Mapping[int, RealAU]


def read_inputs(eval_path: Path, real_path: Path) -> tuple[HeldOut, Real]:
    """Raises DataError, one line, where a report lacks something or the two are of different models."""
    with _whole(real_path, "ks-real --landmarker ... --json"):
        real = _real(read_report(real_path, REAL_FORMAT))
    with _whole(eval_path, "ks-eval --json"):
        held_out = _held_out(read_report(eval_path, EVAL_FORMAT))
    if set(held_out.aus) != set(real.thresholds):
        raise DataError(
            f"{eval_path} is of AUs {list(held_out.aus)}, {real_path} of {list(real.thresholds)}; one model"
        )
    for au, row in held_out.aus.items():
        if abs(row.threshold - real.thresholds[au]) > _SAME:
            raise DataError(
                f"{au_label(au)} is present from {row.threshold:g} in {eval_path} and from {real.thresholds[au]:g} in "
                f"{real_path}: two models; evaluate the checkpoint that the .ks file was compiled from"
            )
    return held_out, real


def read_report(path: Path, wanted: int | None = None) -> dict[str, Any]:
    """A JSON object, of a format where one is wanted. Raises DataError where it is none."""
    report = read_json(path, "a command")
    if wanted is not None and report["format"] != wanted:
        raise DataError(f"{path} has format {report['format']!r}, wanted {wanted}; write it anew")
    return report


@contextmanager
def _whole(path: Path, command: str) -> Iterator[None]:
    """What is missing in a report, or of another kind, is one line."""
    try:
        yield
    except (KeyError, TypeError, ValueError, IndexError, AttributeError) as exc:
        reason = f"no {exc}" if isinstance(exc, KeyError) else one_line(exc)
        raise DataError(f"{path} is no whole report of {command} ({reason}); write it anew") from exc


def _held_out(report: Mapping[str, Any]) -> HeldOut:
    if len(report["per_fold"]) != 1:
        raise ValueError(f"a card is of one checkpoint, this of {len(report['per_fold'])}")
    (fold,) = report["per_fold"]
    shipped = fold["f1_chosen"] or fold["f1"]  # a model without thresholds of its own uses 0.5
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
        raise ValueError(f"reliability is (AUs, bins, 3), bins a multiple of {CLASSES}; got {table.shape}")
    return np.asarray(table.sum(axis=0), np.float64)


def _real(report: Mapping[str, Any]) -> Real:
    ours = {row["au"]: row for row in report["scores"]["model"]["aus"]}
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
    thresholds = {parse_aus(name)[0]: float(value) for name, value in report["thresholds"].items()}
    faces = report["faces"]
    answered = sum(not face["no_answer"] for face in faces)
    return Real(str(report["weights"]), str(report["note"]), len(faces), answered, thresholds, aus)


def _score(value: Any) -> Score:
    return None if value is None else float(value)
