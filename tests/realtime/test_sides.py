"""Sides in a run with the bundled model: a rendered one-sided smile, mirrored pictures, runs that tell none."""

from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader import Options, table, watch
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.types import FaceAUs
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.clip import clip_of
from knowledge_spreader.synth.motion.pose import Pose
from knowledge_spreader.synth.rendering.renderer import Renderer
from tests.ks.synth.asset_folder import assets, needs_assets, skip_without_driver

SMILES = {"both": (0.8, 0.8), "left": (0.8, 0.0), "right": (0.0, 0.8)}
SEED = 5


def save(picture: np.ndarray, path: Path) -> None:
    assert cv2.imwrite(str(path), picture[..., ::-1])


def faces_of(folder: Path) -> list[FaceAUs]:
    """One of each photograph, in the order of their names."""
    with watch(folder, options=Options(policy="stills")) as run:
        return [result.faces[0] for result in run]


@pytest.mark.slow
@needs_assets
def test_a_rendered_smile_of_one_side_is_told_on_that_side(tmp_path: Path) -> None:
    skip_without_driver()
    clip = clip_of(assets(), SEED, 2, 25.0, (256, 256))
    with Renderer(assets(), 256, 256) as renderer:
        renderer.set_person(clip.person)
        renderer.set_scene(clip.scene)
        for name, sides in SMILES.items():
            au = np.zeros((len(AUS), 2), np.float32)
            au[AUS.index(12)] = sides
            save(renderer.draw(Pose(au=au)), tmp_path / f"{name}.png")
    both, left, right = (face.side_of(12) for face in faces_of(tmp_path))
    assert min(both) > 0.5, both
    assert left[0] > 0.5 > left[1], left
    assert right[1] > 0.5 > right[0], right


def test_the_higher_side_is_the_face_and_a_mirrored_picture_exchanges_them(tmp_path: Path) -> None:
    with av.open(str(demo_clip())) as clip:
        pictures = [frame.to_ndarray(format="rgb24") for frame in clip.decode(video=0)][::15]
    for i, picture in enumerate(pictures):
        save(picture, tmp_path / f"{chr(97 + i)} there.png")
        save(picture[:, ::-1], tmp_path / f"{chr(97 + i)} turned.png")
    faces = faces_of(tmp_path)
    assert len(faces) == 2 * len(pictures) > 6
    for face in faces:
        assert face.sided == (12,)
        assert max(face.side_of(12)) == face.probability_of(12)
    there, turned = (
        np.array([np.divide(*face.side_of(12)) for face in faces[start::2]]) for start in (0, 1)
    )  # left by right
    assert np.log(turned) == pytest.approx(-np.log(there), abs=0.35)


def test_columns_are_there_where_landmarks_are_heard_and_nowhere_else(tmp_path: Path) -> None:
    with av.open(str(demo_clip())) as clip:
        save(next(clip.decode(video=0)).to_ndarray(format="rgb24"), tmp_path / "a face.png")
    stills = {"policy": "stills"}
    heard = table(tmp_path, options=Options(**stills))
    assert list(heard.columns[-2:]) == ["AU12L_p", "AU12R_p"]
    assert heard[["AU12L_p", "AU12R_p"]].max(axis=1)[0] == heard["AU12_p"][0]
    for voices in ("crops", "paper"):
        assert "AU12L_p" not in table(tmp_path, options=Options(voices=voices, **stills)).columns
