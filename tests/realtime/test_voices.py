"""The geometry voice in a run: heard where a face has landmarks, and never where nobody asked."""

from fractions import Fraction
from functools import cache
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader import Options, watch
from knowledge_spreader.arrays import logit
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model, write_model
from knowledge_spreader.geometry.voice import FEATURES, GeometryVoice
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.types import Face, Frame, FrameResult, Stream
from knowledge_spreader.realtime.voices import Voices
from tests.ks.geometry.voices import a_voice


def with_voice(path: Path, voice: GeometryVoice | None) -> ModelFile:
    file = open_model(bundled_model())
    graphs = {name: file.graph(name) for name in file.sha256}
    return write_model(path, file.spec, graphs, file.torch_weights, file.precision, file.costs, geometry=voice)


@pytest.fixture(scope="module")
def voice() -> GeometryVoice:
    """Hears nothing but jawOpen, for the first AU."""
    u = len(open_model(bundled_model()).spec.aus)
    return a_voice(u, crops_share=np.append(0.0, np.ones(u - 1)), points_share=np.append(1.0, np.zeros(u - 1)))


@pytest.fixture(scope="module")
def models(voice: GeometryVoice, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {name: with_voice(folder / f"{name}.ks", one).path for name, one in (("with", voice), ("without", None))}


@cache
def results(model: Path, **options: object) -> tuple[FrameResult, ...]:
    """Of the clip's first 16 frames; each run is made once."""
    with watch(demo_clip(), options=Options(model=str(model), **options)) as run:
        return tuple(result for _, result in zip(range(16), run, strict=False))


def probabilities(model: Path, **options: object) -> np.ndarray:
    return np.array([row.probability for result in results(model, **options) for row in result.faces])


def test_the_first_au_is_what_the_jaw_says_and_the_others_are_those_of_the_crops(models: dict[str, Path]) -> None:
    jaw = FEATURES.index("jawOpen")
    seen = 0
    for heard, plain in zip(results(models["with"]), results(models["without"], person=False), strict=True):
        for row, alone in zip(heard.faces, plain.faces, strict=True):
            if not row.success:
                continue
            shapes = row.face.landmarks.blendshapes
            assert row.probability[0] == pytest.approx(np.clip(shapes[jaw], 1e-3, 1 - 1e-3), abs=1e-5)
            assert row.probability[1:] == pytest.approx(alone.probability[1:], abs=1e-5)
            assert alone.face.landmarks.blendshapes is None
            seen += 1
    assert seen > 10


def test_without_it_the_answer_is_the_papers(models: dict[str, Path]) -> None:
    assert (probabilities(models["with"], voices="paper") == probabilities(models["without"])).all()
    assert (probabilities(models["with"], voices="paper", pose=False) != probabilities(models["with"])).any()


def test_without_pose_it_is_heard_and_the_landmarks_are_kept_to_itself(models: dict[str, Path]) -> None:
    for quiet, shown in zip(results(models["with"], pose=False), results(models["with"]), strict=True):
        for one, other in zip(quiet.faces, shown.faces, strict=True):
            assert one.face.landmarks is None
            assert other.face.landmarks is not None
            assert (one.probability == other.probability).all()


def test_the_crops_alone_say_what_they_have_learned_and_need_no_face_mesh(models: dict[str, Path]) -> None:
    learned = open_model(bundled_model()).geometry
    assert learned is not None
    run = Options(model=str(bundled_model()), voices="crops", pose=False, features=True)
    plain = Options(model=str(bundled_model()), voices="paper", person=False, pose=False)
    with watch(demo_clip(), options=run) as heard, watch(demo_clip(), options=plain) as paper:
        for _, one, other in zip(range(12), heard, paper, strict=False):
            for alone, crops in zip(one.faces, other.faces, strict=True):
                assert alone.face.landmarks is None
                wanted = learned.heard(logit(crops.probability).astype(np.float64), None, alone.feature)
                assert logit(alone.probability) == pytest.approx(wanted, abs=1e-2)


def test_its_own_thresholds_and_marks_hold_where_it_is_heard(models: dict[str, Path], voice: GeometryVoice) -> None:
    file = open_model(models["with"])
    assert file.spec_heard(voices=True).thresholds == voice.thresholds
    assert file.spec_heard(voices=False) == file.spec
    with watch(demo_clip(), options=Options(model=str(models["with"]))) as run:
        assert run.spec.thresholds == voice.thresholds
        assert run.report()["model"]["voices"] == "all"
    with watch(demo_clip(), options=Options(model=str(models["with"]), voices="paper")) as run:
        assert run.spec.thresholds == file.spec.thresholds
        assert run.report()["model"]["voices"] == "paper"


def test_the_voice_is_part_of_what_the_weights_are_called(models: dict[str, Path]) -> None:
    names = {name: open_model(path).weights_id for name, path in models.items()}
    assert len({*names.values(), open_model(bundled_model()).weights_id}) == 3


def test_a_face_without_landmarks_is_answered_by_the_crops(voice: GeometryVoice) -> None:
    u = len(voice.bias)
    face = Face(0, (0, 0, 64, 64), np.zeros((6, 2)), 0.9)
    frame = Frame(np.zeros((64, 64, 3), np.uint8), Stream("a", 0), 0, 0, Fraction(1, 25), 0.0)
    heard, apart, seen = Voices(voice).hear(np.full(u, 0.5, np.float32), np.zeros(0, np.float32), face, frame)
    assert heard == pytest.approx(np.full(u, 1 / (1 + np.exp(-0.25))))
    assert not apart.any()
    assert seen is None


@pytest.fixture(scope="module")
def small_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo clip's first frames, its face about 40 px wide."""
    path = tmp_path_factory.mktemp("small") / "small.mp4"
    with av.open(str(demo_clip())) as clip, av.open(str(path), "w") as out:
        source = clip.streams.video[0]
        stream = out.add_stream("libx264", rate=25, options={"crf": "12"})
        with watch(demo_clip(), options=Options(voices="paper", pose=False)) as run:
            left, _, right, _ = next(iter(run)).faces[0].face.box_xyxy_px
        scale = 40 / (right - left)
        stream.width, stream.height = (round(side * scale / 2) * 2 for side in (source.width, source.height))
        stream.pix_fmt = "yuv420p"
        for frame in islice(clip.decode(source), 8):
            out.mux(stream.encode(frame.reformat(stream.width, stream.height, interpolation="AREA")))
        out.mux(stream.encode(None))
    return path


@pytest.mark.parametrize(("voices", "reason"), [("all", ""), ("paper", "small")])
def test_a_face_of_40_px_is_answered_where_its_landmarks_are_heard(small_clip: Path, voices: str, reason: str) -> None:
    with watch(small_clip, options=Options(voices=voices)) as run:
        faces = [row.face for result in run for row in result.faces]
    assert len(faces) >= 6
    assert {face.rejected for face in faces} == {reason}
