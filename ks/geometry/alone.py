"""Teaches the crops alone what all voices say: for faces without landmarks, and for those who save their time.

For each AU a ridge regression of the heard logit on the crops' logit and on the AU's own token in branch B: section
6.2's idea on a head, unlabelled faces learn from a better teacher. The portraits teach most; rendered frames keep what
portraits do not show. The answers are then stretched to differ as much as the teacher's: one threshold fits both.
"""

from dataclasses import replace
from typing import Protocol

import numpy as np

from knowledge_spreader.arrays import F32, F64
from knowledge_spreader.geometry.voice import GeometryVoice

_RIDGE = 0.01  # of standardised tokens, per face
_RENDERED = 0.1  # weight of a rendered frame beside a portrait
_LEAST = 1e-3


class Faces(Protocol):
    """What learn_alone needs of fit.Heard."""

    @property
    def crops(self) -> F64: ...
    @property
    def features(self) -> F64: ...
    @property
    def tokens(self) -> F32: ...


def learn_alone(voice: GeometryVoice, rendered: Faces, portraits: Faces, *, per_au: bool) -> GeometryVoice:
    """The voice with alone_offset, alone_factor and alone_weight. per_au: branch B has a token for each AU."""
    both = (portraits, rendered)
    said = np.vstack([voice.heard(one.crops, voice.logits(one.features), one.tokens) for one in both])
    crops = np.vstack([one.crops for one in both])
    share = np.concatenate([np.ones(len(portraits.crops)), np.full(len(rendered.crops), _RENDERED)])
    u = crops.shape[1]
    tokens = (
        np.vstack([one.tokens for one in both]).reshape(len(crops), u, -1) if per_au else np.zeros((len(crops), u, 0))
    )
    offset, factor, weight = np.zeros(u), np.ones(u), np.zeros(tokens.shape[1:])
    for i in range(u):
        weight[i], factor[i], offset[i] = _regression(tokens[:, i].astype(np.float64), crops[:, i], said[:, i], share)
    return replace(voice, alone_offset=offset, alone_factor=factor, alone_weight=weight)


def _regression(tokens: F64, crops: F64, said: F64, share: F64) -> tuple[F64, float, float]:
    """Weights of tokens (T, D), factor of crops (T,), offset: so that their sum is like `said` (T,)."""
    middle, spread = tokens.mean(axis=0), tokens.std(axis=0) + _LEAST
    rows = np.column_stack([(tokens - middle) / spread, crops, np.ones(len(crops))])
    penalty = np.diag(np.append(np.full(tokens.shape[1], _RIDGE * len(crops)), (_LEAST, _LEAST)))
    at = np.linalg.solve((rows * share[:, None]).T @ rows + penalty, (rows * share[:, None]).T @ said)
    alone = rows @ at
    stretch = _spread(said, share) / max(_spread(alone, share), _LEAST)
    offset = float(np.average(said, weights=share) - stretch * np.average(alone, weights=share))
    weight = stretch * at[:-2] / spread
    return weight, float(stretch * at[-2]), offset + float(stretch * at[-1] - weight @ middle)


def _spread(values: F64, share: F64) -> float:
    return float(np.sqrt(np.average((values - np.average(values, weights=share)) ** 2, weights=share)))
