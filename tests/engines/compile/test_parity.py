"""parity.py: differences and flips by hand, frames streamed."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from knowledge_spreader.engines import ModelFile, open_engine
from knowledge_spreader.engines.backends.batch_sizes import BUCKETS, bucket, parts
from knowledge_spreader.engines.compile.parity import answers, cost
from tests.engines.conftest import SPEC, some_faces

SPEC_2 = replace(SPEC, aus=(1, 4), thresholds=(0.5, 0.25))
REFERENCE = np.array([[0.4, 0.20], [0.6, 0.30]], np.float32)
OTHER = np.array([[0.5, 0.20], [0.6, 0.24]], np.float32)


def test_cost_by_hand() -> None:
    got = cost(REFERENCE, OTHER, SPEC_2)
    assert got.frames == 2
    assert got.max_difference == pytest.approx(0.1)
    assert got.mean_difference == pytest.approx((0.1 + 0 + 0 + 0.06) / 4)
    assert got.flips == 0.5  # 0.5 >= 0.5 where 0.4 was not, 0.24 < 0.25 where 0.30 was not
    assert got.f1_difference is None


def test_the_f1_difference_by_hand() -> None:
    labels = np.array([[0, 0], [1, 1]])  # the reference is right everywhere: F1 1 and 1
    # AU 1: one true, one false positive, F1 2/3; AU 4: one miss, F1 0
    assert cost(REFERENCE, OTHER, SPEC_2, labels).f1_difference == pytest.approx(1 / 3 - 1)
    unknown = np.array([[-1, 0], [1, -1]])  # AU 1: 1 against 1; AU 4 has no known positive: 0 against 0
    assert cost(REFERENCE, OTHER, SPEC_2, unknown).f1_difference == 0


def test_equal_answers_cost_nothing() -> None:
    got = cost(REFERENCE, REFERENCE, SPEC_2, np.ones((2, 2), int))
    assert (got.max_difference, got.mean_difference, got.flips, got.f1_difference) == (0, 0, 0, 0)


def test_answers_are_those_of_the_stream_each_run_afresh(tiny_file: ModelFile) -> None:
    runs = [some_faces(11, seed=1), some_faces(3, seed=2)]
    with closing(open_engine(tiny_file, "onnxruntime")) as engine:
        got = answers(engine, runs)
        expected = []
        for run in runs:
            each = [engine.encode(face[None]) for face in run]
            for t in range(len(run)):
                window = np.stack([each[max(0, t - 4 + i)].feature for i in range(5)], 1)
                expected.append(engine.predict(each[t].o_a, window).probability[0])
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-6)


def test_a_batch_goes_in_the_smallest_bucket_that_holds_it() -> None:
    assert [bucket(n) for n in (1, 2, 3, 8, 9, 33, 64)] == [1, 2, 4, 8, 16, 64, 64]
    for n in (1, 63, 64, 65, 200):
        rows = np.concatenate([np.arange(n)[part] for part in parts(n)])
        assert rows.tolist() == list(range(n))
        assert all(1 <= len(np.arange(n)[part]) <= BUCKETS[-1] for part in parts(n))
