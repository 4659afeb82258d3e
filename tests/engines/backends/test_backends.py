"""Every engine gives torch's answer, within what its precision states."""

import sys
from collections.abc import Iterator
from contextlib import closing

import numpy as np
import pytest
import torch

from knowledge_spreader.engines import Engine, ModelFile, open_engine
from knowledge_spreader.engines.compile.parity import TOLERANCE
from knowledge_spreader.errors import MissingError, ModelError
from knowledge_spreader.method.network import KSModel
from tests.engines.conftest import SPEC, some_faces

CPU = ("openvino", "onnxruntime", "torch")
INT8_TOLERANCE = 0.1  # of a probability, on a network this small
SEEDS = range(3)


@pytest.fixture(scope="module", params=CPU)
def engine(request: pytest.FixtureRequest, tiny_file: ModelFile) -> Iterator[Engine]:
    with closing(open_engine(tiny_file, request.param, "fp32", threads=1)) as engine:
        yield engine


def windows(engine: Engine, faces: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """o_a of the newest frames and windows of five neighbours, around the end."""
    encoded = engine.encode(faces)
    rows = (np.arange(len(faces))[:, None] + np.arange(-4, 1)) % len(faces)
    return encoded.o_a, encoded.feature[rows]


def torchs_answer(model: KSModel, faces: np.ndarray) -> dict[str, np.ndarray]:
    """The whole-clip forward of the model as it was trained."""
    rows = (np.arange(len(faces))[:, None] + np.arange(-4, 1)) % len(faces)
    with torch.no_grad():
        out = model(torch.from_numpy(faces), torch.from_numpy(faces[rows]))
    return {"probability": out.output.sigmoid().numpy(), "o_b": out.o_b.numpy(), "in_order": out.in_order.numpy()}


@pytest.mark.parametrize("n", [1, 2, 7])
def test_fp32_is_torchs_answer(engine: Engine, tiny: KSModel, n: int) -> None:
    for seed in SEEDS:
        faces = some_faces(n, seed=seed)
        answer = engine.predict(*windows(engine, faces))
        for name, expected in torchs_answer(tiny, faces).items():
            np.testing.assert_allclose(getattr(answer, name), expected, rtol=0, atol=TOLERANCE["fp32"])


def test_a_batch_answers_like_its_faces_one_by_one(engine: Engine) -> None:
    faces = some_faces(11)
    o_a, window = windows(engine, faces)
    together = engine.predict(o_a, window)
    for i in range(len(faces)):
        one = engine.encode(faces[i : i + 1])
        np.testing.assert_allclose(one.o_a[0], o_a[i], rtol=0, atol=1e-6)
        alone = engine.predict(o_a[i : i + 1], window[i : i + 1])
        np.testing.assert_allclose(alone.probability[0], together.probability[i], rtol=0, atol=1e-6)


def test_the_same_question_has_the_same_answer_to_the_last_bit(engine: Engine) -> None:
    faces = some_faces(3)
    first, second = engine.encode(faces), engine.encode(faces.copy())
    np.testing.assert_array_equal(first.o_a, second.o_a)
    np.testing.assert_array_equal(first.feature, second.feature)


def test_answers_stay_when_the_next_call_is_made(engine: Engine) -> None:
    encoded = engine.encode(some_faces(2, seed=1))
    o_a, feature = encoded.o_a.copy(), encoded.feature.copy()
    prediction = engine.predict(o_a, np.repeat(feature[:, None], 5, 1))
    probability = prediction.probability.copy()
    engine.encode(some_faces(2, seed=2))
    engine.predict(-o_a, np.zeros((2, 5, 64), np.float32))
    np.testing.assert_array_equal(encoded.o_a, o_a)
    np.testing.assert_array_equal(encoded.feature, feature)
    np.testing.assert_array_equal(prediction.probability, probability)


def test_arrays_that_do_not_lie_in_one_piece_are_read_right(engine: Engine) -> None:
    faces = some_faces(6)
    np.testing.assert_array_equal(engine.encode(faces[::2]).o_a, engine.encode(faces[::2].copy()).o_a)
    mirrored = faces[:, :, ::-1]
    np.testing.assert_array_equal(engine.encode(mirrored).o_a, engine.encode(mirrored.copy()).o_a)


@pytest.mark.parametrize(
    "faces",
    [
        np.zeros((0, 32, 32, 3), np.uint8),
        np.zeros((1, 3, 32, 32), np.uint8),
        np.zeros((32, 32, 3), np.uint8),
        np.zeros((1, 32, 32, 3), np.float32),
    ],
)
def test_faces_of_another_shape_or_type_are_one_line(engine: Engine, faces: np.ndarray) -> None:
    with pytest.raises(ModelError, match=r"faces must be uint8 \(F, 32, 32, 3\); got"):
        engine.encode(faces)


@pytest.mark.parametrize(
    ("o_a", "window"),
    [((1, 4), (1, 4, 64)), ((1, 3), (1, 5, 64)), ((2, 4), (1, 5, 64)), ((0, 4), (0, 5, 64))],
)
def test_windows_of_another_shape_are_one_line(engine: Engine, o_a: tuple[int, ...], window: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="o_a and window must be float32"):
        engine.predict(np.zeros(o_a, np.float32), np.zeros(window, np.float32))


def test_an_engine_says_what_it_is(engine: Engine) -> None:
    text = str(engine.choice)
    assert engine.choice.backend in CPU
    assert all(word in text for word in (engine.choice.backend, "fp32", "CPU", "chosen by name"))
    assert engine.spec == SPEC


@pytest.mark.parametrize("device", ["openvino", "onnxruntime"])
def test_int8_is_near_torchs_answer(device: str, int8_file: ModelFile, tiny: KSModel) -> None:
    faces = some_faces(16, seed=9)
    with closing(open_engine(int8_file, device, "int8", threads=1)) as engine:
        difference = np.abs(
            engine.predict(*windows(engine, faces)).probability - torchs_answer(tiny, faces)["probability"]
        )
    assert 0 < difference.max() < INT8_TOLERANCE
    assert difference.mean() < INT8_TOLERANCE / 5


def test_bf16_is_near_torchs_answer_or_refused_by_a_cpu_without_it(tiny_file: ModelFile, tiny: KSModel) -> None:
    from knowledge_spreader.engines.backends.openvino_engine import capabilities
    from knowledge_spreader.quiet_openvino import core

    if "BF16" not in capabilities(core()):
        with pytest.raises(ModelError, match=r"no bfloat16 instructions .*FP32.*use fp32"):
            open_engine(tiny_file, "openvino", "bf16")
        return
    faces = some_faces(16, seed=9)
    with closing(open_engine(tiny_file, "openvino", "bf16")) as engine:
        answer = engine.predict(*windows(engine, faces)).probability
    np.testing.assert_allclose(answer, torchs_answer(tiny, faces)["probability"], rtol=0, atol=TOLERANCE["bf16"])


def test_openvino_computes_in_fp32_unless_told_otherwise(tiny_file: ModelFile) -> None:
    with closing(open_engine(tiny_file, "openvino", "fp32")) as engine:
        compiled = engine._encoder.get_compiled_model()  # type: ignore[attr-defined]
        hint = compiled.get_property("INFERENCE_PRECISION_HINT")
    assert "f" in str(hint)
    assert "bf" not in str(hint)


@pytest.mark.parametrize(
    ("module", "library", "extra"),
    [
        ("knowledge_spreader.quiet_openvino", "openvino", "openvino"),
        ("knowledge_spreader.engines.backends.onnx_engine", "onnxruntime", "onnx"),
        ("knowledge_spreader.engines.backends.torch_engine", "torch", "gpu"),
        ("knowledge_spreader.engines.compile.quantize", "onnxruntime.quantization", "onnx"),
    ],
)
def test_a_library_that_is_broken_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, module: str, library: str, extra: str
) -> None:
    import importlib

    monkeypatch.delitem(sys.modules, module, raising=False)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(MissingError, match=rf"pip install .*{extra}"):
        importlib.import_module(module)


def test_a_closed_engine_lets_go_of_its_model(tiny_file: ModelFile) -> None:
    engine = open_engine(tiny_file, "onnxruntime")
    engine.close()
    with pytest.raises(AttributeError):
        engine.encode(some_faces(1))
