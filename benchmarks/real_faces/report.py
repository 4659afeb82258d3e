"""The JSON report of ks-real: all scores, and the answer for each face."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from knowledge_spreader.benchmarks.real_faces.answers import Answer, Run
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet
from knowledge_spreader.benchmarks.real_faces.judge import Judged
from knowledge_spreader.benchmarks.real_faces.portraits import Portraits
from knowledge_spreader.evaluation.report import without_nan
from knowledge_spreader.spec import au_label

FORMAT = 1  # raise it when a key changes its meaning
_DIGITS = 6  # of the answers; the models compute with 7


def report(run: Run, judged: Judged, sets: Sequence[CodedSet], portraits: Portraits | None) -> dict[str, Any]:
    """The report; what cannot be computed is None."""
    faces = [
        {
            "set": one.name,
            **{name: getattr(face, name) for name in ("file", "frame", "face", "person")},
            **_answer(answer),
        }
        for one, answers in zip(sets, run.coded, strict=True)
        for face, answer in zip(one.coded.faces, answers, strict=True)
    ]
    found = {
        "format": FORMAT,
        **{name: getattr(run, name) for name in ("model", "weights", "note", "engine")},
        "voices": run.voices,
        "thresholds": _named(run.thresholds),
        "crops_thresholds": _named(run.crops_thresholds),
        "left_out": list(map(au_label, judged.left_out)),
        "scores": {who: asdict(of) for who, of in judged.scores.items()},
        "sets": [{**asdict(of), "sha256": one.sha256} for one, of in zip(sets, judged.sets, strict=True)],
        "coverage": asdict(judged.coverage),
        "portraits": _portraits(run, judged, portraits) if portraits else None,
        "faces": faces,
    }
    plain: dict[str, Any] = without_nan(_plain(found))
    return plain


def _portraits(run: Run, judged: Judged, portraits: Portraits) -> dict[str, Any]:
    pictures = [
        {"file": picture.path.name, "person": picture.person, "smiles": picture.smiles, **_answer(answer)}
        for picture, answer in zip(portraits.pictures, run.portraits, strict=True)
    ]
    scores = {who: asdict(of) for who, of in judged.portraits.items()}
    return {"name": portraits.name, "sha256": portraits.sha256, "scores": scores, "pictures": pictures}


def _answer(answer: Answer) -> dict[str, Any]:
    return {
        "no_answer": answer.reason,
        "width_px": None if answer.width_px is None else round(answer.width_px, 1),
        "turned_deg": None if answer.turned_deg is None else round(answer.turned_deg, 1),
        "probability": _rounded(answer.probability),
        "occurrence": _named(answer.occurrence),
        "blendshapes": _rounded(answer.blendshapes),
    }


def _named(values: Mapping[int, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {au_label(au): value for au, value in values.items()}


def _rounded(values: Mapping[int, float] | None) -> dict[str, float] | None:
    return None if values is None else {au_label(au): round(value, _DIGITS) for au, value in values.items()}


def _plain(value: Any) -> Any:
    """The value with lists in place of tuples."""
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    return [_plain(inner) for inner in value] if isinstance(value, list | tuple) else value
