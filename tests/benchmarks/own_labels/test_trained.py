"""Everything trained, on the bundled clip: what is labelled moves, what is not stays."""

import numpy as np
import pytest

from knowledge_spreader.adapt.faces import Faces
from knowledge_spreader.arrays import I8
from knowledge_spreader.benchmarks.own_labels.trained import KS, SUPERVISED, Trainings, trained_logits
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.realtime.adapt.cache import watch_recordings
from knowledge_spreader.realtime.adapt.recordings import find_recordings
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.options import Options
from tests.realtime.clips import piece

pytest.importorskip("torch")
pytestmark = pytest.mark.slow
FRAMES = 40
AUS = open_model(bundled_model()).spec.aus
SMILE = AUS.index(12)


@pytest.fixture(scope="module")
def set_of_two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Trainings, Faces, I8]:
    """Two pieces of the clip; AU12 is said to be in every second frame, whatever is seen."""
    folder = tmp_path_factory.mktemp("trained")
    rows = ["video,subject,frame,AU12"]
    for who in "ab":
        piece(demo_clip(), folder / f"{who}.mp4", range(FRAMES))
        rows += [f"{who}.mp4,{who},{frame},{frame % 2}" for frame in range(FRAMES)]
    manifest = folder / "manifest.csv"
    manifest.write_text("\n".join(rows))
    recordings = find_recordings([manifest])
    faces = watch_recordings(recordings, Options(), folder / "cache").faces
    labels = np.full((len(faces), len(AUS)), -1, np.int8)
    labels[:, SMILE] = faces.frame % 2
    paths = tuple(one.path for one in recordings)
    return Trainings(manifest, paths, AUS, folder / "crops", epochs=1, epoch_clips=16), faces, labels


@pytest.mark.parametrize("way", [KS, pytest.param(SUPERVISED, marks=pytest.mark.long)])
def test_the_au_with_labels_is_trained_and_all_others_stay_the_bundled_models(
    set_of_two: tuple[Trainings, Faces, I8], way: str
) -> None:
    trainings, faces, labels = set_of_two
    labelled = faces.frame % 8 < 2
    logits = trained_logits(trainings, faces, labels, labelled, way, seed=0)
    others = np.arange(len(AUS)) != SMILE
    assert len(faces) == 2 * FRAMES
    assert logits.shape == (len(faces), len(AUS))
    assert np.array_equal(logits[:, others], faces.heard[:, others].astype(np.float64))
    assert (logits[:, SMILE] != faces.heard[:, SMILE]).all()
