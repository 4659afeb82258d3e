"""timeline.py: one block of bytes with all that ks-live says of a recording."""

import json
import struct
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.geometry.voice import FEATURES
from knowledge_spreader.realtime.adapt.cache import Views, Watched, watch_recordings
from knowledge_spreader.realtime.adapt.recordings import OwnRecording
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.review.timeline import timeline_bytes
from knowledge_spreader.realtime.types import FrameResult
from knowledge_spreader.realtime.watch import watch
from tests.realtime.adapt.clips import piece


def read(data: bytes) -> tuple[dict, dict[str, np.ndarray]]:
    """As the page reads it."""
    (length,) = struct.unpack_from("<I", data)
    header = json.loads(data[4 : 4 + length])
    at, arrays = 4 + length, {}
    for name, kind, shape in header["arrays"]:
        assert at % 8 == 0
        arrays[name] = np.frombuffer(data, f"<{kind}", int(np.prod(shape)), at).reshape(shape)
        at += -(-arrays[name].nbytes // 8) * 8
    assert at == len(data)
    return header, arrays


def watched(path: Path, cache: Path, model: str = "") -> Watched:
    return watch_recordings([OwnRecording(path, path.name, path.name)], Options(model=model), cache)


def run(path: Path, model: str = "") -> tuple[FrameResult, ...]:
    with watch(path, options=Options(model=model)) as results:
        return tuple(results)


def assert_same(data: bytes, results: tuple[FrameResult, ...], sided: tuple[int, ...]) -> None:
    header, arrays = read(data)
    assert header["frames"] == len(results)
    assert arrays["times_s"] == pytest.approx([result.frame.time_s for result in results])
    assert header["sided"] == list(sided)
    (face,) = header["faces"]
    of = {name.partition(".")[2]: array for name, array in arrays.items() if name.startswith(f"{face['id']}.")}
    rows = [(i, row) for i, result in enumerate(results) for row in result.faces if row.success]
    assert of["frame"].tolist() == [i for i, _ in rows]
    assert (of["on"] == [row.occurrence for _, row in rows]).all()
    assert of["p"] / 65535 == pytest.approx(np.array([row.probability for _, row in rows]), abs=1e-4)
    assert of["differ"] / 255 == pytest.approx(np.array([row.disagreement for _, row in rows]), abs=0.004)
    assert of["box"] == pytest.approx(np.array([row.face.box_xyxy_px for _, row in rows]), abs=0.51)
    if (strength := rows[0][1].intensity) is not None:
        told = np.isfinite(strength)
        assert (of["intensity"][:, ~told] == 255).all()
        wanted = np.array([row.intensity[told] for _, row in rows])
        assert of["intensity"][:, told] / 50 == pytest.approx(wanted, abs=0.015)
    for i, side in enumerate(("left", "right")):
        assert of[side].shape == (len(rows), len(sided))
        if sided:
            assert of[side] / 254 == pytest.approx(np.array([row.sides[:, i] for _, row in rows]), abs=0.004)
    last_s = results[rows[-1][0]].frame.time_s  # those that are open end with the face
    events = {}
    for event in (event for result in results for event in result.events):
        events[round(event.onset_s, 6), event.au] = round(last_s if event.end_s is None else event.end_s, 6)
    assert {(one["onset_s"], one["au"]): one["end_s"] for one in header["events"]} == events


def test_it_is_what_the_live_run_says_of_a_recording(tmp_path: Path) -> None:
    path, model = piece(tmp_path / "a.mp4", range(60, 90)), open_model(bundled_model())
    assert model.geometry is not None
    assert_same(timeline_bytes(watched(path, tmp_path / "cache"), model), run(path), model.geometry.sided)


@pytest.mark.slow
def test_it_is_what_the_live_run_says_of_the_whole_clip(tmp_path: Path) -> None:
    model = open_model(bundled_model())
    assert model.geometry is not None
    assert_same(timeline_bytes(watched(demo_clip(), tmp_path), model), run(demo_clip()), model.geometry.sided)


def test_a_model_without_voices_and_with_own_heads_says_what_it_says_live(tiny_file: ModelFile, tmp_path: Path) -> None:
    from knowledge_spreader.engines.ks_file.model_file import write_model
    from tests.engines.ks_file.test_own_heads import OWN

    path = piece(tmp_path / "a.mp4", range(20))
    graphs = {name: tiny_file.graph(name) for name in tiny_file.sha256}
    own = write_model(tmp_path / "own.ks", tiny_file.spec, graphs, tiny_file.torch_weights, {}, {}, own=OWN)
    found = watched(path, tmp_path / "cache", str(tiny_file.path))
    for model in (tiny_file, own):
        assert_same(timeline_bytes(found, model), run(path, str(model.path)), ())
    thresholds = [read(timeline_bytes(found, model))[0]["thresholds"] for model in (tiny_file, own)]
    assert thresholds[0] != thresholds[1]
    assert read(timeline_bytes(found, own))[0]["weights"] == own.weights_id


def by_hand(model: ModelFile, frame: list[int], face: list[int], p: np.ndarray, times_s: np.ndarray) -> Watched:
    """Faces without landmarks whose first AU has these probabilities."""
    rows, u = len(frame), len(model.spec.aus)
    crops = np.full((rows, u), -9.0, np.float32)
    crops[:, 0] = np.log(p / (1 - p))
    nan = np.full((rows, u), np.nan, np.float32)
    at, who = np.array(frame, np.int64), np.array(face, np.int32)
    faces = Faces(
        np.zeros(rows, np.int32),
        np.full(rows, "anna"),
        at,
        times_s[at],
        who,
        np.full(rows, 80, np.float32),
        crops,
        nan,
        np.ones(rows, np.float32),
        np.full((rows, len(FEATURES)), np.nan, np.float32),
        [np.zeros((rows, 1), np.float32)],
    )
    box = np.tile(np.array([10.4, 20.6, 99_999, -3], np.float32), (rows, 1))
    views = Views(box, np.full((rows, 3), np.nan, np.float32), np.zeros((rows, u), np.float32))
    return Watched(faces, views, (np.arange(len(times_s)) * 5,), (times_s,))


def test_occurrence_has_hysteresis_and_an_event_of_a_lost_face_ends_where_it_was_last_seen(
    tiny_file: ModelFile,
) -> None:
    # threshold 0.5: begins at 0.55, ends below 0.45; the first frame of a track at 0.5
    p = np.array([0.40, 0.54, 0.56, 0.46, 0.44, 0.60, 0.60, 0.52], np.float32)
    frame = [0, 1, 2, 3, 4, 5, 6, 40]  # then the face is away for more than a second
    model = replace(tiny_file, spec=replace(tiny_file.spec, thresholds=()))
    found = by_hand(model, frame, [3] * 8, p, np.arange(50) / 25)
    header, arrays = read(timeline_bytes(found, model))
    assert arrays["3.on"][:, 0].tolist() == [0, 0, 1, 1, 0, 1, 1, 1]
    assert [(one["onset_s"], one["end_s"]) for one in header["events"]] == [(0.08, 0.16), (0.2, 0.24), (1.6, 1.6)]
    assert [one["peak"] for one in header["events"]] == [0.56, 0.6, 0.52]
    assert arrays["3.p"][:, 0].tolist() == [round(float(x) * 65535) for x in p]
    assert arrays["numbers"][:3].tolist() == [0, 5, 10]
    assert header["fps"] == 25
    assert header["duration_s"] == 2


def test_faces_are_ordered_by_how_often_they_are_seen_and_what_is_not_known_is_marked(tiny_file: ModelFile) -> None:
    frame, face = [0, 0, 1, 2, 3, 3], [0, 7, 7, 7, 0, 2]
    found = by_hand(tiny_file, frame, face, np.full(6, 0.3, np.float32), np.arange(4) / 25)
    header, arrays = read(timeline_bytes(found, tiny_file))
    assert header["faces"] == [{"id": 7, "rows": 3}, {"id": 0, "rows": 2}, {"id": 2, "rows": 1}]
    assert arrays["7.frame"].tolist() == [0, 1, 2]
    assert arrays["0.frame"].tolist() == [0, 3]
    assert arrays["7.box"][0].tolist() == [10, 21, 32767, -3]
    assert (arrays["7.pose"] == -32768).all()
    assert (arrays["7.intensity"] == 255).all()
    assert arrays["7.left"].shape == (3, 0)


def test_a_recording_without_a_face_and_one_without_a_frame_are_timelines_too(tiny_file: ModelFile) -> None:
    for frames in (10, 1, 0):
        found = by_hand(tiny_file, [], [], np.zeros(0, np.float32), np.arange(frames) / 25)
        header, arrays = read(timeline_bytes(found, tiny_file))
        assert header["faces"] == header["events"] == []
        assert arrays["times_s"].shape == (frames,)
