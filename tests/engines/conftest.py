"""The tiny model that all tests of the engines share, and .ks files made from it."""

import warnings
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch

import knowledge_spreader.engines.export.to_onnx
from knowledge_spreader.arrays import U8
from knowledge_spreader.engines.ks_file.model_file import (
    ENCODER,
    ENCODER_INT8,
    HEAD,
    ModelFile,
    open_model,
    write_model,
)
from knowledge_spreader.method.network import KSModel, make_model
from knowledge_spreader.spec import ModelSpec

SPEC = ModelSpec(aus=(1, 4, 12, 25), side_px=32, backbone="tiny", token_width=16, heads=2, thresholds=(0.5,) * 4)


OTHER_EXPORTS = {"half_file", "switched_file", "residual"}  # fixtures; an export takes seconds


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks tests as slow that need another exported model than tiny_file."""
    for item in items:
        if OTHER_EXPORTS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


def some_faces(n: int, seed: int = 0) -> U8:
    """(n, 32, 32, 3) smooth patterns. Plain noise would give every batch norm the same small range."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (n, 4, 4, 3)).astype(np.float32)
    fine = coarse.repeat(8, 1).repeat(8, 2) + rng.normal(0, 10, (n, 32, 32, 3))
    return np.clip(fine, 0, 255).astype(np.uint8)


def make_tiny(seed: int = 0, spec: ModelSpec = SPEC) -> KSModel:
    """A model whose biases and batch norms are not the initial ones, so that tests notice wrong folding."""
    torch.manual_seed(seed)
    model = make_model(spec)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(("bias", "pool.look", "key_mark")):
                parameter.normal_(0, 0.1)
    model.train()
    with torch.no_grad():
        for batch in range(8):
            model.encode(torch.from_numpy(some_faces(16, seed=100 + batch)))
        norm = model.base_a.get_submodule("layers.1.1")
        assert isinstance(norm, torch.nn.BatchNorm2d)
        norm.bias.zero_()  # folded, a bias of zeros, which the exporter drops
        norm.get_buffer("running_mean").zero_()
    return model.eval()


def already_exported(monkeypatch: pytest.MonkeyPatch, file: ModelFile) -> None:
    """Makes the exporter return the graphs of this file, which saves seconds where the model is exported again."""
    graphs = {name: onnx.load_model_from_string(file.graph(name)) for name in (ENCODER, HEAD)}
    monkeypatch.setattr(knowledge_spreader.engines.export.to_onnx, "to_onnx", lambda model, spec: graphs)


@pytest.fixture(scope="session")
def int8_file(tiny_file: ModelFile, tmp_path_factory: pytest.TempPathFactory) -> ModelFile:
    """The tiny model with an int8 encoder for each backend."""
    from knowledge_spreader.engines.compile.quantize import int8_encoder

    graphs = {name: tiny_file.graph(name) for name in tiny_file.sha256}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for backend, name in ENCODER_INT8.items():
            graphs[name] = int8_encoder(tiny_file.graph(ENCODER), [some_faces(40, seed=1)], backend)
    path = tmp_path_factory.mktemp("model") / "int8.ks"
    return write_model(path, SPEC, graphs, tiny_file.torch_weights, {"openvino": "int8"}, {})


@pytest.fixture
def copied(tiny_file: ModelFile, tmp_path: Path) -> ModelFile:
    """A copy of the tiny model's file, for tests that break it."""
    path = tmp_path / "copy.ks"
    path.write_bytes(tiny_file.path.read_bytes())
    return open_model(path)
