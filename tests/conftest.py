"""Fixtures that many tests share: a tiny model and a small planted data set.

Slow imports are inside the fixtures, so that a test without torch does not wait for torch.
"""

import gc
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import hypothesis
import pytest

from knowledge_spreader.config import TrainConfig
from knowledge_spreader.spec import ModelSpec
from tests.own_priority import check_own_priority
from tests.planted import SIDE_PX, Planted, write_planted
from tests.shared import once

if TYPE_CHECKING:
    from knowledge_spreader.engines.ks_file.model_file import ModelFile
    from knowledge_spreader.method.network import KSModel

# Set before torch is imported, also for the processes that tests start. Tiny tensors are faster on one thread, two
# pytest workers keep a core each, and results do not depend on the number of cores.
os.environ["OMP_NUM_THREADS"] = "1"

# A shell lets what it begins in the background ignore Ctrl-C, and with it the processes that tests start.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes says nothing on a machine that others use, too.
hypothesis.settings.register_profile("untimed", deadline=None)
hypothesis.settings.load_profile("untimed")


def pytest_collection_finish(session: pytest.Session) -> None:
    """Begins the one run that takes a minute, if a test that asks for it was chosen."""
    gc.collect()
    gc.freeze()  # thousands of tests are objects for good: a walk over them takes long enough to delay what is timed
    if session.config.option.collectonly or not any(
        "long_run" in getattr(i, "fixturenames", ()) for i in session.items
    ):
        return
    from tests.long_run import begin
    from tests.network_audit import has_strace

    if has_strace():
        begin(session.config._tmp_path_factory)


@pytest.fixture(scope="session")
def long_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of that run; see tests/long_run.py."""
    from tests.long_run import begin
    from tests.network_audit import needs_strace

    needs_strace()
    return begin(tmp_path_factory)


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Whatever an engine that another test opened has set."""
    if torch := sys.modules.get("torch"):
        torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def not_before_others() -> Iterator[None]:
    """No test may leave a priority that starves the tests beside it."""
    yield
    check_own_priority()


@pytest.fixture(autouse=True, scope="session")
def compiled_once(tmp_path_factory: pytest.TempPathFactory) -> None:
    """OpenVINO keeps what it compiled in a worker's folder, also for the processes that tests start."""
    os.environ["KS_OPENVINO_CACHE"] = str(tmp_path_factory.getbasetemp() / "openvino")


@pytest.fixture
def tiny_spec() -> ModelSpec:
    return ModelSpec(aus=(1, 4, 12, 25), side_px=32, backbone="tiny", token_width=16, heads=2)


@pytest.fixture
def tiny_model(tiny_spec: ModelSpec) -> "KSModel":
    import torch

    from knowledge_spreader.method.network import make_model

    torch.manual_seed(0)
    return make_model(tiny_spec).eval()


@pytest.fixture(scope="session")
def tiny() -> "KSModel":
    """A tiny model whose batch norm statistics are not the initial ones."""
    from tests.engines.conftest import make_tiny

    return make_tiny()


@pytest.fixture(scope="session")
def tiny_file(tiny: "KSModel", tmp_path_factory: pytest.TempPathFactory) -> "ModelFile":
    """The tiny model as an fp32 .ks file. Exports take seconds, so tests that need any model should use this one."""
    from knowledge_spreader.engines.export.to_onnx import export
    from knowledge_spreader.engines.ks_file.model_file import open_model
    from tests.engines.conftest import SPEC, some_faces

    return open_model(once(tmp_path_factory, "tiny.ks", lambda path: export(tiny, SPEC, path, [some_faces(4)])))


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """Six people, one video of 40 frames each: enough to run everything, too little to learn from."""
    return write_planted(tmp_path_factory.mktemp("planted"), subjects=6, videos_each=1, frames=40)


@pytest.fixture(scope="session")
def face_model() -> Path:
    """The file of the BlazeFace detector."""
    from knowledge_spreader.face.detector_weights import find_face_model

    return find_face_model(None)


@pytest.fixture
def quick_config(planted: Planted, tmp_path: Path) -> TrainConfig:
    """The settings of a training of a few seconds on the planted data."""
    return TrainConfig(
        data="manifest",
        root=str(planted.manifest),
        out=str(tmp_path / "run"),
        cache=str(planted.manifest.parent / "crops"),
        aligned=True,
        labels=0.25,
        val_share=0.25,
        side_px=SIDE_PX,
        backbone="tiny",
        init="random",
        epochs=4,
        batch=4,
        unlabelled_from=2,
        gate_from=2,
        workers=0,
        amp="off",
        device="cpu",
    )
