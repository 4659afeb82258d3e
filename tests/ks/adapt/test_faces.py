"""faces.py: tokens come a few thousand at a time, and the widest face of a frame is the one meant."""

from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import Floats
from knowledge_spreader.errors import DataError
from tests.ks.adapt.made_up import all_tokens, made_up


class Watched:
    """Tokens that note how many rows are read at once."""

    def __init__(self, rows: int) -> None:
        self.rows, self.reads = rows, list[int]()

    def __len__(self) -> int:
        return self.rows

    def __getitem__(self, rows: slice, /) -> Floats:
        found = np.arange(self.rows)[rows]
        self.reads.append(len(found))
        return np.column_stack([found, found]).astype(np.float32)


def tall(*rows: int) -> tuple[Faces, list[Watched]]:
    faces, _ = made_up(1, 10)
    of, t = np.repeat(np.arange(len(rows)), rows), sum(rows)
    tokens = [Watched(n) for n in rows]
    many = {name: np.repeat(getattr(faces, name)[:1], t, axis=0) for name in ("crops", "heard", "points", "person")}
    flat = {name: np.zeros(t) for name in ("frame", "time_s", "face", "width_px", "in_order")}
    return Faces(recording=of.astype(np.int32), tokens=tokens, **many, **flat), tokens


def test_tokens_are_read_in_blocks_and_every_row_comes_once() -> None:
    faces, tokens = tall(9000, 0, 3)
    blocks = [(rows.start, rows.stop, block[:, 0].tolist()) for rows, block in faces.token_blocks()]
    assert [(start, stop) for start, stop, _ in blocks] == [(0, 4096), (4096, 8192), (8192, 9000), (9000, 9003)]
    assert [row for _, _, seen in blocks for row in seen] == [*range(9000), *range(3)]
    assert max(n for one in tokens for n in one.reads) == 4096


def test_the_widest_of_each_frame_is_meant_also_where_recordings_have_frames_of_the_same_number() -> None:
    faces, _ = made_up(2, 3)
    faces = replace(faces, frame=np.array([0, 0, 1, 0, 1, 1]), width_px=np.array([5, 9, 1, 1, 8, 7], np.float32))
    assert faces.widest().tolist() == [False, True, True, True, True, False]


def test_no_face_at_all_is_no_crash() -> None:
    faces, _ = made_up(2, 10)
    none = {name: getattr(faces, name)[:0] for name in Faces.__dataclass_fields__ if name != "tokens"}
    empty = Faces(**none, tokens=[np.zeros((0, 1)), np.zeros((0, 1))])
    assert len(empty) == 0
    assert empty.widest().tolist() == []
    assert list(empty.token_blocks()) == []


@pytest.mark.parametrize("change", ["tokens", "frame", "heard", "order"])
def test_rows_that_do_not_agree_are_refused(change: str) -> None:
    faces, _ = made_up(2, 10)
    changed = {
        "tokens": {"tokens": [all_tokens(faces)[:-1]]},
        "frame": {"frame": faces.frame[:-1]},
        "heard": {"heard": faces.heard[:, :2]},
        "order": {"recording": faces.recording[::-1]},
    }
    with pytest.raises(DataError, match="faces: wanted 20"):
        replace(faces, **changed[change])
