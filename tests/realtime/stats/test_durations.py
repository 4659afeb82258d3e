"""Percentiles in bounded memory, and stages."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from knowledge_spreader.realtime.stats.durations import Durations, Stages


@given(st.lists(st.floats(0.01, 1e5), min_size=1, max_size=200), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_right_to_half_a_percent(values: list[float], percent: int) -> None:
    durations = Durations()
    for value in values:
        durations.add(value)
    exact = np.percentile(values, percent, method="inverted_cdf")
    assert durations.percentile(percent) == pytest.approx(exact, rel=0.0051)


def test_nothing_measured_is_not_a_number() -> None:
    assert math.isnan(Durations().percentile(50))


def test_impossible_durations_are_kept_at_the_ends() -> None:
    durations = Durations()
    for value in (0.0, -1.0, 1e12):
        durations.add(value)
    assert len(durations) == 3
    assert durations.percentile(1) == pytest.approx(1e-3)
    assert durations.percentile(99) == pytest.approx(1e6, rel=0.02)


def test_the_time_of_a_batch_is_shared_by_its_frames() -> None:
    stages = Stages()
    stages.add("find", 40.0, frames=4)
    stages.add("find", 100.0, frames=1)
    stages.add("idle", 5.0, frames=0)
    assert stages.report() == {"find": {"p50": pytest.approx(10, rel=0.006), "p95": pytest.approx(100, rel=0.006)}}


def test_stages_come_in_the_order_in_which_they_were_first_measured() -> None:
    stages = Stages()
    for name in ("read", "find", "read"):
        with stages.measure(name):
            pass
    assert list(stages.report()) == ["read", "find"]
