"""Scores on portraits: false alarms on faces at rest, and smiles found.

A face at rest shows no AU, so each AU that reaches its threshold there is a false alarm. Pictures without an answer are
left out, and counted.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from knowledge_spreader import metrics
from knowledge_spreader.arrays import F64, Bools
from knowledge_spreader.benchmarks.real_faces.bootstrap import Interval, draw, drawn_auc, drawn_share, interval
from knowledge_spreader.benchmarks.real_faces.portraits import Portrait

OF_A_SMILE = (12, 6, 25)  # AUs that many smiles show


@dataclass(frozen=True, slots=True)
class PortraitAU:
    """One AU; nan where there is no picture of the kind, or no value for this AU."""

    au: int
    at_rest: float  # share of the faces at rest that reach the threshold
    at_rest_interval: Interval
    smiles: float  # share of the smiles that do
    auc_smile: float  # a smile's value above that of a face at rest; nan for an AU that is not OF_A_SMILE
    auc_smile_interval: Interval


@dataclass(frozen=True, slots=True)
class PortraitScores:
    """One method's scores on all pictures of a folder."""

    no_answer: float  # share of pictures
    reasons: Mapping[str, int]  # why there is no answer -> pictures
    aus: tuple[PortraitAU, ...]
    mean_at_rest: Mapping[str, float]  # over the AUs of a group


def score_portraits(
    pictures: Sequence[Portrait],
    values: F64,
    cut: F64,
    reasons: Sequence[str],
    aus: Sequence[int],
    groups: Mapping[str, Collection[int]],
) -> PortraitScores:
    """values: (T, U) for T pictures and U AUs; nan: no answer. cut: (U,). reasons: (T,) "" where there is an answer."""
    answered = np.array([not reason for reason in reasons], bool)
    smiles = np.array([picture.smiles for picture in pictures], bool)
    people = [picture.person for picture in pictures]
    weights = draw(people)
    has = ~np.isnan(values[answered]).all(axis=0) if answered.any() else np.zeros(len(aus), bool)
    hit, said = values >= cut, np.nan_to_num(values)
    labels = np.repeat(np.where(answered, smiles, -1)[:, None], len(aus), axis=1).astype(np.int64)
    auc, aucs = metrics.auc(said, labels), drawn_auc(said, labels, weights)
    rest, smile = answered & ~smiles, answered & smiles
    shares = drawn_share(hit[rest], weights[:, rest])
    nan = (float("nan"), float("nan"))
    rows = []
    for u, au in enumerate(aus):
        in_smiles = has[u] and au in OF_A_SMILE
        rows.append(
            PortraitAU(
                au,
                _share(hit[rest, u], has[u]),
                interval(shares[:, u]) if has[u] else nan,
                _share(hit[smile, u], has[u]),
                float(auc[u]) if in_smiles else float("nan"),
                interval(aucs[:, u]) if in_smiles else nan,
            )
        )
    means = {name: metrics.mean(np.array([row.at_rest for row in rows if row.au in of])) for name, of in groups.items()}
    return PortraitScores(
        float(1 - answered.mean()), dict(Counter(filter(None, reasons)).most_common()), tuple(rows), means
    )


def _share(hit: Bools, has: bool) -> float:
    return float(hit.mean()) if has and len(hit) else float("nan")
