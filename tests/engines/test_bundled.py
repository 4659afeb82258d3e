"""The bundled model is there, runs, knows what the demo clip's person does, and says what it is not sure of."""

import csv
from pathlib import Path

import numpy as np
import pytest
import torch

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.compile.compile_model import CompileConfig, compile_model
from knowledge_spreader.engines.export.untrained import NOTE, write_untrained
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.method.network import KSModel
from knowledge_spreader.metrics import auc
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.watch import watch
from knowledge_spreader.spec import ModelSpec, au_label


def test_the_bundled_model_runs_and_is_no_untrained_one() -> None:
    file = open_model(bundled_model())
    assert not file.note
    assert len(file.spec.thresholds) == len(file.spec.aus) == 18
    assert file.spec.experimental
    assert bundled_model().stat().st_size < 60e6
    engine = open_engine(file, "onnxruntime")
    side = file.spec.side_px
    encoded = engine.encode(np.zeros((1, side, side, 3), np.uint8))
    assert encoded.o_a.shape == (1, len(file.spec.aus))
    engine.close()


def test_the_bundled_model_knows_what_the_demo_clips_person_does(face_model: Path) -> None:
    with demo_clip().with_suffix(".csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    with watch(demo_clip(), options=Options(face_model=str(face_model))) as results:
        answers = [(result.frame.index, row.probability) for result in results for row in result.faces]
        aus = results.aus
    probability = np.stack([p for _, p in answers])
    shown = np.array([[float(truth[i][f"AU{au:02d}"]) for au in aus] for i, _ in answers])
    labels = np.where(shown >= 0.5, 1, np.where(shown <= 0.1, 0, -1)).astype(np.int8)
    seen = (labels == 1).sum(0) >= 5
    scores = auc(probability, labels)[seen]
    assert seen.sum() >= 5, [au_label(au) for au in np.array(aus)[seen]]
    assert scores.mean() > 0.8, dict(zip(np.array(aus)[seen].tolist(), scores.round(2).tolist(), strict=True))


def test_untrained_weights_are_the_same_each_time_and_carry_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    models: list[KSModel] = []
    notes: list[str] = []

    def export(model: KSModel, _spec: ModelSpec, _path: Path, *, note: str) -> None:
        models.append(model)
        notes.append(note)

    monkeypatch.setattr("knowledge_spreader.engines.export.untrained.export", export)  # saves the exporter's seconds
    for name in ("a.ks", "b.ks"):
        torch.rand(3)  # whatever was drawn before
        write_untrained(tmp_path / name)
    one, other = (model.state_dict() for model in models)
    assert all(torch.equal(one[name], other[name]) for name in one)
    assert notes == [NOTE, NOTE]


def test_a_model_does_not_tell_where_it_was_made() -> None:
    text = bundled_model().read_bytes()
    assert str(Path.cwd()).encode() not in text
    assert b".py" not in text


def test_compiling_keeps_the_note(tiny_file: ModelFile, tmp_path: Path) -> None:
    graphs = {name: tiny_file.graph(name) for name in tiny_file.sha256}
    noted = write_model(tmp_path / "in.ks", tiny_file.spec, graphs, tiny_file.torch_weights, {}, {}, note=NOTE)
    out = tmp_path / "out.ks"
    compiled = compile_model(CompileConfig(model=noted.path, out=out, device="openvino", precision="fp32"))
    assert compiled.file.note == open_model(out).note == NOTE
