"""Experimental AUs: a model says which they are, and so does everything that comes out of it."""

import json
import xml.etree.ElementTree as ET
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.cli import main as compile_main
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import ModelError
from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.overlay.draw import draw
from knowledge_spreader.realtime.overlay.panel import Form, _line, _name, _verdicts, forms, panel_size
from knowledge_spreader.realtime.sinks.events_sink import EventsSink
from knowledge_spreader.realtime.sinks.jsonl_sink import JsonlSink
from knowledge_spreader.realtime.sinks.lsl_sink import LslSink
from knowledge_spreader.realtime.types import Event
from knowledge_spreader.spec import ModelSpec, au_meaning, experimental_note
from tests.realtime.sinks.results import AUS, FILE, answer, result

SPEC = ModelSpec(aus=(1, 4, 7, 12), backbone="tiny", experimental=(4, 7))
WORTH = "experimental: not shown to work on real faces"


def test_a_spec_keeps_them_and_one_from_before_has_none() -> None:
    assert ModelSpec.from_json(SPEC.to_json()) == SPEC
    older = {name: value for name, value in asdict(SPEC).items() if name != "experimental"}
    assert ModelSpec.from_json(json.dumps(older)) == replace(SPEC, experimental=())


@pytest.mark.parametrize("wrong", [(9,), (4, 4)])
def test_only_aus_of_the_model_can_be_experimental_and_each_once(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ModelError, match="experimental AUs must be AUs of the model"):
        replace(SPEC, experimental=wrong)


def test_models_that_differ_in_nothing_else_fit_each_other() -> None:
    other = replace(SPEC, experimental=())
    assert SPEC.differences(other) == SPEC.differences(other, ignore=()) == []
    assert SPEC.differences(replace(other, n_frames=7)) == ["n_frames 5 != 7"]


def test_the_note_names_them_and_there_is_none_without_them() -> None:
    assert experimental_note((4, 7)) == f"AU4, AU7 {WORTH}"
    assert experimental_note(()) == ""
    assert [au_meaning(au, (7,)) for au in (7, 12)] == [f"lid tightener ({WORTH})", "lip corner puller"]


TOLD = ["--device", "onnxruntime", "--precision", "fp32"]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled model with two experimental AUs."""
    out = tmp_path_factory.mktemp("marked") / "m.ks"
    assert compile_main([str(bundled_model()), "--out", str(out), "--experimental", "7,AU14", *TOLD]) == 0
    return out


@pytest.mark.slow
def test_ks_compile_marks_a_model_keeps_the_mark_and_takes_it_off(marked: Path, tmp_path: Path) -> None:
    out = tmp_path / "m.ks"
    assert open_model(marked).spec.experimental == (7, 14)
    assert open_model(marked).weights_id == open_model(bundled_model()).weights_id
    assert compile_main([str(marked), "--out", str(out), *TOLD]) == 0
    assert open_model(out).spec.experimental == (7, 14)
    assert compile_main([str(out), "--experimental", "", *TOLD]) == 0
    assert open_model(out).spec.experimental == ()


def test_an_au_that_the_model_lacks_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert compile_main([str(bundled_model()), "--out", str(tmp_path / "m.ks"), "--experimental", "7,18"]) == 2
    assert "got [7, 18]" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_ks_live_says_it_once_and_so_do_its_files(
    marked: Path, tmp_path: Path, face_model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, report = tmp_path / "o.jsonl", tmp_path / "report.json"
    capsys.readouterr()
    args = ["--demo", "--duration", "0.2", "--model", str(marked), "--face-model", str(face_model), "--no-progress"]
    assert main([*args, "--jsonl", str(lines), "--report", str(report)]) == 0
    assert capsys.readouterr().err.count(f"m.ks: AU7, AU14 {WORTH}") == 1
    assert json.loads(report.read_text())["model"]["experimental"] == ["AU7", "AU14"]
    frames = [json.loads(line) for line in lines.read_text().splitlines()]
    assert frames
    assert all(frame["experimental"] == ["AU7", "AU14"] for frame in frames)


def test_a_json_line_names_them(tmp_path: Path) -> None:
    sink = JsonlSink(str(tmp_path / "o.jsonl"))
    sink.write(replace(result(0), experimental=(4,)))
    sink.close()
    assert json.loads((tmp_path / "o.jsonl").read_text())["experimental"] == ["AU4"]


def test_the_sidecar_of_events_describes_them(tmp_path: Path) -> None:
    sink = EventsSink(tmp_path / "e.tsv", AUS, experimental=(4,))
    sink.write(result(0))
    sink.close()
    levels = json.loads((tmp_path / "e.json").read_text())["trial_type"]["Levels"]
    assert levels["AU4"] == f"brow lowerer ({WORTH})"
    assert levels["AU12"] == "lip corner puller"


@pytest.mark.parametrize(("experimental", "told"), [((4,), [f"AU4 {WORTH}"]), ((), [])])
def test_an_elan_file_has_them_in_its_header(tmp_path: Path, experimental: tuple[int, ...], told: list[str]) -> None:
    sink = EventsSink(tmp_path / "e.eaf", AUS, experimental)
    sink.write(result(0, events=[Event(FILE, 0, 12, 0.0, 0.5, 0.9)]))
    sink.close()
    header = ET.parse(tmp_path / "e.eaf").getroot().iterfind("HEADER/PROPERTY")
    assert [each.text for each in header if each.get("NAME") == "note"] == told


def test_a_channel_of_lsl_is_described_as_such() -> None:
    pytest.importorskip("pylsl", exc_type=(ImportError, RuntimeError))
    sink = LslSink(AUS, experimental=(4,))
    channels = ET.fromstring(sink._info(FILE, 0).as_xml()).iter("description")
    told = [each.text for each in channels]
    assert told[: len(AUS)] == [au_meaning(au, (4,)) for au in AUS]
    assert ["experimental" in each for each in told[len(AUS) :]] == [False, False, False, True, True]  # head, gaze
    sink.close()


@pytest.mark.parametrize("number", range(len(forms(15))))
def test_a_panel_marks_them_and_a_roomy_one_explains_the_mark(number: int) -> None:
    plain, form = forms(15)[number], forms(15, (4,))[number]
    face = answer(p=[0.9, 0.9, 0.9, 0.9])
    names = [_name(au, form).split()[0] for au in AUS] if form.bars else _line(face, AUS, form).split()[2:]
    assert [name.endswith("~") for name in names] == [au == 4 for au in AUS]
    legend = [text for text, _ in _verdicts(face, form, 5) if "experimental" in text]
    assert legend == (["~ experimental"] if form.long_names else [])
    assert panel_size(face, AUS, form, 5)[1] >= panel_size(face, AUS, plain, 5)[1]


def test_without_experimental_aus_a_panel_is_as_it_was() -> None:
    assert forms(15)[0] == Form(15)


def test_the_mark_is_drawn() -> None:
    picture = np.full((480, 640, 3), 128, np.uint8)
    drawn = result(0, answer())
    drawn = replace(drawn, frame=replace(drawn.frame, image=picture))
    assert not np.array_equal(draw(drawn), draw(replace(drawn, experimental=(4,))))
