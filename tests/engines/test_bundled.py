"""The bundled model is there, runs, and says what it is."""

from pathlib import Path

import numpy as np
import pytest

from engines.bundled import bundled_model
from engines.compile import CompileConfig, compile_model
from engines.model_file import open_model
from engines.open import open_engine
from engines.untrained import NOTE, write_untrained


def test_the_bundled_model_runs_and_says_that_it_is_untrained() -> None:
    file = open_model(bundled_model())
    assert "untrained" in file.note
    engine = open_engine(file, "onnxruntime")
    side = file.spec.side_px
    encoded = engine.encode(np.zeros((1, side, side, 3), np.uint8))
    assert encoded.o_a.shape == (1, len(file.spec.aus))
    engine.close()


@pytest.mark.slow
def test_untrained_weights_are_the_same_each_time_and_those_that_are_bundled(tmp_path: Path) -> None:
    made = write_untrained(tmp_path / "u.ks")
    assert made.weights_id == open_model(bundled_model()).weights_id


def test_a_model_does_not_tell_where_it_was_made() -> None:
    text = bundled_model().read_bytes()
    assert str(Path.cwd()).encode() not in text
    assert b".py" not in text


def test_compiling_keeps_the_note(tmp_path: Path) -> None:
    out = tmp_path / "out.ks"
    compiled = compile_model(CompileConfig(model=bundled_model(), out=out, device="openvino", precision="fp32"))
    assert compiled.file.note == open_model(out).note == NOTE
