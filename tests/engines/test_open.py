"""open.py: what is picked, why, and what is refused."""

from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

import knowledge_spreader.engines.open
from knowledge_spreader.engines import Encoded, ModelFile, open_engine
from knowledge_spreader.engines.open import BACKENDS, DEVICES, INSTALL, nvidia_gpus, pick, pick_precision, try_out
from knowledge_spreader.errors import MissingError, ModelError

ALL = set(BACKENDS)
NO_GPU_PARTS = {"openvino", "onnxruntime"}


def machine(monkeypatch: pytest.MonkeyPatch, gpus: int, there: set[str]) -> None:
    monkeypatch.setattr(knowledge_spreader.engines.open, "nvidia_gpus", lambda: gpus)
    monkeypatch.setattr(knowledge_spreader.engines.open, "installed", lambda backend: backend in there)


@pytest.mark.parametrize(
    ("gpus", "there", "device", "picked", "why"),
    [
        (1, ALL, "auto", "tensorrt", "GPU and TensorRT"),
        (1, ALL - {"tensorrt"}, "auto", "torch-cuda", "no TensorRT"),
        (1, NO_GPU_PARTS, "auto", "openvino", "neither TensorRT nor torch"),
        (0, ALL, "auto", "openvino", "no NVIDIA GPU"),
        (0, {"onnxruntime", "torch"}, "auto", "onnxruntime", "no OpenVINO"),
        (1, ALL, "cpu", "openvino", "CPU chosen"),
        (2, ALL, "cuda", "tensorrt", "GPU and TensorRT"),
        (0, ALL, "torch", "torch", "by name"),
        (1, ALL, "onnxruntime", "onnxruntime", "by name"),
        (1, ALL, "torch-cuda", "torch-cuda", "by name"),
    ],
)
def test_the_fastest_that_is_there_is_picked_and_says_why(
    monkeypatch: pytest.MonkeyPatch, gpus: int, there: set[str], device: str, picked: str, why: str
) -> None:
    machine(monkeypatch, gpus, there)
    backend, reason = pick(device)
    assert backend == picked
    assert why in reason


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_backend_asked_for_by_name_and_missing_names_what_to_install(
    monkeypatch: pytest.MonkeyPatch, backend: str
) -> None:
    machine(monkeypatch, 1, ALL - {backend})
    with pytest.raises(MissingError, match="pip install") as error:
        pick(backend)
    assert INSTALL[backend] in str(error.value)


@pytest.mark.parametrize(
    ("gpus", "there", "device", "message"),
    [
        (0, ALL, "tensorrt", "needs an NVIDIA GPU"),
        (0, ALL, "torch-cuda", "needs an NVIDIA GPU"),
        (0, ALL, "cuda", "needs an NVIDIA GPU, none found"),
        (1, NO_GPU_PARTS, "cuda", r"needs TensorRT or torch, none installed; run: pip install .*gpu"),
        (0, set(), "auto", "no backend is installed; run: pip install"),
    ],
)
def test_what_cannot_run_is_no_silent_fall_back(
    monkeypatch: pytest.MonkeyPatch, gpus: int, there: set[str], device: str, message: str
) -> None:
    machine(monkeypatch, gpus, there)
    with pytest.raises(MissingError, match=message):
        pick(device)


def test_an_unknown_device_lists_the_known(tiny_file: ModelFile) -> None:
    with pytest.raises(ModelError, match="got 'tpu'") as error:
        open_engine(tiny_file, "tpu")
    assert all(device in str(error.value) for device in DEVICES)


def test_precision_is_the_one_asked_for_or_compiled_for_or_the_default(tiny_file: ModelFile) -> None:
    compiled = replace(tiny_file, precision={"openvino": "int8", "onnxruntime": "fp7"})
    assert pick_precision(compiled, "openvino", "auto") == ("int8", "the file was compiled for int8")
    assert pick_precision(compiled, "openvino", "fp32")[0] == "fp32"
    assert pick_precision(compiled, "onnxruntime", "auto")[0] == "fp32"  # fp7 is no precision of it
    assert pick_precision(compiled, "torch-cuda", "auto")[0] == "fp16"
    with pytest.raises(ModelError, match="onnxruntime computes in fp32, int8; got 'bf16'"):
        pick_precision(compiled, "onnxruntime", "bf16")


def test_an_opened_engine_says_what_and_why(int8_file: ModelFile) -> None:
    with closing(open_engine(int8_file.path, "cpu")) as engine:
        assert (engine.choice.backend, engine.choice.precision) == ("openvino", "int8")
        assert "CPU chosen, found OpenVINO; the file was compiled for int8" in str(engine.choice)


def test_a_machine_without_a_driver_has_no_gpus() -> None:
    assert nvidia_gpus() >= 0


def test_answers_that_depend_on_the_batch_are_refused(tiny_file: ModelFile) -> None:
    with closing(open_engine(tiny_file, "onnxruntime")) as engine:
        encode = engine.encode

        def wrong(faces: np.ndarray) -> Encoded:
            right = encode(faces)
            return Encoded(right.o_a + len(faces), right.feature)

        engine.encode = wrong  # type: ignore[method-assign]
        with pytest.raises(ModelError, match="different outputs for a batch of two and of one"):
            try_out(engine)


def test_answers_that_are_not_finite_are_refused(tiny_file: ModelFile) -> None:
    engine = open_engine(tiny_file, "onnxruntime")
    encode = engine.encode
    engine.encode = lambda faces: Encoded(encode(faces).o_a * np.nan, encode(faces).feature)  # type: ignore[method-assign]
    with pytest.raises(ModelError, match="not finite in fp32"):
        try_out(engine)
