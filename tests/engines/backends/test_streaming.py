"""Encode each frame once, slide the window: the same answer as the whole clip.

Bit by bit where both sides give a backend the same batches (one face at a time); within 1e-6 where the faces of a frame
go in one batch, as they do live, since a backend may sum in another order for another batch.
"""

from collections import deque
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.engines import Encoded, Engine, ModelFile, Prediction, open_engine
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import SPEC, some_faces

N = SPEC.n_frames
TRACKS = 3
FACES = some_faces(TRACKS * 16, seed=5).reshape(TRACKS, 16, 32, 32, 3)  # (track, time)
presence = st.lists(st.sets(st.integers(0, TRACKS - 1)), min_size=1, max_size=14)  # who is seen in each frame


class Ring:
    """The last N features of each face that is in sight; a fresh face repeats its first."""

    def __init__(self) -> None:
        self._features: dict[int, deque[F32]] = {}

    def forget(self) -> None:
        self._features.clear()

    def push(self, seen: list[int], features: F32) -> F32:
        """(F, C) -> windows (F, N, C), oldest first. Who is not seen is forgotten."""
        self._features = {track: ring for track, ring in self._features.items() if track in seen}
        for track, feature in zip(seen, features, strict=True):
            self._features.setdefault(track, deque([feature] * N, maxlen=N)).append(feature)
        return np.stack([np.stack(list(self._features[track])) for track in seen])


class Counting:
    """An engine that counts the faces it encodes."""

    def __init__(self, engine: Engine) -> None:
        self._engine, self.encoded = engine, 0

    def encode(self, faces: U8) -> Encoded:
        self.encoded += len(faces)
        return self._engine.encode(faces)

    def predict(self, o_a: F32, window: F32) -> Prediction:
        return self._engine.predict(o_a, window)


@pytest.fixture(scope="module", params=["openvino", "onnxruntime", "torch"])
def engine(request: pytest.FixtureRequest, tiny_file: ModelFile) -> Iterator[Engine]:
    with closing(open_engine(tiny_file, request.param, "fp32", threads=1)) as engine:
        yield engine


def streamed(engine: Counting, frames: list[set[int]], together: bool) -> dict[tuple[int, int], F32]:
    """(track, time) -> probability (U,). together: the faces of a frame in one batch."""
    ring, answers = Ring(), {}
    for t, frame in enumerate(frames):
        seen = sorted(frame)
        if not seen:
            ring.forget()
            continue
        faces = FACES[seen, t]
        if together:
            encoded = engine.encode(faces)
            answer = engine.predict(encoded.o_a, ring.push(seen, encoded.feature)).probability
        else:
            each = [engine.encode(face[None]) for face in faces]
            window = ring.push(seen, np.concatenate([e.feature for e in each]))
            parts = [engine.predict(e.o_a, w[None]).probability for e, w in zip(each, window, strict=True)]
            answer = np.concatenate(parts)
        answers |= {(track, t): p for track, p in zip(seen, answer, strict=True)}
    return answers


def clip_times(frames: list[set[int]], track: int, t: int) -> list[int]:
    """The times of the whole clip that ends at t; it does not reach back beyond the track's last appearance."""
    first = t
    while first and track in frames[first - 1]:
        first -= 1
    return [max(first, t - N + 1 + i) for i in range(N)]


def whole_clip(engine: Engine, frames: list[set[int]], track: int, t: int) -> F32:
    """All N frames anew, one by one, and no memory."""
    each = [engine.encode(FACES[track, i][None]) for i in clip_times(frames, track, t)]
    return engine.predict(each[-1].o_a, np.stack([e.feature for e in each], 1)).probability[0]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=presence)
def test_a_stream_is_the_whole_clip_bit_by_bit_and_encodes_each_face_once(
    engine: Engine, frames: list[set[int]]
) -> None:
    counting = Counting(engine)
    answers = streamed(counting, frames, together=False)
    assert counting.encoded == sum(map(len, frames))
    assert answers.keys() == {(track, t) for t, frame in enumerate(frames) for track in frame}
    for (track, t), answer in answers.items():
        np.testing.assert_array_equal(answer, whole_clip(engine, frames, track, t))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=presence)
def test_faces_in_one_batch_answer_like_faces_alone(engine: Engine, frames: list[set[int]]) -> None:
    counting = Counting(engine)
    together = streamed(counting, frames, together=True)
    assert counting.encoded == sum(map(len, frames))
    alone = streamed(Counting(engine), frames, together=False)
    for key, answer in together.items():
        np.testing.assert_allclose(answer, alone[key], rtol=0, atol=1e-6)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(frames=presence)
def test_a_stream_is_torchs_whole_clip_forward(tiny: KSModel, engine: Engine, frames: list[set[int]]) -> None:
    for (track, t), answer in streamed(Counting(engine), frames, together=True).items():
        clip = torch.from_numpy(FACES[track][clip_times(frames, track, t)])[None]
        with torch.no_grad():
            expected = tiny(clip[:, -1], clip).output.sigmoid().numpy()[0]
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-5)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(times=st.lists(st.integers(0, 15), min_size=N, max_size=N))
def test_torch_streamed_is_torch_whole_clip(tiny: KSModel, times: list[int]) -> None:
    """Bit by bit with the clip's frames one by one; the forward takes them in one batch of N: within 1e-6."""
    clip = torch.from_numpy(FACES[0][times])
    with torch.no_grad():
        each = [tiny.encode(frame[None]) for frame in clip]
        window = torch.stack([e.feature for e in each], 1)
        one_by_one = tiny.temporal_teacher(
            tiny.spatial_students(torch.stack([tiny.pooled_b(f[None]) for f in clip], 1), None)[0]
        )
        answer = tiny.predict(each[-1].o_a, window)
        assert torch.equal(answer.o_b, one_by_one[0])
        whole = tiny(clip[None, -1], clip[None])
    torch.testing.assert_close(answer.output, whole.output, rtol=0, atol=1e-6)
