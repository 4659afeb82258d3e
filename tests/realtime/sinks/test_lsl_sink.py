"""LabStreamingLayer, with real outlets and inlets on this machine."""

import builtins
import math
import sys
import time
import xml.etree.ElementTree as ET

import pytest

from knowledge_spreader.errors import MissingError
from knowledge_spreader.realtime.sinks.lsl_sink import LslSink
from tests.realtime.sinks.results import AUS, CAMERA, FILE, answer, result


@pytest.fixture(scope="module")
def pylsl():
    try:
        import pylsl
    except ImportError:
        pytest.skip("pylsl is not installed")
    except RuntimeError as exc:
        pytest.skip(f"pylsl found no liblsl: {exc}")
    plain = pylsl.StreamOutlet(pylsl.StreamInfo("knowledge-spreader test", "Test", 1, 0.0, pylsl.cf_float32, "ks-test"))
    if not pylsl.resolve_byprop("name", "knowledge-spreader test", 1, 5.0):
        pytest.skip("LSL finds no streams on this machine: multicast does not work")
    del plain
    return pylsl


@pytest.fixture
def sink(pylsl):
    sink = LslSink(AUS, camera_delay_s=0.025)
    yield sink
    sink.close()


def inlet(pylsl, name):
    found = pylsl.resolve_byprop("name", name, 1, 10.0)
    assert found, f"no stream {name!r}"
    opened = pylsl.StreamInlet(found[0])
    opened.open_stream(10.0)
    return opened


def test_an_inlet_gets_each_face_with_the_time_it_came_in(sink, pylsl):
    sink.write(result(0, answer(0), answer(1), stream=CAMERA))
    inlets = [inlet(pylsl, f"camera 0 face {n}") for n in (0, 1)]
    each = result(1, answer(0, seed=5), answer(1, seed=5), stream=CAMERA)
    before_s = pylsl.local_clock() - time.perf_counter()
    sink.write(each)
    for face, opened in zip(each.faces, inlets, strict=True):
        sample, stamp_s = opened.pull_sample(10.0)
        assert sample[: len(AUS)] == face.probability.tolist()
        assert all(math.isnan(value) for value in sample[len(AUS) :])  # no face mesh
        assert stamp_s == pytest.approx(each.frame.captured_s + before_s, abs=1e-4)


def test_the_stream_says_what_it_is(sink, pylsl):
    sink.write(result(0, answer(7), stream=CAMERA))
    info = inlet(pylsl, "camera 0 face 7").info(10.0)
    assert (info.type(), info.nominal_srate(), info.channel_count()) == ("FACS", pylsl.IRREGULAR_RATE, len(AUS) + 5)
    told = ET.fromstring(info.as_xml())
    labels = [label.text for label in told.iter("label")]
    assert labels[: len(AUS)] == ["AU1", "AU4", "AU12", "AU25"]
    assert labels[len(AUS) :] == ["head_yaw_deg", "head_pitch_deg", "head_roll_deg", "gaze_angle_x", "gaze_angle_y"]
    assert float(told.findtext("desc/synchronization/offset_mean")) == 0.025
    assert told.findtext("desc/synchronization/can_drop_samples") == "true"


def test_a_face_without_an_answer_is_nan_in_every_channel(sink, pylsl):
    sink.write(result(0, answer(2)))
    opened = inlet(pylsl, "clip.mp4 face 2")
    sink.write(result(1, answer(2, rejected="turned")))
    sample, _ = opened.pull_sample(10.0)
    assert len(sample) == len(AUS) + 5
    assert all(math.isnan(value) for value in sample)


def test_a_face_that_is_long_gone_takes_its_stream_with_it_and_brings_it_back(sink):
    frames_a_second = 25
    sink.write(result(0, answer(3)))
    sink.write(result(29 * frames_a_second, answer(4)))
    assert set(sink._outlets) == {(FILE.number, 3), (FILE.number, 4)}
    sink.write(result(31 * frames_a_second, ()))
    assert set(sink._outlets) == {(FILE.number, 4)}
    sink.write(result(32 * frames_a_second, answer(3)))
    assert set(sink._outlets) == {(FILE.number, 3), (FILE.number, 4)}


@pytest.mark.parametrize(
    ("error", "advice"),
    [
        (ImportError("no pylsl"), r"pip install 'knowledge-spreader\[lsl\]'"),
        (RuntimeError("LSL binary library file was not found"), "conda install -c conda-forge liblsl"),
    ],
)
def test_without_lsl_it_says_what_to_install(monkeypatch, error, advice):
    real = builtins.__import__

    def blocked(name, *args, **kwargs):
        if name == "pylsl":
            raise error
        return real(name, *args, **kwargs)

    monkeypatch.delitem(sys.modules, "pylsl", raising=False)
    monkeypatch.setattr(builtins, "__import__", blocked)
    with pytest.raises(MissingError, match=advice):
        LslSink(AUS)
