"""A whole model in one `.ks` file: two graphs, their spec, and checksums. Read without onnx or torch.

    manifest.json                  format, spec, size and sha256 of each graph, results of ks-compile, geometry voice
    encoder.onnx  head.onnx        fp32: the reference for everything else
    encoder-int8-openvino.onnx     int8 for one backend; likewise -onnxruntime and -tensorrt
    encoder.onnx-half  ...         instead of encoder.onnx: the same graph with its weights stored as fp16

It is one file, not a folder, so that it is always copied and replaced as a whole. It is a zip without compression:
any tool can open it, and weights would not shrink. Weights that fp16 represents exactly (`ks-compile --half`) are
stored as fp16 and restored to fp32 when a graph is read (half_storage.py). Checksums detect damage; they do not prove
who made a file. A graph is data, not a program.
"""

import hashlib
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from knowledge_spreader.adapt.heads import OwnHeads
from knowledge_spreader.engines.base import feature_width
from knowledge_spreader.engines.ks_file.half_storage import Span, cut, whole
from knowledge_spreader.errors import MissingError, ModelError, one_line
from knowledge_spreader.files import whole_file
from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice
from knowledge_spreader.spec import ModelSpec

FORMAT = "knowledge-spreader model 1"
FORMAT_HALF = "knowledge-spreader model 2"  # with weights as fp16; readers of format 1 refuse it
SUFFIX = ".ks"
MANIFEST = "manifest.json"
ENCODER, HEAD = "encoder", "head"
INT8_BACKENDS = ("openvino", "onnxruntime", "tensorrt")
ENCODER_INT8 = {name: f"encoder-int8-{name}" for name in INT8_BACKENDS}  # they differ: compile/quantize.py
GRAPHS = (ENCODER, HEAD, *ENCODER_INT8.values())
_MANIFEST_BYTES = 1 << 24  # larger manifests are refused


@dataclass(frozen=True, slots=True)
class ModelFile:
    """An opened `.ks` file. Graphs stay on disk until they are read."""

    path: Path
    spec: ModelSpec
    sha256: Mapping[str, str]  # of each graph in the file, with its weights in fp32
    torch_weights: Mapping[str, tuple[str, str, bool]]  # engines/backends/torch_weights.py
    precision: Mapping[str, str] = field(default_factory=dict)  # backend -> precision of the last ks-compile
    costs: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)  # "openvino int8" -> Cost (compile/parity.py)
    halves: Mapping[str, tuple[Span, ...]] = field(default_factory=dict)  # graph -> its tensors stored as fp16
    note: str = ""  # a warning for everyone who uses the model, like "untrained"
    geometry: GeometryVoice | None = None  # heard beside the crops where there are landmarks
    own: OwnHeads | None = None  # what ks-adapt has learned from a user's own labels

    @property
    def weights_id(self) -> str:
        """Identifies the fp32 weights, the geometry voice and own heads, independent of the rest; for results."""
        return self._identified(self.own.identity if self.own else "")

    @property
    def base_id(self) -> str:
        """The weights_id of the model without own heads: what is computed before they are heard is the same."""
        return self._identified("")

    def _identified(self, own: str) -> str:
        voice = self.geometry.identity if self.geometry else ""
        return hashlib.sha256((self.sha256[ENCODER] + self.sha256[HEAD] + voice + own).encode()).hexdigest()[:16]

    def spec_heard(self, *, voices: bool, points: bool = True) -> ModelSpec:
        """The spec with the thresholds and experimental AUs that hold with all voices, or for the paper's model.

        points: whether landmarks are heard.
        """
        spec = self.spec
        if voices and self.geometry is not None:
            spec = replace(spec, thresholds=self.geometry.thresholds, experimental=self.geometry.experimental)
        if voices and self.own is not None:
            thresholds = self.own.thresholds(spec.thresholds or (0.5,) * len(spec.aus), points=points)
            left = tuple(au for au in spec.experimental if au not in self.own.shown)
            spec = replace(spec, thresholds=thresholds, experimental=left)
        return spec

    def graph(self, name: str) -> bytes:
        """An ONNX graph of the file, checked against its checksum. Raises ModelError if it is damaged."""
        expected = self.sha256[name]
        try:
            with zipfile.ZipFile(self.path) as archive:
                data = whole(archive.read(_member(name, self.halves)), self.halves.get(name, ()))
        except (OSError, zipfile.BadZipFile, zlib.error, LookupError, ValueError, RuntimeError, EOFError) as exc:
            raise _damaged(self.path, exc) from exc
        if hashlib.sha256(data).hexdigest() != expected:
            raise _damaged(self.path, f"{name} has another checksum")
        return data

    def int8_graph(self, backend: str) -> bytes:
        """The int8 encoder of a backend. Raises ModelError if the file has none."""
        if ENCODER_INT8[backend] not in self.sha256:
            raise ModelError(
                f"{self.path} has no int8 encoder for {backend}; make it: "
                f"ks-compile {self.path} --device {backend} --precision int8 --sample-crops VIDEO"
            )
        return self.graph(ENCODER_INT8[backend])


