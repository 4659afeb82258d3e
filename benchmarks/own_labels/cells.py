"""One cell of the study: a share of labels, a way to learn, a seed, and what is tested -> F1.

these   labels spread over all recordings; tested on their other frames
people  labels in each person's first recording; tested on the second
anyone  labels in the recordings of half of the people; tested on the other half, and the other way round
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from knowledge_spreader import metrics
from knowledge_spreader.adapt.apart import ANYONE, PEOPLE, THESE
from knowledge_spreader.adapt.basis import Views, coordinates, find_basis
from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.adapt.learn import BASE, BIAS, learn, sight_of
from knowledge_spreader.adapt.report import LEAST_PRESENT
from knowledge_spreader.adapt.spread import NONE, WAYS
from knowledge_spreader.arrays import F64, I8, I64, Bools, sigmoid
from knowledge_spreader.benchmarks.own_labels.trained import WAYS as TRAINED
from knowledge_spreader.benchmarks.own_labels.trained import Trainings, trained_logits
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.spec import UNKNOWN

BASE_MODEL, THRESHOLDS, HEADS = "base", "thresholds", "heads"
METHODS = (BASE_MODEL, THRESHOLDS, HEADS, *(way for way in WAYS if way != NONE))
SCHEMES = ("sparse", "consecutive")
_DRAWS = 500


@dataclass(frozen=True, slots=True)
class Cell:
    tested_on: str  # of GOALS
    share: float  # of the coded frames of each labelled recording
    method: str
    seed: int
    scheme: str = "sparse"


@dataclass(frozen=True, slots=True, eq=False)
class Material:
    """All labels of all faces. thresholds: the base model's. trainings: for methods that train networks."""

    faces: Faces
    labels: I8  # (T, U)
    thresholds: tuple[float, ...]
    views: Views
    trainings: Trainings | None = None

    @classmethod
    def of(
        cls, faces: Faces, labels: I8, thresholds: tuple[float, ...], trainings: Trainings | None = None
    ) -> "Material":
        """An AU that hardly any frame shows is not scored."""
        seldom = (labels == 1).sum(axis=0) < LEAST_PRESENT
        labels = np.where(seldom, np.int8(UNKNOWN), labels)
        return cls(faces, labels, thresholds, coordinates(find_basis(faces), faces), trainings)

    @property
    def coded(self) -> Bools:
        """(T,) the faces with labels: all of a rendered set, some of recordings coded by eye."""
        return np.asarray((self.labels != UNKNOWN).any(axis=1) & self.faces.has_points)

    @property
    def goals(self) -> tuple[str, ...]:
        """What can be tested: PEOPLE needs somebody in two recordings, ANYONE two people."""
        recordings, people = (len(np.unique(of)) for of in (self.faces.recording, self.faces.person))
        return (THESE, *([PEOPLE] if recordings > people else []), *([ANYONE] if people > 1 else []))


def budget(faces: Faces, rows: Bools, share: float, scheme: str, seed: int) -> Bools:
    """(T,) the labelled ones of these rows: of each recording every k-th from a random start, or as many in one run."""
    rng, every = np.random.default_rng(seed), max(round(1 / share), 1)
    chosen = np.zeros(len(faces), np.bool_)
    for recording in np.unique(faces.recording[rows]).tolist():
        mine = np.flatnonzero(rows & (faces.recording == recording))
        sparse = mine[int(rng.integers(every)) :: every]
        start = int(rng.integers(len(mine) - len(sparse) + 1))
        chosen[sparse if scheme == "sparse" else mine[start : start + len(sparse)]] = True
    return chosen


