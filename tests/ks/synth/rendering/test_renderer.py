"""synth.rendering.renderer: heads are drawn, the same each time, and a face detector finds them."""

import dataclasses
import os
import subprocess
import sys
from fractions import Fraction

import av
import numpy as np
import pytest

from knowledge_spreader.face.detector import FaceDetector
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.cli import main
from knowledge_spreader.synth.dataset.clip import clip_of, draw, render_clip
from knowledge_spreader.synth.dataset.contact_sheets import studio
from knowledge_spreader.synth.dataset.video_writer import write_video
from knowledge_spreader.synth.motion.pose import Pose, pose_of
from knowledge_spreader.synth.person.sampling import cast
from knowledge_spreader.synth.rendering.renderer import Renderer
from knowledge_spreader.synth.rendering.sensor import Sensor
from knowledge_spreader.synth.rendering.textures import Pictures
from tests.ks.synth.asset_folder import (
    FACE_MODEL,
    FOLDER,
    assets,
    needs_assets,
    refused_on_a_full_disk,
    skip_without_driver,
)

SIZE = (192, 192)


@pytest.fixture(scope="module")
def renderer():
    skip_without_driver()
    with Renderer(assets(), *SIZE, samples=1, shadow_px=512) as made:
        yield made


@pytest.mark.slow
@needs_assets
def test_the_same_face_is_drawn_the_same(renderer):
    renderer.set_person(cast(assets(), 2))
    renderer.set_scene(studio(SIZE))
    first = renderer.draw(pose_of({12: 0.7}))
    renderer.set_person(cast(assets(), 5))
    renderer.draw(Pose())
    renderer.set_person(cast(assets(), 2))
    assert np.array_equal(first, renderer.draw(pose_of({12: 0.7})))


@needs_assets
@pytest.mark.parametrize("au", AUS)
def test_each_au_can_be_seen(renderer, au):
    renderer.set_person(cast(assets(), 13))  # who is there already stays: tests come in any order
    renderer.set_scene(studio(SIZE))
    change = np.abs(renderer.draw(pose_of({au: 1.0})).astype(int) - renderer.draw(Pose())).max(2)
    assert (change > 20).sum() > 60  # pixels
    faint = np.abs(renderer.draw(pose_of({au: 0.3})).astype(int) - renderer.draw(Pose())).max(2)
    assert 0 < (faint > 20).sum() < (change > 20).sum()


@needs_assets
@pytest.mark.parametrize("seed", range(3))
def test_a_detector_finds_the_rendered_face(renderer, seed):
    clip = clip_of(assets(), seed, 2, 25, SIZE)
    with FaceDetector(FACE_MODEL) as detector:
        for image, _ in draw(renderer, clip):
            assert len(detector.find(image)) == 1


@needs_assets
def test_a_clip_has_a_truth_for_each_frame():
    skip_without_driver()
    frames, truth = render_clip(4, FOLDER, frames=3, size=(64, 48), samples=1)
    assert frames.shape == (3, 48, 64, 3)
    assert frames.dtype == np.uint8
    assert truth.shape == (3, len(AUS))
    assert 0 <= truth.min() <= truth.max() <= 1


@pytest.mark.slow
@needs_assets
@pytest.mark.parametrize(("fps", "mixed"), [(25.0, [False, True, True]), (3.0, [False, False, False])])
def test_pictures_far_apart_in_time_are_not_mixed(monkeypatch, fps, mixed):
    seen = []
    monkeypatch.setattr(Sensor, "see", lambda self, image, before, frame: seen.append(before is not None) or image)
    skip_without_driver()
    with Renderer(assets(), 64, 64, samples=1) as renderer:
        for _ in draw(renderer, clip_of(assets(), 2, 3, fps, (64, 64))):
            pass
    assert seen == mixed


@needs_assets
def test_the_command_writes_a_video_and_its_table(tmp_path):
    skip_without_driver()
    out = tmp_path / "c.mp4"
    assert main(["--assets", str(FOLDER), "clip", "--frames", "4", "--size", "64", "--out", str(out)]) == 0
    with av.open(str(out)) as container:
        assert sum(1 for _ in container.decode(video=0)) == 4
    rows = out.with_suffix(".csv").read_text().splitlines()
    assert rows[0].startswith("frame,timestamp,AU01,AU02,AU04")
    assert len(rows) == 5


@needs_assets
@pytest.mark.parametrize("name", ["c.csv", "c", "c.gif"])
def test_a_clip_whose_name_is_that_of_no_video_is_refused(tmp_path, capsys, name):
    skip_without_driver()
    out = tmp_path / name
    assert main(["--assets", str(FOLDER), "clip", "--frames", "4", "--size", "64", "--out", str(out)]) == 2
    assert f"{name}: a clip is written as .mp4, .mkv, .mov" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
@needs_assets
def test_a_clip_that_cannot_be_finished_leaves_the_one_before(tmp_path):
    skip_without_driver()
    out = tmp_path / "c.mp4"
    arguments = ["--assets", str(FOLDER), "clip", "--frames", "4", "--size", "64", "--out", str(out)]
    assert main(arguments) == 0
    before = out.read_bytes(), out.with_suffix(".csv").read_bytes()
    assert "written" in refused_on_a_full_disk([*arguments, "--frames", "12", "--size", "128"])
    assert (out.read_bytes(), out.with_suffix(".csv").read_bytes()) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["c.csv", "c.mp4"]


def test_the_command_says_in_one_line_that_assets_are_missing(tmp_path, capsys):
    assert main(["--assets", str(tmp_path), "demo", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "--assets" in said


@needs_assets
def test_no_driver_is_one_clear_line(tmp_path):
    """A process that can find neither EGL nor X."""
    program = (
        "import ctypes.util, sys, moderngl\n"
        "ctypes.util.find_library = lambda name: None\n"
        "def none(*a, **k): raise Exception('libEGL.so not loaded')\n"
        "moderngl.create_standalone_context = none\n"
        "from knowledge_spreader.synth.cli import main\n"
        f"sys.exit(main(['--assets', {str(FOLDER)!r}, 'clip', '--out', {str(tmp_path / 'x.mp4')!r}]))\n"
    )
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=env, check=False)
    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "apt-get install" in done.stderr


def test_a_video_without_frames_to_its_end_is_still_whole(tmp_path):
    def frames():
        for level in (0, 128, 255):
            yield np.full((48, 64, 3), level, np.uint8)

    tone = 0.1 * np.sin(np.arange(5292) / 20).astype(np.float32)  # 3 frames at 25 frames/s
    assert write_video(tmp_path / "v.mp4", frames(), (64, 48), Fraction(25), tone) == 3
    with av.open(str(tmp_path / "v.mp4")) as container:
        assert [stream.type for stream in container.streams] == ["video", "audio"]
        assert container.streams.video[0].codec_context.pix_fmt == "yuv420p"


@needs_assets
def test_pictures_that_people_share_are_loaded_once_and_a_skin_goes_with_its_owner(renderer):
    pictures = Pictures(renderer.graphics.context)
    one, other = cast(assets(), 2), cast(assets(), 5)
    shared = dataclasses.replace(other, wears=one.wears)
    for layer in ("teeth", "brows", "eyes"):
        worn = dataclasses.replace(shared, iris=one.iris)
        assert pictures.of(assets(), one, layer) is pictures.of(assets(), worn, layer)
    skin = pictures.of(assets(), one, "skin")
    assert skin.image.shape[2] == 4
    assert pictures.of(assets(), other, "skin") is not skin
    assert pictures.of(assets(), dataclasses.replace(one, wears={}), "teeth").brightness == pytest.approx(1.0)
