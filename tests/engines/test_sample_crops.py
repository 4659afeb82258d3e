"""sample_crops.py: real crops from a user's own pictures."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.engines.compile.quantize import CALIBRATION_CROPS, int8_encoder
from knowledge_spreader.engines.ks_file.model_file import ENCODER, ModelFile
from knowledge_spreader.engines.sample_crops import RUN, RUNS, halves, real_crops
from knowledge_spreader.errors import DataError
from knowledge_spreader.face.detector_weights import find_face_model
from tests.engines.conftest import SPEC, some_faces
from tests.paths import SHARED
from tests.planted import Planted

MODEL = find_face_model(None)
VIDEO = SHARED / "media" / "pyfeat_single_face.mp4"


def test_aligned_pictures_come_as_runs_of_neighbours(planted: Planted) -> None:
    folder = next(path for path in sorted(planted.manifest.parent.iterdir()) if path.is_dir())
    runs = real_crops(folder, SPEC, aligned=True)
    assert sum(map(len, runs)) == 40  # all of so short a video
    assert all(2 <= len(run) <= RUN and run.shape[1:] == (32, 32, 3) for run in runs)
    first = cv2.cvtColor(cv2.imread(str(folder / "00000.png")), cv2.COLOR_BGR2RGB)
    np.testing.assert_array_equal(runs[0][0], first)


def test_a_long_source_is_sampled_all_over(tmp_path: Path) -> None:
    for i in range(600):
        cv2.imwrite(str(tmp_path / f"{i:04d}.png"), np.full((32, 32, 3), i // 3, np.uint8))
    runs = real_crops(tmp_path, SPEC, aligned=True)
    assert [len(run) for run in runs] == [RUN] * RUNS
    assert runs[0][0].max() == 0
    assert runs[-1][-1].max() == 599 // 3


@pytest.mark.skipif(not VIDEO.is_file(), reason="no video in shared/data")
def test_faces_of_a_video_are_found_and_cropped() -> None:
    runs = real_crops(VIDEO, SPEC, face_model=str(MODEL))
    assert sum(map(len, runs)) > 2 * CALIBRATION_CROPS
    assert all(run.shape[1:] == (32, 32, 3) and run.any() for run in runs)


def test_a_source_without_pictures_or_faces_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="contains no images"):
        real_crops(tmp_path, SPEC, aligned=True)
    with pytest.raises(DataError, match="no such video"):
        real_crops(tmp_path / "none.mp4", SPEC, aligned=True)
    if MODEL.is_file():
        for i in range(3):
            cv2.imwrite(str(tmp_path / f"{i}.png"), np.zeros((48, 48, 3), np.uint8))
        with pytest.raises(DataError, match="no face found in 3 frames"):
            real_crops(tmp_path, SPEC, face_model=str(MODEL))


def test_half_of_the_runs_calibrate_and_the_other_half_measures() -> None:
    runs = [some_faces(2, seed=i) for i in range(5)]
    own, rest = halves(runs)
    assert [len(own), len(rest)] == [3, 2]
    one, other = halves([some_faces(7)])
    assert [len(one[0]), len(other[0])] == [3, 4]


def test_too_few_faces_are_refused(tiny_file: ModelFile) -> None:
    with pytest.raises(DataError, match=rf"{CALIBRATION_CROPS} faces or more; got 31"):
        int8_encoder(tiny_file.graph(ENCODER), [some_faces(31)], "openvino")


@pytest.mark.parametrize(
    ("backend", "activation", "bias", "largest"),
    [("openvino", "INT8", False, 64), ("tensorrt", "INT8", False, 127), ("onnxruntime", "UINT8", True, 64)],
)
def test_int8_is_made_as_each_backend_wants_it(
    int8_file: ModelFile, backend: str, activation: str, bias: bool, largest: int
) -> None:
    import onnx
    from onnx import TensorProto, numpy_helper

    graph = onnx.load_model_from_string(int8_file.int8_graph(backend)).graph
    constants = {tensor.name: tensor for tensor in graph.initializer}
    made_by = {output: node for node in graph.node for output in node.output}
    convolutions = [node for node in graph.node if node.op_type == "Conv"]
    assert len(convolutions) == 9
    assert all(
        made_by[node.input[0]].op_type == made_by[node.input[1]].op_type == "DequantizeLinear" for node in convolutions
    )
    activations = {
        TensorProto.DataType.Name(constants[n.input[2]].data_type) for n in graph.node if n.op_type == "QuantizeLinear"
    }
    assert activations == {activation}
    weights = [numpy_helper.to_array(constants[made_by[node.input[1]].input[0]]) for node in convolutions]
    assert all(weight.dtype == np.int8 for weight in weights)
    assert max(int(np.abs(weight.astype(int)).max()) for weight in weights) == largest
    biases = [made_by.get(node.input[2]) for node in convolutions if len(node.input) > 2]
    assert any(biases) == bias
    if activation == "INT8":
        assert all(
            not numpy_helper.to_array(constants[n.input[2]]).any() for n in graph.node if n.op_type == "QuantizeLinear"
        )
    assert not {node.op_type for node in graph.node if node.op_type in ("MatMulInteger", "QLinearMatMul")}
