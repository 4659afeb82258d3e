"""Each photograph is answered alone: without a window, a baseline, hysteresis or events of another."""

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
import pytest

from knowledge_spreader.engines.base import Engine
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.pipeline import Analyser
from knowledge_spreader.realtime.types import FrameResult, Stream
from knowledge_spreader.realtime.watch import table, watch
from tests.realtime.test_pipeline import Everywhere, frame

ALBUM = Stream("album", stills=9)


def answers(engine: Engine, places: Sequence[int], faces: int = 1, batch: int = 3) -> list[FrameResult]:
    """Of photographs, by the place of each in the album. With all that a recording may have switched on."""
    found: list[FrameResult] = []
    analyser = Analyser(engine, Everywhere(faces), person=True, neutral_s=0.001, hysteresis=0.4)
    for start in range(0, len(places), batch):
        frames = [replace(frame(i), stream=ALBUM, pts=0, time_base=Fraction(1)) for i in places[start : start + batch]]
        found += analyser.answer(analyser.look(frames))
    return found


def test_the_order_and_the_batch_do_not_matter(engine: Engine) -> None:
    forward = answers(engine, range(9), faces=2)
    backward = answers(engine, range(8, -1, -1), faces=2, batch=4)[::-1]
    for one, other in zip(forward, backward, strict=True):
        for i in (0, 1):
            assert one.faces[i].probability == pytest.approx(other.faces[i].probability, abs=1e-5)
            assert (one.faces[i].window_frames, one.faces[i].calibrated) == (1, False)


def test_the_answer_is_the_heads_on_a_window_of_one_picture(engine: Engine) -> None:
    for result in answers(engine, range(9)):
        encoded = engine.encode(result.frame.image[None])
        window = np.repeat(encoded.feature[:, None], engine.spec.n_frames, 1)
        wanted = engine.predict(encoded.o_a, window).probability[0]
        assert result.faces[0].probability == pytest.approx(wanted, abs=1e-5)


def test_an_au_is_present_if_its_probability_reaches_the_threshold(engine: Engine) -> None:
    threshold = np.array(engine.spec.thresholds or [0.5] * len(engine.spec.aus), np.float32)
    found = answers(engine, range(9))
    for result in found:
        face = result.faces[0]
        assert (face.occurrence == (face.probability >= threshold)).all()
        assert result.events == ()


def test_the_baseline_of_a_person_is_not_subtracted(engine: Engine) -> None:
    spec, n_aus = engine.spec, len(engine.spec.aus)
    plain = answers(engine, range(9))
    engine.spec = replace(spec, person_weight=(1.0,) * n_aus, person_mean=(-3.0,) * n_aus)
    try:
        learned = answers(engine, range(9))
    finally:
        engine.spec = spec
    for one, other in zip(plain, learned, strict=True):
        assert one.faces[0].probability == pytest.approx(other.faces[0].probability, abs=1e-6)


@pytest.fixture
def album(media: Path, tmp_path: Path) -> Path:
    """A group of five, a person, the same turned by EXIF's orientation 6, nobody, and a file that is no image."""
    for name in ("pyfeat_multi_face.jpg", "skimage_astronaut.png"):
        (tmp_path / name).write_bytes((media / name).read_bytes())
    person = cv2.imread(str(media / "skimage_astronaut.png"))
    turned = cv2.imencode(".jpg", np.rot90(person), [cv2.IMWRITE_JPEG_QUALITY, 98])[1].tobytes()
    orientation = b"\xff\xe1\0\x22Exif\0\0II*\0\x08\0\0\0\1\0\x12\1\3\0\1\0\0\0\x06\0\0\0\0\0\0\0"
    (tmp_path / "turned.jpg").write_bytes(turned[:2] + orientation + turned[2:])
    cv2.imwrite(str(tmp_path / "nobody.bmp"), np.full((90, 200), 90, np.uint8))
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8")
    return tmp_path


def test_a_folder_of_photographs_from_python(album: Path) -> None:
    pd = pytest.importorskip("pandas")
    rows = table(album)
    by = dict(list(rows.groupby("picture", observed=True)))
    assert {name: len(part) for name, part in by.items()} == {
        "broken.jpg": 1,
        "nobody.bmp": 1,
        "pyfeat_multi_face.jpg": 5,
        "skimage_astronaut.png": 1,
        "turned.jpg": 1,
    }
    assert by["pyfeat_multi_face.jpg"]["face_id"].tolist() == [0, 1, 2, 3, 4]
    assert by["pyfeat_multi_face.jpg"]["face_w"].is_monotonic_decreasing
    assert by["broken.jpg"]["reason"].tolist() == ["unreadable"]
    assert by["nobody.bmp"]["reason"].tolist() == ["no face"]
    probabilities = [name for name in rows.columns if name.endswith("_p") and name.startswith("AU")]
    upright, turned = (by[name][probabilities].to_numpy(float)[0] for name in ("skimage_astronaut.png", "turned.jpg"))
    assert np.abs(upright - turned).max() < 0.1  # JPEG against PNG
    assert set(rows["timestamp"]) == {0.0}
    assert pd.api.types.is_integer_dtype(rows["frame"])


def test_several_images_are_photographs_each(album: Path) -> None:
    with watch(album / "turned.jpg", album / "nobody.bmp", options=Options(policy="stills")) as results:
        found = [(result.frame.picture, len(result.faces)) for result in results]
        report = results.report()
    assert found == [("turned.jpg", 1), ("nobody.bmp", 0)]
    assert (report["frames"]["analysed"], report["faces"], report["failures"]) == (2, 1, [])
