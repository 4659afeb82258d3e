"""A model with attention pooling, in both branches, and the mark of the key frame leaves torch and streams like any."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from knowledge_spreader.engines import Engine, ModelFile, open_engine
from knowledge_spreader.engines.backends.onnx_engine import Session
from knowledge_spreader.engines.backends.torch_model import answering_weights, folded
from knowledge_spreader.engines.backends.torch_weights import fill
from knowledge_spreader.engines.compile.parity import TOLERANCE
from knowledge_spreader.engines.compile.quantize import int8_encoder
from knowledge_spreader.engines.export.to_checkpoint import restored
from knowledge_spreader.engines.export.to_onnx import export
from knowledge_spreader.engines.ks_file.model_file import ENCODER, open_model
from knowledge_spreader.method.network import KSModel, make_model
from tests.engines.backends.test_backends import CPU, INT8_TOLERANCE, torchs_answer, windows
from tests.engines.backends.test_streaming import Counting, streamed, whole_clip
from tests.engines.conftest import SPEC, make_tiny, some_faces
from tests.shared import once

SWITCHED = replace(SPEC, spatial_pooling="attention", frame_pooling="attention", mark_key=True)
FRAMES = [{0}, {0, 1}, {1}, {0, 1, 2}, set(), {2}, {0, 2}, {0, 2}, {0, 2}, {0, 2}, {0, 1, 2}]  # who is seen when


@pytest.fixture(scope="module")
def switched() -> KSModel:
    return make_tiny(spec=SWITCHED)


@pytest.fixture(scope="module")
def switched_file(switched: KSModel, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    made = once(tmp_path_factory, "switched.ks", lambda path: export(switched, SWITCHED, path, [some_faces(4)]))
    return open_model(made)


@pytest.fixture(scope="module", params=CPU)
def engine(request: pytest.FixtureRequest, switched_file: ModelFile) -> Iterator[Engine]:
    with closing(open_engine(switched_file, request.param, "fp32", threads=1)) as engine:
        yield engine


def test_the_file_says_what_is_switched_on_and_holds_every_weight(switched: KSModel, switched_file: ModelFile) -> None:
    assert open_model(switched_file.path).spec == SWITCHED
    wanted = answering_weights(folded(switched))
    read = {name: torch.full_like(x, 9.0) for name, x in wanted.items()}
    fill(read, switched_file)
    assert all(torch.equal(read[name], wanted[name]) for name in wanted)
    assert wanted["spatial_teacher.pool.look"].any()
    assert wanted["pool_b.pool.look"].any()
    assert wanted["temporal_teacher.key_mark"].any()


def test_it_comes_back_as_a_checkpoint(switched: KSModel, switched_file: ModelFile) -> None:
    faces = torch.from_numpy(some_faces(3))
    with torch.no_grad():
        ours, theirs = (model.encode(faces) for model in (restored(switched_file, some_faces(32)), switched))
    for mine, wanted in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine, wanted, rtol=0, atol=1e-3)


def test_each_switch_changes_the_answer(switched: KSModel) -> None:
    plain = make_model(replace(SPEC, frame_pooling="attention")).eval()
    own = plain.state_dict()
    plain.load_state_dict(
        {name: x for name, x in switched.state_dict().items() if name in own and "look" not in name}, False
    )
    faces = some_faces(3)
    with torch.no_grad():
        ours, theirs = (model.encode(torch.from_numpy(faces)).o_a for model in (switched, plain))
    assert (ours - theirs).abs().max() > 10 * TOLERANCE["fp32"]
    marked, unmarked = (torchs_answer(model, faces)["o_b"] for model in (switched, plain))
    assert np.abs(marked - unmarked).max() > 10 * TOLERANCE["fp32"]


@pytest.mark.parametrize("n", [1, 2, 7])
def test_every_engine_gives_torchs_answer(engine: Engine, switched: KSModel, n: int) -> None:
    faces = some_faces(n)
    answer = engine.predict(*windows(engine, faces))
    for name, expected in torchs_answer(switched, faces).items():
        np.testing.assert_allclose(getattr(answer, name), expected, rtol=0, atol=TOLERANCE["fp32"])


def test_a_stream_is_the_whole_clip_bit_by_bit(engine: Engine) -> None:
    counting = Counting(engine)
    answers = streamed(counting, FRAMES, together=False)
    assert counting.encoded == sum(map(len, FRAMES)) == len(answers)
    for (track, t), answer in answers.items():
        np.testing.assert_array_equal(answer, whole_clip(engine, FRAMES, track, t))


def test_faces_in_one_batch_answer_like_faces_alone(engine: Engine) -> None:
    together, alone = (streamed(Counting(engine), FRAMES, together=both) for both in (True, False))
    for key, answer in together.items():
        np.testing.assert_allclose(answer, alone[key], rtol=0, atol=1e-6)


@pytest.mark.slow
def test_a_model_that_has_not_moved_its_switches_yet_is_exported_and_read_back(tmp_path: Path) -> None:
    fresh = make_model(SWITCHED).eval()  # look and key_mark are zero, which exporters fold away
    with closing(open_engine(export(fresh, SWITCHED, tmp_path / "fresh.ks"), "torch", "fp32")) as engine:
        faces = some_faces(2)
        answer = engine.predict(*windows(engine, faces))
    np.testing.assert_allclose(answer.o_b, torchs_answer(fresh, faces)["o_b"], rtol=0, atol=TOLERANCE["fp32"])


@pytest.mark.parametrize("backend", ["openvino", "onnxruntime"])
def test_the_int8_encoder_stays_near_torch(backend: str, switched: KSModel, switched_file: ModelFile) -> None:
    session = Session(int8_encoder(switched_file.graph(ENCODER), [some_faces(40, seed=1)], backend), ("faces",))
    faces = some_faces(8)
    o_a, _ = session.run(faces)
    with torch.no_grad():
        expected = switched.encode(torch.from_numpy(faces)).o_a.sigmoid().numpy()
    assert np.abs(1 / (1 + np.exp(-o_a)) - expected).max() < INT8_TOLERANCE
