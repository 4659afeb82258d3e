"""model_file.py: one file is a whole model, and a damaged one is one line."""

import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from knowledge_spreader.engines.ks_file.model_file import ENCODER, HEAD, MANIFEST, ModelFile, open_model, write_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.errors import KSError, MissingError, ModelError
from tests.engines.conftest import SPEC


def test_a_written_file_reads_back(tmp_path: Path) -> None:
    graphs = {ENCODER: b"encoder", HEAD: b"head", "encoder-int8-openvino": b"small"}
    places = {"w": (ENCODER, "x", True)}
    written = write_model(
        tmp_path / "m.ks", SPEC, graphs, places, {"openvino": "int8"}, {"openvino int8": {"flips": 0}}
    )
    read = open_model(str(tmp_path / "m.ks"))
    assert read == written
    assert (read.spec, read.torch_weights, read.precision) == (SPEC, places, {"openvino": "int8"})
    assert {name: read.graph(name) for name in read.sha256} == graphs
    assert [p.name for p in tmp_path.iterdir()] == ["m.ks"]


def test_equal_models_are_equal_files_and_other_precisions_keep_the_weights_name(tmp_path: Path) -> None:
    graphs = {ENCODER: b"e", HEAD: b"h"}
    a, b = (write_model(tmp_path / name, SPEC, graphs, {}, {}, {}) for name in ("a.ks", "b.ks"))
    assert a.path.read_bytes() == b.path.read_bytes()
    more = write_model(tmp_path / "c.ks", SPEC, {**graphs, "encoder-int8-openvino": b"q"}, {}, {}, {})
    other = write_model(tmp_path / "d.ks", SPEC, {**graphs, HEAD: b"other"}, {}, {}, {})
    assert more.weights_id == a.weights_id != other.weights_id


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_truncated_or_altered_file_is_one_line_or_the_same_model(
    data: st.DataObject, tiny_file: ModelFile, tmp_path: Path
) -> None:
    whole = bytearray(tiny_file.path.read_bytes())
    at = data.draw(
        st.one_of(st.integers(0, len(whole) - 1), st.integers(0, 3000), st.integers(len(whole) - 600, len(whole) - 1))
    )
    if data.draw(st.booleans()):
        spoilt = bytes(whole[:at])
    else:
        whole[at] ^= data.draw(st.integers(1, 255))
        spoilt = bytes(whole)
    path = tmp_path / "spoilt.ks"
    path.write_bytes(spoilt)
    graphs, message = contents(path)
    if message:
        assert "\n" not in message
    else:
        assert graphs == contents(tiny_file.path)[0]


def contents(path: Path) -> tuple[dict[str, bytes], str]:
    """The graphs of a file, or the line that says why not."""
    try:
        file = open_model(path)
        return {name: file.graph(name) for name in file.sha256}, ""
    except KSError as exc:
        return {}, str(exc)


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04" + b"\0" * 60, b"\x08\x08" * 5000])
def test_a_foreign_file_is_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "m.ks").write_bytes(content)
    with pytest.raises(ModelError, match="is damaged or not a model of ks-compile"):
        open_model(tmp_path / "m.ks")