def run_cell(material: Material, cell: Cell) -> Row:
    """The row of a cell: mean F1 over AUs and its interval over people, F1 per AU, what became of the AUs."""
    said = np.zeros(material.labels.shape, np.bool_)
    tested = np.zeros(len(material.faces), np.bool_)
    kinds: list[str] = []
    counted = 0
    score = np.full(material.labels.shape, np.nan)
    for learn_rows, test_rows in _splits(material.faces, cell):
        labelled = budget(material.faces, learn_rows & material.coded, cell.share, cell.scheme, cell.seed)
        rows = test_rows & ~labelled if cell.share < 1 else test_rows
        thresholds, kinds_here, logits = _answers(material, cell, labelled)
        said[rows] = sigmoid(logits[rows]) >= np.array(thresholds)
        score[rows] = logits[rows]
        tested |= rows
        counted += int(labelled.sum())
        kinds += kinds_here
    labels = np.where((tested & material.coded)[:, None], material.labels, np.int8(UNKNOWN))
    counts = metrics.confusion(said.astype(np.float64), labels, np.full(labels.shape[1], 0.5))
    per_au = metrics.f1(counts)
    low, high = _interval(said, labels, material.faces.person)
    auc = metrics.auc(np.nan_to_num(score), labels)
    return {
        "tested_on": cell.tested_on,
        "share": cell.share,
        "method": cell.method,
        "scheme": cell.scheme,
        "seed": cell.seed,
        "f1": round(metrics.mean(per_au), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "auc": round(metrics.mean(auc), 4),
        "f1_per_au": [round(float(x), 3) for x in per_au],
        "kinds": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
        "labelled": int(counted),
        "people": len(np.unique(material.faces.person)),
    }


def _answers(material: Material, cell: Cell, labelled: Bools) -> tuple[Sequence[float], Sequence[str], F64]:
    """Thresholds and kinds of the AUs, and logits (T, U) of all faces."""
    labels = np.where(labelled[:, None], material.labels, np.int8(UNKNOWN))
    u = labels.shape[1]
    if cell.method in TRAINED:
        assert material.trainings
        logits = trained_logits(material.trainings, material.faces, labels, labelled, cell.method, cell.seed)
        kinds = [cell.method if (labels[:, a] == 1).any() else BASE for a in range(u)]
        return [t if k == BASE else 0.5 for k, t in zip(kinds, material.thresholds, strict=True)], kinds, logits
    sight = sight_of(material.faces, material.views, material.thresholds, points=True)
    if cell.method == BASE_MODEL:
        learned = learn(material.faces, sight, labels, strength=1.0, kinds=[BASE] * u)
    elif cell.method == THRESHOLDS:
        both = [len(set(labels[labelled, a].tolist()) - {UNKNOWN}) > 1 for a in range(u)]
        learned = learn(material.faces, sight, labels, strength=1.0, kinds=[BIAS if b else BASE for b in both])
    else:
        way = NONE if cell.method == HEADS else cell.method
        learned = learn(material.faces, sight, labels, goal=cell.tested_on, way=way)
    return learned.thresholds, learned.kinds, learned.logits(sight)


def _splits(faces: Faces, cell: Cell) -> Iterator[tuple[Bools, Bools]]:
    """(rows that may be labelled, rows that are tested)."""
    everything = np.ones(len(faces), np.bool_)
    if cell.tested_on == THESE:
        yield everything, everything
    elif cell.tested_on == PEOPLE:
        of_people = [faces.recording[faces.person == who].min() for who in np.unique(faces.person)]
        first = np.isin(faces.recording, of_people)
        yield first, ~first
    else:
        people = np.random.default_rng(cell.seed).permutation(np.unique(faces.person))
        half = np.isin(faces.person, people[::2])
        yield half, ~half
        yield ~half, half


def _interval(said: Bools, labels: I64, people: npt.NDArray[np.str_]) -> tuple[float, float]:
    """95 % of the mean F1 with other people: a bootstrap over them."""
    names, of = np.unique(people, return_inverse=True)
    counts = np.zeros((len(names), labels.shape[1], 4), np.int64)
    for i in range(len(names)):
        mine = of == i
        counts[i] = metrics.confusion(said[mine].astype(np.float64), labels[mine], np.full(labels.shape[1], 0.5))
    rng = np.random.default_rng(0)
    drawn = [metrics.mean_f1(counts[rng.integers(len(names), size=len(names))].sum(axis=0)) for _ in range(_DRAWS)]
    low, high = np.percentile(drawn, (2.5, 97.5))
    return float(low), float(high)
