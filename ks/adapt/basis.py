"""Basis: the principal directions of one's own faces, in which a head is learned from few labels.

A few hundred labels tell few dimensions apart. All frames, labelled or not, show which: directions in which
these faces differ much get the same length as those in which they differ less, so that no direction is dear.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import F32, F64, Floats
from knowledge_spreader.errors import DataError

DIRECTIONS = 128  # of the tokens, and as many of the points; fewer where there are fewer faces
_FLOOR = 1e-3  # of the greatest variance: smaller ones are noise
_STILL = 0.3  # least spread of a point's feature, as in ks/geometry/fit.py
_LEAST_FACES = 20


class Part(NamedTuple):
    """x (F,) -> (x - mean) @ weight (R,)."""

    mean: F64  # (F,)
    weight: F64  # (F, R)

    def of(self, x: Floats) -> F32:
        return np.asarray((x - self.mean.astype(np.float32)) @ self.weight.astype(np.float32), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Basis:
    """tokens (C,) and points (K,) of a face -> (R,) coordinates with unit variance."""

    tokens: Part
    points: Part

    @property
    def n_tokens(self) -> int:
        return int(self.tokens.weight.shape[1])


class Views(NamedTuple):
    """The coordinates of all faces."""

    tokens: F32  # (T, R_t)
    points: F32  # (T, R_p); nan where the face has no landmarks


def find_basis(faces: Faces, directions: int = DIRECTIONS) -> Basis:
    """The basis of these faces. Raises DataError if there are too few."""
    if len(faces) < _LEAST_FACES:
        raise DataError(f"{len(faces)} frames with a face are too few to adapt to; give recordings with more")
    seen = faces.points[faces.has_points].astype(np.float64)
    width = faces.points.shape[1]
    if len(seen) < _LEAST_FACES:
        points = Part(np.zeros(width), np.zeros((width, 0)))
    else:
        spread = seen.std(axis=0) + _STILL
        found = _principal(iter([seen / spread]), directions)
        points = Part(found.mean * spread, found.weight / spread[:, None])
    return Basis(_principal((block for _, block in faces.token_blocks()), directions), points)


def coordinates(basis: Basis, faces: Faces) -> Views:
    tokens = np.empty((len(faces), basis.n_tokens), np.float32)
    for rows, block in faces.token_blocks():
        tokens[rows] = basis.tokens.of(block)
    return Views(tokens, basis.points.of(faces.points))


def _principal(blocks: Iterator[Floats], directions: int) -> Part:
    """The directions of greatest variance, each scaled to variance 1. The rows are passed once."""
    first = np.asarray(next(blocks))
    shift = first.mean(axis=0).astype(np.float64)  # near the mean: sums of squares stay small
    count, total, squares = 0, np.zeros(len(shift)), np.zeros((len(shift), len(shift)))
    for block in _chained(first, blocks):
        x = (block - shift).astype(np.float32 if block.dtype == np.float32 else np.float64)
        count, total, squares = count + len(x), total + x.sum(axis=0, dtype=np.float64), squares + x.T @ x
    mean = total / count
    variance, along = np.linalg.eigh(squares / count - np.outer(mean, mean))
    keep = min(directions, count - 1)
    variance, along = np.maximum(variance[::-1][:keep], 0), along[:, ::-1][:, :keep]
    return Part(shift + mean, along / np.sqrt(variance + _FLOOR * variance[0] + 1e-12))


def _chained(first: Floats, others: Iterator[Floats]) -> Iterator[Floats]:
    yield first
    yield from others