def open_model(path: str | Path) -> ModelFile:
    """Opens a `.ks` file and checks its manifest; each graph is checked when it is read.

    Raises MissingError if there is no file; ModelError, one line, if it is damaged or not a `.ks` file.
    """
    path = Path(path)
    if path.suffix == ".safetensors" and path.is_file():
        raise ModelError(f"{path} is a checkpoint; make a .ks model from it: ks-compile {path}")
    if not path.is_file():
        raise MissingError(f"no model at {path}; ks-compile makes one from a checkpoint of ks-train")
    try:
        with zipfile.ZipFile(path) as archive:
            members = {info.filename: info for info in archive.infolist()}
            if MANIFEST not in members or members[MANIFEST].file_size > _MANIFEST_BYTES:
                raise ModelError(f"{path} is not a model of ks-compile: it has no {MANIFEST}; give a .ks file")
            manifest = json.loads(archive.read(MANIFEST))
        got = manifest.get("format") if isinstance(manifest, dict) else manifest
        if not isinstance(manifest, dict) or got not in (FORMAT, FORMAT_HALF):
            raise ModelError(
                f"{path} is not a model of this version (format {got!r:.60}, wanted {FORMAT!r} or {FORMAT_HALF!r}); "
                "compile it again"
            )
        model = _parse(path, manifest)
    except (OSError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError, EOFError) as exc:
        raise _damaged(path, exc) from exc
    except (KeyError, ValueError, TypeError, AttributeError) as exc:  # JSON of another shape
        raise _damaged(path, f"its manifest: {exc!r}") from exc
    _check_members(model, members, manifest)
    return model


def _parse(path: Path, manifest: dict[str, Any]) -> ModelFile:
    graphs = {str(name): str(entry["sha256"]) for name, entry in manifest["graphs"].items()}
    spec = ModelSpec.from_json(json.dumps(manifest["spec"]))
    try:
        voice = GeometryVoice.from_dict(manifest["geometry"]) if "geometry" in manifest else None
        own = OwnHeads.from_dict(manifest["own"]) if "own" in manifest else None
    except ModelError as exc:
        raise _damaged(path, exc) from exc
    if voice and len(voice.bias) != len(spec.aus):
        raise ValueError(f"geometry voice of {len(voice.bias)} AUs, model of {len(spec.aus)}")
    if own:
        _check_own(own, spec)
    if voice and voice.alone_weight.size and voice.alone_weight.shape[1] != spec.token_width:
        raise ValueError(f"geometry voice for tokens of {voice.alone_weight.shape[1]}, model of {spec.token_width}")
    return ModelFile(
        path,
        spec,
        graphs,
        {str(k): (str(graph), str(name), bool(turned)) for k, (graph, name, turned) in manifest["torch"].items()},
        {str(k): str(v) for k, v in manifest["precision"].items()},
        {str(k): dict(v) for k, v in manifest["costs"].items()},
        {
            str(name): tuple((int(start), int(count)) for start, count in entry["half"])
            for name, entry in manifest["graphs"].items()
            if entry.get("half")
        },
        str(manifest.get("note", "")),
        voice,
        own,
    )