def rezip(
    source: Path, target: Path, manifest: object = None, compression: int = zipfile.ZIP_STORED, **swap: bytes
) -> None:
    """A copy with another manifest or other members."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w", compression) as new:
        for info in old.infolist():
            data = swap.get(info.filename.removesuffix(".onnx"), old.read(info))
            if info.filename == MANIFEST and manifest is not None:
                data = json.dumps(manifest).encode()
            new.writestr(info.filename, data)


def manifest_of(file: ModelFile) -> dict[str, object]:
    with zipfile.ZipFile(file.path) as archive:
        manifest: dict[str, object] = json.loads(archive.read(MANIFEST))
    return manifest


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"format": "knowledge-spreader model 99"}, "not a model of this version"),
        ({"graphs": {}}, "it lists the graphs"),
        ({"graphs": None}, "its manifest"),
        ({"spec": {"aus": [3]}}, r"got \[3\]"),
        ({"spec": {"aus": [1], "colour": 1}}, "model spec"),
        ({"torch": {"w": 1}}, "its manifest"),
        ({"precision": []}, "its manifest"),
    ],
)
def test_a_manifest_that_lies_is_refused(
    tiny_file: ModelFile, tmp_path: Path, change: dict[str, object], message: str
) -> None:
    rezip(tiny_file.path, tmp_path / "m.ks", manifest_of(tiny_file) | change)
    with pytest.raises(ModelError, match=message):
        open_model(tmp_path / "m.ks")


@pytest.mark.parametrize("manifest", [[], "text", None, 3])
def test_a_manifest_of_another_kind_is_refused(tiny_file: ModelFile, tmp_path: Path, manifest: object) -> None:
    with zipfile.ZipFile(tmp_path / "m.ks", "w") as archive:
        archive.writestr(MANIFEST, json.dumps(manifest))
    with pytest.raises(ModelError, match="not a model of this version"):
        open_model(tmp_path / "m.ks")
    with zipfile.ZipFile(tmp_path / "n.ks", "w") as archive:
        archive.writestr("other", "")
    with pytest.raises(ModelError, match=r"it has no manifest\.json"):
        open_model(tmp_path / "n.ks")


def test_a_compressed_member_is_refused_before_it_is_unpacked(tiny_file: ModelFile, tmp_path: Path) -> None:
    rezip(tiny_file.path, tmp_path / "m.ks", compression=zipfile.ZIP_DEFLATED)
    with pytest.raises(ModelError, match="is missing or was changed"):
        open_model(tmp_path / "m.ks")


def test_a_graph_that_was_replaced_is_found_when_it_is_read(tiny_file: ModelFile, tmp_path: Path) -> None:
    other = bytearray(tiny_file.graph(HEAD))
    other[1000] ^= 1
    rezip(tiny_file.path, tmp_path / "m.ks", head=bytes(other))
    with pytest.raises(ModelError, match="head has another checksum"):
        open_model(tmp_path / "m.ks").graph(HEAD)


def test_a_file_that_vanishes_after_opening_is_one_line(copied: ModelFile) -> None:
    copied.path.unlink()
    with pytest.raises(ModelError, match="No such file"):
        copied.graph(ENCODER)


def test_a_missing_file_and_a_checkpoint_name_the_command(tmp_path: Path) -> None:
    with pytest.raises(MissingError, match="ks-compile makes one"):
        open_model(tmp_path / "none.ks")
    (tmp_path / "best.safetensors").write_bytes(b"")
    with pytest.raises(ModelError, match=r"ks-compile .*best\.safetensors"):
        open_model(tmp_path / "best.safetensors")


def test_int8_that_is_not_there_names_the_command(tiny_file: ModelFile) -> None:
    with pytest.raises(ModelError, match=r"--device openvino --precision int8 --sample-crops VIDEO"):
        tiny_file.int8_graph("openvino")


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot write the model"):
        write_model(tmp_path / "none" / "m.ks", SPEC, {ENCODER: b"", HEAD: b""}, {}, {}, {})


@pytest.mark.parametrize("device", ["openvino", "onnxruntime"])
@pytest.mark.parametrize("graph", [b"no graph", b""])
def test_bytes_that_are_no_graph_are_one_line(tiny_file: ModelFile, tmp_path: Path, device: str, graph: bytes) -> None:
    graphs = {ENCODER: graph, HEAD: tiny_file.graph(HEAD)}
    file = write_model(tmp_path / "m.ks", SPEC, graphs, tiny_file.torch_weights, {}, {})
    with pytest.raises(ModelError, match="compile"):
        open_engine(file, device)


@pytest.mark.parametrize("device", ["openvino", "onnxruntime", "torch"])
def test_graphs_that_do_not_fit_their_spec_are_one_line(tiny_file: ModelFile, tmp_path: Path, device: str) -> None:
    from dataclasses import replace

    graphs = {name: tiny_file.graph(name) for name in (ENCODER, HEAD)}
    for spec in (
        replace(SPEC, aus=(1, 2), thresholds=()),
        replace(SPEC, n_frames=4),
        replace(SPEC, backbone="resnet18"),
    ):
        file = write_model(tmp_path / "m.ks", spec, graphs, tiny_file.torch_weights, {}, {})
        with pytest.raises(ModelError, match="compile it again"):
            open_engine(file, device)
    swapped = {ENCODER: graphs[HEAD], HEAD: graphs[ENCODER]}
    file = write_model(tmp_path / "m.ks", SPEC, swapped, tiny_file.torch_weights, {}, {})
    with pytest.raises(ModelError, match="compile it again"):
        open_engine(file, device)
