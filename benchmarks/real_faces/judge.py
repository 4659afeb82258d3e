"""All scores of a run: over all coded sets, for each set, by size and turn of the face, and on portraits."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader.arrays import F64, I64, Bools
from knowledge_spreader.benchmarks.real_faces.answers import NOT_FOUND, Answer, Run
from knowledge_spreader.benchmarks.real_faces.blendshapes import BLIND, CUT
from knowledge_spreader.benchmarks.real_faces.coded_sets import CodedSet
from knowledge_spreader.benchmarks.real_faces.portrait_scores import PortraitScores, score_portraits
from knowledge_spreader.benchmarks.real_faces.portraits import Portraits
from knowledge_spreader.benchmarks.real_faces.scores import HELD_OUT, Answers, Mean, Scores, score

MODEL, MEDIAPIPE = "model", "MediaPipe"
ALL, TWELVE = "all AUs", "12 AUs"
SMALL_PX, TURNED_DEG = 48.0, 35.0  # a face is small below this width, and turned above this yaw or pitch


@dataclass(frozen=True, slots=True)
class SetScores:
    """Means over one coded set."""

    name: str
    faces: int
    answered: int  # by the model
    means: Mapping[str, Mapping[str, Mean]]  # method -> group -> means


@dataclass(frozen=True, slots=True)
class Group:
    """Faces of a kind, by size and turn."""

    faces: int
    answered: int
    mean: Mean  # on the model's answers


@dataclass(frozen=True, slots=True)
class Coverage:
    """How many coded faces the model answered for. A face that was not found is in no group but "all"."""

    faces: int
    answered: int
    no_answer: Mapping[str, int]  # reason -> faces
    groups: Mapping[str, Group]


@dataclass(frozen=True, slots=True)
class Judged:
    """What a run is worth."""

    scores: Mapping[str, Scores]  # method -> over all sets
    sets: tuple[SetScores, ...]
    coverage: Coverage
    portraits: Mapping[str, PortraitScores]  # method -> scores; empty without portraits
    left_out: tuple[int, ...]  # AUs that are coded and that the model does not predict


@dataclass(frozen=True, slots=True, eq=False)
class _Faces:
    """Coded faces of one or more sets, side by side."""

    answers: Sequence[Answer]
    labels: I64  # (T, U)
    people: Sequence[str]

    def only(self, kept: Bools) -> "_Faces":
        at = [i for i, keep in enumerate(kept) if keep]
        return _Faces([self.answers[i] for i in at], self.labels[at], [self.people[i] for i in at])


def judge(run: Run, sets: Sequence[CodedSet], portraits: Portraits | None, *, beside: bool) -> Judged:
    """beside: MediaPipe is scored too. Both are then scored on the coded faces that both answered."""
    labels = [one.coded.labels_of(run.aus) for one in sets]
    faces = _Faces(
        [answer for answers in run.coded for answer in answers],
        np.concatenate(labels) if labels else np.zeros((0, len(run.aus)), np.int64),
        [one.person_of(face) for one in sets for face in one.coded.faces],
    )
    of_set = np.repeat(np.arange(len(sets)), [len(one.coded.faces) for one in sets])
    scores = score_faces(run, faces.answers, faces.labels, faces.people, beside=beside)
    own = [_score_set(run, one.name, faces.only(of_set == i), beside) for i, one in enumerate(sets)]
    coded = {au for one in sets for au in one.coded.aus}
    shown = _score_portraits(run, portraits, beside) if portraits else {}
    return Judged(scores, tuple(own), _coverage(run, faces), shown, tuple(sorted(coded - set(run.aus))))


def score_faces(
    run: Run, answers: Sequence[Answer], labels: I64, people: Sequence[str], *, beside: bool
) -> dict[str, Scores]:
    """Method -> scores on coded faces. labels: (T, U) for all AUs of the model, in its order."""
    at = [i for i, one in enumerate(answers) if one.probability and (one.blendshapes or not beside)]
    kept, labels, people = [answers[i] for i in at], labels[at], [people[i] for i in at]
    groups = _groups(run.aus, beside)
    said = Answers(
        table([one.probability for one in kept], run.aus), _cuts(run), table([one.occurrence for one in kept], run.aus)
    )
    found = {MODEL: score(said, labels, run.aus, people, groups)}
    if beside:
        read = table([one.blendshapes for one in kept], run.aus)
        theirs = Answers(read, np.full(len(run.aus), CUT), calibrated=False)
        found[MEDIAPIPE] = score(theirs, labels, run.aus, people, groups)
    return found


def table(rows: Sequence[Mapping[int, float] | None], aus: Sequence[int]) -> F64:
    """(T, U); nan where there is no value."""
    values = [[float((row or {}).get(au, np.nan)) for au in aus] for row in rows]
    return np.array(values, np.float64).reshape(len(rows), len(aus))


def _groups(aus: Sequence[int], beside: bool) -> dict[str, Collection[int]]:
    groups = {ALL: set(aus), TWELVE: set(aus) & set(HELD_OUT)}
    if beside:
        groups |= {f"{name} MediaPipe sees": group - BLIND for name, group in groups.items()}
    return {**groups}


def _cuts(run: Run) -> F64:
    return np.array(list(run.thresholds.values()), np.float64)


def _score_set(run: Run, name: str, faces: _Faces, beside: bool) -> SetScores:
    scores = score_faces(run, faces.answers, faces.labels, faces.people, beside=beside)
    answered = sum(not one.reason for one in faces.answers)
    return SetScores(name, len(faces.answers), answered, {who: of.means for who, of in scores.items()})


def _coverage(run: Run, faces: _Faces) -> Coverage:
    nothing = float("nan")
    width = np.array([nothing if one.width_px is None else one.width_px for one in faces.answers])
    turned = np.array([nothing if one.turned_deg is None else one.turned_deg for one in faces.answers])
    small, aside = width < SMALL_PX, turned > TURNED_DEG
    kinds = {
        "all": np.ones(len(faces.answers), bool),
        "large and frontal": ~np.isnan(width) & ~small & ~aside,
        "small or turned": small | aside,
        "small": small,
        "turned": aside,
    }
    groups = {}
    for name, kind in kinds.items():
        of = faces.only(kind)
        mean = score_faces(run, of.answers, of.labels, of.people, beside=False)[MODEL].means[ALL]
        groups[name] = Group(len(of.answers), sum(not one.reason for one in of.answers), mean)
    reasons = Counter(one.reason for one in faces.answers if one.reason)
    return Coverage(len(faces.answers), groups["all"].answered, dict(reasons.most_common()), groups)


def _score_portraits(run: Run, portraits: Portraits, beside: bool) -> dict[str, PortraitScores]:
    pictures, answers, groups = portraits.pictures, run.portraits, _groups(run.aus, beside)
    said = table([one.probability for one in answers], run.aus)
    reasons = [one.reason for one in answers]
    found = {MODEL: score_portraits(pictures, said, _cuts(run), reasons, run.aus, groups)}
    if beside:
        read = table([one.blendshapes for one in answers], run.aus)
        missing = ["" if one.blendshapes else NOT_FOUND for one in answers]
        cut = np.full(len(run.aus), CUT)
        found[MEDIAPIPE] = score_portraits(pictures, read, cut, missing, run.aus, groups)
    return found
