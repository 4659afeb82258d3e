"""Recordings and labels for the tests of exports and imports."""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from hypothesis import strategies as st

from knowledge_spreader.arrays import F64
from knowledge_spreader.realtime.studio.store.project import Rec
from knowledge_spreader.realtime.studio.store.statement import Statement, Value

AUS = (1, 4, 12)
RATE = 25.0
Key = tuple[int, int, int]  # face, frame, AU
State = dict[Key, tuple[Value, str | None]]  # value and side


def rec_of(path: Path, digit: str = "a", subject: str = "") -> Rec:
    """A recording that need not be one: nothing is decoded."""
    path.touch()
    return Rec(digit * 64, path, path.name, subject)


def statements(rec: Rec, state: State, times_s: Sequence[float] | F64 = (), coder: str = "AB") -> list[Statement]:
    times = times_s if len(times_s) else np.arange(100) / RATE
    return [
        Statement(rec.video, str(rec.path), face, frame, float(times[frame]), au, value, side, coder)
        for (face, frame, au), (value, side) in sorted(state.items())
    ]


def clock(n: int = 100, rate: float = RATE) -> Callable[[Rec], F64]:
    return lambda rec: np.arange(n) / rate


VALUES = st.sampled_from([0, 0, 1, 2, 3, 4, 5, "present", "unscorable"])
N = 9
STATES = st.dictionaries(
    st.tuples(st.sampled_from([0, 2]), st.integers(0, N - 1), st.sampled_from(AUS)),
    st.tuples(VALUES, st.sampled_from([None, None, "L", "R"])),
    min_size=1,
    max_size=40,
)
# a whole frame at a time, as coders do
SCORED = st.dictionaries(
    st.tuples(st.sampled_from([0, 1]), st.integers(0, N - 1)), st.tuples(VALUES, VALUES, VALUES), min_size=1
).map(
    lambda frames: {
        (face, frame, au): (value, None)
        for (face, frame), values in frames.items()
        for au, value in zip(AUS, values, strict=True)
    }
)
TIMES = st.tuples(st.sampled_from([0.0, 1.4, 3600.25]), st.lists(st.floats(0.003, 0.5), min_size=N, max_size=N)).map(
    lambda drawn: drawn[0] + np.cumsum(np.array(drawn[1])) - drawn[1][0]
)


def known(state: State, face: int | None = None) -> dict[Key, int]:
    """What must be read back, told plainly: 1, 0; what is not scorable, or absent on one side alone, is unknown."""
    found = {}
    for key, (value, side) in state.items():
        if face not in (None, key[0]) or value == "unscorable" or (value == 0 and side):
            continue
        found[key] = 0 if value == 0 else 1
    return found