def _check_own(own: OwnHeads, spec: ModelSpec) -> None:
    """Raises ValueError if the heads are of another model."""
    if own.of != spec.aus:
        raise ValueError(f"own heads of {len(own.of)} AUs, model of {len(spec.aus)}")
    sets = [one for one in (own.crops, own.points) if one is not None]
    width = feature_width(spec)
    if any(one.token_weight.shape[1] != width for one in sets) or own.crops.point_weight.shape[1]:
        raise ValueError(f"own heads of {[one.token_weight.shape for one in sets]}, features of {width}")
    if own.points is not None and own.points.point_weight.shape[1] != len(FEATURES):
        raise ValueError(f"own heads of {own.points.point_weight.shape[1]} points' features, not {len(FEATURES)}")


def _check_members(model: ModelFile, members: Mapping[str, zipfile.ZipInfo], manifest: dict[str, Any]) -> None:
    names = set(manifest["graphs"])
    if not {ENCODER, HEAD} <= names <= set(GRAPHS):
        raise _damaged(model.path, f"it lists the graphs {sorted(names)}")
    for name in names:
        member = _member(name, model.halves)
        info = members.get(member)
        if (
            info is None
            or info.compress_type != zipfile.ZIP_STORED
            or info.file_size != manifest["graphs"][name]["bytes"]
        ):
            raise _damaged(model.path, f"{member} is missing or was changed")


def write_model(
    path: Path,
    spec: ModelSpec,
    graphs: Mapping[str, bytes],
    torch_weights: Mapping[str, tuple[str, str, bool]],
    precision: Mapping[str, str],
    costs: Mapping[str, Mapping[str, Any]],
    note: str = "",
    geometry: GeometryVoice | None = None,
    own: OwnHeads | None = None,
) -> ModelFile:
    """Writes the file whole or not at all, and opens it. Equal contents give equal bytes. Raises ModelError."""
    assert {ENCODER, HEAD} <= set(graphs) <= set(GRAPHS), sorted(graphs)
    stored = {name: cut(graphs[name]) for name in GRAPHS if name in graphs}
    halves = {name: spans for name, (_, spans) in stored.items() if spans}
    listed = {
        name: {
            "sha256": hashlib.sha256(graphs[name]).hexdigest(),
            "bytes": len(stored[name][0]),
            **({"half": halves[name]} if name in halves else {}),
        }
        for name in sorted(graphs)
    }
    manifest = {
        "format": FORMAT_HALF if halves else FORMAT,
        "spec": json.loads(spec.to_json()),
        "graphs": listed,
        "torch": torch_weights,
        "precision": precision,
        "costs": costs,
        **({"note": note} if note else {}),
        **({"geometry": geometry.to_dict()} if geometry else {}),
        **({"own": own.to_dict()} if own else {}),
    }
    try:
        with whole_file(path, keep=True) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(MANIFEST), json.dumps(manifest, indent=1).encode())
            for name, (data, _) in stored.items():
                archive.writestr(zipfile.ZipInfo(_member(name, halves)), data)  # ZipInfo: a fixed date
    except OSError as exc:
        raise ModelError(f"{path}: cannot write the model ({one_line(exc)}); check the folder and the disk") from exc
    return open_model(path)


def _member(name: str, halves: Mapping[str, tuple[Span, ...]]) -> str:
    return f"{name}.onnx-half" if name in halves else f"{name}.onnx"  # -half: ONNX tools cannot read it


def _damaged(path: Path, why: object) -> ModelError:
    reason = " ".join(str(why).split())[:160]
    return ModelError(f"{path} is damaged or not a model of ks-compile ({reason}); copy or compile it again")
