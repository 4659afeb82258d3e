"""Faces: what a model says of every face of one's own recordings, computed once (realtime/adapt/cache.py)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from knowledge_spreader.arrays import F32, F64, I32, I64, Bools, Floats
from knowledge_spreader.errors import DataError

_BLOCK = 4096  # rows of tokens in memory at a time


class Tokens(Protocol):
    """(T_i, C) rows that may lie on disk, and are read a few at a time: an hour of video has 500 MB of them."""

    def __len__(self) -> int: ...

    def __getitem__(self, rows: slice, /) -> Floats: ...


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """T faces: rows are in the order of recordings, frames and faces. Raises DataError on shapes that do not agree."""

    recording: I32  # (T,) which recording, from 0
    person: npt.NDArray[np.str_]  # (T,) who it is, for those who divide by people
    frame: I64  # (T,) index of the frame in its recording, from 0
    time_s: F64  # (T,)
    face: I32  # (T,) id within the recording
    width_px: F32  # (T,) of the face
    crops: F32  # (T, U) logits without landmarks, as `ks-live --voices crops` gives them
    heard: F32  # (T, U) logits of all voices; nan where the face has no landmarks
    in_order: F32  # (T,) probability that the window of frames is in its true order (T_b)
    points: F32  # (T, K) of ks/geometry/voice.py; nan where the face has no landmarks
    tokens: Sequence[Tokens]  # (T_i, C) of each recording: branch B's feature

    def __post_init__(self) -> None:
        t = len(self.recording)
        rows = (self.person, self.frame, self.time_s, self.face, self.width_px, self.in_order, self.crops, self.points)
        if any(len(one) != t for one in rows) or self.heard.shape != self.crops.shape:
            raise DataError(f"faces: wanted {t} rows of everything; got {[one.shape for one in rows]}")
        if sum(map(len, self.tokens)) != t or (np.diff(self.recording) < 0).any():
            raise DataError(f"faces: wanted {t} tokens, by recording; got {[len(one) for one in self.tokens]}")

    def __len__(self) -> int:
        return len(self.recording)

    @property
    def has_points(self) -> Bools:
        """(T,) whether the face has landmarks."""
        return np.asarray(np.isfinite(self.points[:, 0]))

    def token_blocks(self) -> Iterator[tuple[slice, F32]]:
        """(rows, tokens (n, C)) of all faces, a few thousand at a time."""
        start = 0
        for tokens in self.tokens:
            for at in range(0, len(tokens), _BLOCK):
                block = np.asarray(tokens[at : at + _BLOCK], np.float32)
                yield slice(start + at, start + at + len(block)), block
            start += len(tokens)

    def widest(self) -> Bools:
        """(T,) whether the face is the widest of its frame: the one that a label without a face means."""
        order = np.lexsort((-self.width_px, self.frame, self.recording))
        first = np.ones(len(self), np.bool_)
        first[1:] = (np.diff(self.recording[order]) != 0) | (np.diff(self.frame[order]) != 0)
        found = np.zeros(len(self), np.bool_)
        found[order[first]] = True
        return found
