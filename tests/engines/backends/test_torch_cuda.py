"""torch_engine.py on an NVIDIA GPU."""

from contextlib import closing

import numpy as np
import pytest
import torch

from knowledge_spreader.engines import ModelFile, open_engine
from knowledge_spreader.engines.backends.batch_sizes import BUCKETS
from knowledge_spreader.engines.backends.gpu_timing import Staged
from knowledge_spreader.engines.compile.parity import TOLERANCE
from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import some_faces

on_gpu = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no NVIDIA GPU")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_without_a_gpu_the_engine_says_so(tiny_file: ModelFile) -> None:
    from knowledge_spreader.engines.backends.torch_engine import TorchEngine

    with pytest.raises(MissingError, match="use --device cpu"):
        TorchEngine(tiny_file, "fp16", backend="torch-cuda")


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_every_bucket_is_torchs_answer(tiny_file: ModelFile, tiny: KSModel, precision: str) -> None:
    with closing(open_engine(tiny_file, "torch-cuda", precision)) as engine:
        for n in (*BUCKETS, 3, 65, 130, 1):
            faces = some_faces(n, seed=n)
            encoded = engine.encode(faces)
            window = np.repeat(encoded.feature[:, None], 5, 1)
            answer = engine.predict(encoded.o_a, window).probability
            clip = torch.from_numpy(faces)
            with torch.no_grad():
                expected = tiny(clip, clip[:, None].expand(-1, 5, -1, -1, -1)).output.sigmoid().numpy()
            np.testing.assert_allclose(answer, expected, rtol=0, atol=TOLERANCE[precision])


@pytest.mark.gpu
@on_gpu
def test_a_small_batch_after_a_large_one_sees_no_old_faces(tiny_file: ModelFile) -> None:
    with closing(open_engine(tiny_file, "torch-cuda", "fp32")) as engine:
        fresh = engine.encode(some_faces(3, seed=1))
        engine.encode(some_faces(4, seed=2))
        again = engine.encode(some_faces(3, seed=1))
    np.testing.assert_array_equal(fresh.o_a, again.o_a)
    np.testing.assert_array_equal(fresh.feature, again.feature)


@pytest.mark.gpu
@on_gpu
def test_answers_stay_when_the_next_call_is_made_on_a_gpu(tiny_file: ModelFile) -> None:
    with closing(open_engine(tiny_file, "torch-cuda")) as engine:
        first = engine.encode(some_faces(2, seed=1))
        kept = first.o_a.copy()
        engine.encode(some_faces(2, seed=2))
    np.testing.assert_array_equal(first.o_a, kept)


@pytest.mark.gpu
@on_gpu
@pytest.mark.parametrize("n", [1, 3, 130])
def test_stages_are_told_apart_and_leave_the_answers_alone(tiny_file: ModelFile, n: int) -> None:
    with closing(open_engine(tiny_file, "torch-cuda")) as engine:
        before = engine.encode(some_faces(n, seed=1))
        assert isinstance(engine, Staged)
        told = engine.stages_ms(some_faces(n, seed=2))
        after = engine.encode(some_faces(n, seed=1))
    assert min(told.h2d_ms, told.compute_ms, told.d2h_ms) > 0
    np.testing.assert_array_equal(before.o_a, after.o_a)


def test_on_a_cpu_there_are_no_stages_to_tell_apart(tiny_file: ModelFile) -> None:
    with closing(open_engine(tiny_file, "torch")) as engine:
        assert isinstance(engine, Staged)
        with pytest.raises(ModelError, match="only be measured on a GPU"):
            engine.stages_ms(some_faces(1))
