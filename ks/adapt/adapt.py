"""adapt(): the faces of one's own recordings, and labels of some of them -> own heads, and how well they do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.adapt.apart import PEOPLE, THESE, audited, groups, stretches
from knowledge_spreader.adapt.basis import coordinates, find_basis
from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.adapt.heads import OwnHeads
from knowledge_spreader.adapt.learn import BASE, Learned, Sight, head_set, learn, sight_of
from knowledge_spreader.adapt.report import base_says, compare, known_counts, left_out, worse_than_base
from knowledge_spreader.adapt.spread import NONE
from knowledge_spreader.arrays import I8
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN, au_label

_SHOWN_AUC, _SHOWN_LABELS = 0.85, 10  # on audit labels of each kind: the AU is no longer experimental here


@dataclass(frozen=True, slots=True, eq=False)
class Adapted:
    own: OwnHeads | None  # None: the labels moved nothing
    kinds: tuple[str, ...]  # of each AU: learn.py
    report: Mapping[str, Any]  # JSON types
    notes: tuple[str, ...]  # one line each


def adapt(
    faces: Faces,
    names: Sequence[str],
    labels: I8,
    aus: Sequence[int],
    thresholds: tuple[float, ...],
    *,
    goal: str = THESE,
    way: str = NONE,
) -> Adapted:
    """labels (T, U). names: of the recordings. thresholds: the base model's.

    Raises DataError if no label can teach anything.
    """
    known = labels != UNKNOWN
    if not known.any():
        raise DataError("no label lies on a face that could be answered; label frames in which a face is seen")
    basis = find_basis(faces)
    views = coordinates(basis, faces)
    apart = audited(names, faces)
    teaching = np.where(apart[:, None], np.int8(UNKNOWN), labels)
    if not (teaching != UNKNOWN).any():
        raise DataError("all labels lie in seconds that are kept apart as audit; label more frames")
    with_points = sight_of(faces, views, thresholds, points=True)
    main_points = bool((with_points.rows & known.any(axis=1)).sum() > known.any(axis=1).sum() / 2)
    alone = sight_of(faces, views, thresholds, points=False)
    main = with_points if main_points else alone
    learned = learn(faces, main, teaching, goal=goal, way=way)
    audit = np.where((apart & main.rows)[:, None], labels, np.int8(UNKNOWN))
    seconds = stretches(faces, 1.0)
    worse = worse_than_base(base_says(main), learned.says(main), audit, seconds)
    kinds = tuple(BASE if u in worse else kind for u, kind in enumerate(learned.kinds))
    notes = _too_few(faces, teaching, goal)
    notes += [f"{au_label(aus[u])} did worse than the base model on audit labels and stays as it was" for u in worse]
    if worse:
        learned = learn(faces, main, teaching, goal=goal, way=way, strength=learned.strength, kinds=kinds)
    report = {
        "goal": goal,
        "spread": way,
        "strength": learned.strength,
        "frames": len(faces),
        "recordings": len(names),
        "people": len(np.unique(faces.person)),
        "labelled_frames": int(known.any(axis=1).sum()),
        "aus": [
            {"au": au, "kind": kind, "present": present, "absent": absent}
            for au, kind, (present, absent) in zip(aus, kinds, known_counts(teaching), strict=True)
        ],
        "audit": compare(base_says(main), learned.says(main), audit, seconds),
        "left_out": left_out(faces, main, teaching, learned, way),
    }
    places = [u for u, kind in enumerate(kinds) if kind != BASE]
    if not places:
        return Adapted(None, kinds, report, tuple(notes))
    other = learn(faces, alone, teaching, goal=goal, way=way, strength=learned.strength, kinds=kinds)
    of_crops = other if main_points else learned
    sets = [
        head_set(basis, sight, one, places, width)
        for sight, one, width in (
            (alone, of_crops, 0),
            *(((with_points, learned, faces.points.shape[1]),) if main_points else ()),
        )
    ]
    own = OwnHeads(
        tuple(aus), tuple(aus[u] for u in places), sets[0], sets[1] if main_points else None, notes=_short(report)
    )
    return Adapted(replace(own, shown=_shown(aus, learned, main, audit, places)), kinds, report, tuple(notes))


def _too_few(faces: Faces, labels: I8, goal: str) -> list[str]:
    """A note if what heads learn cannot be tested on anything left out."""
    labelled = (labels != UNKNOWN).any(axis=1)
    if len(np.unique(groups(faces, goal, labelled)[labelled])) > 1:
        return []
    lie_in, label = {THESE: ("few seconds", "more of them"), PEOPLE: ("one recording", "another")}.get(
        goal, ("recordings of one person", "those of another")
    )
    return [
        f"--for {goal}: all labels that teach lie in {lie_in}, so whether heads hold cannot be tested and no AU gets "
        f"one; label {label}{'' if goal == THESE else ', or use --for these'}"
    ]


def _shown(aus: Sequence[int], learned: Learned, sight: Sight, audit: I8, places: Sequence[int]) -> tuple[int, ...]:
    """The AUs that held on the labels kept apart."""
    auc = metrics.auc(learned.logits(sight), audit)
    enough = [min(counts) >= _SHOWN_LABELS for counts in known_counts(audit)]
    return tuple(aus[u] for u in places if enough[u] and auc[u] >= _SHOWN_AUC)


def _short(report: Mapping[str, Any]) -> dict[str, Any]:
    """What is kept in the model file."""
    kept = {name: report[name] for name in ("goal", "spread", "recordings", "people", "frames", "labelled_frames")}
    scores = {"audit": report["audit"], **report["left_out"]}
    kept["f1"] = {name: [one["f1_base"], one["f1_own"], one["aus"]] for name, one in scores.items()}
    kept["labels"] = {au_label(one["au"]): [one["present"], one["absent"]] for one in report["aus"]}
    return kept
