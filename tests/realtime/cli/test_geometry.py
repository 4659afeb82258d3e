"""ks-geometry: a model learns to hear landmarks, and what does not suffice is one line before any work."""

import csv
import re
from pathlib import Path

import av
import numpy as np
import pytest

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.opencv import cv2
from knowledge_spreader.realtime.cli.geometry import main
from knowledge_spreader.realtime.demo import demo_clip

PEOPLE, FRAMES, PORTRAITS = 20, 9, 100


def save(picture: np.ndarray, path: Path) -> None:
    assert cv2.imwrite(str(path), picture[..., ::-1])


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    """Small: the search for small faces takes most of the time."""
    with av.open(str(demo_clip())) as clip:
        return [frame.reformat(320, 240).to_ndarray(format="rgb24") for frame in clip.decode(video=0)]


@pytest.fixture(scope="module")
def folder(pictures: list[np.ndarray], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """20 "people": pieces of the bundled clip as folders of pictures, with labels and intensities; 100 portraits."""
    made = tmp_path_factory.mktemp("learn")
    with demo_clip().with_suffix(".csv").open(newline="") as file:
        truth = list(csv.DictReader(file))
    aus = [name for name in truth[0] if name.startswith("AU") and "_" not in name]
    (made / "truth").mkdir()
    with (made / "manifest.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["video", "subject", "frame", *aus])
        for person in range(PEOPLE):
            (made / f"p{person:02d}").mkdir()
            mine = [(person * FRAMES + i) % len(pictures) for i in range(FRAMES)]
            for i, at in enumerate(mine):
                save(pictures[at], made / f"p{person:02d}" / f"{i:04d}.jpg")
                shown = [float(truth[at][au]) for au in aus]
                table.writerow([f"p{person:02d}", f"p{person:02d}", i, *(int(value > 0.3) for value in shown)])
            with (made / "truth" / f"p{person:02d}.csv").open("w", newline="") as rows:
                of_person = csv.writer(rows)
                sides = [f"{au}{side}" for au in aus for side in "LR"]
                of_person.writerow(["frame", *aus, *sides])
                for i, at in enumerate(mine):
                    shown = [truth[at][au] for au in aus]
                    of_person.writerow([i, *shown, *(value for value in shown for _ in "LR")])
    (made / "faces").mkdir()
    still = min(range(len(pictures)), key=lambda at: sum(float(truth[at][au]) for au in aus))
    for i in range(PORTRAITS):
        at = still if i < PORTRAITS // 2 else i * len(pictures) // PORTRAITS
        save(pictures[at], made / "faces" / f"face {chr(97 + i // 26)}{chr(97 + i % 26)}.jpg")
    return made


@pytest.mark.slow
def test_a_model_learns_a_voice_and_keeps_its_crops(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--recordings", folder / "manifest.csv", "--intensities", folder / "truth"]
    words += ["--portraits", folder / "faces", "--out", tmp_path / "new.ks", "--experimental", "7,9", "--no-progress"]
    words += ["--sides", folder / "manifest.csv"]
    assert main(list(map(str, words))) == 0
    told = capsys.readouterr().out
    assert "learned from 20 people, 180 frames" in " ".join(told.split())
    new, old = open_model(tmp_path / "new.ks"), open_model(bundled_model())
    assert new.geometry is not None
    assert new.sha256 == old.sha256
    assert new.weights_id != old.weights_id
    assert new.spec.experimental == new.geometry.experimental == (7, 9)
    assert len(new.geometry.curves) == len(new.spec.aus)
    assert "people who show the AU on one side" in " ".join(told.split())
    assert new.geometry.sides is None  # both sides do the same in this clip


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        (["--recordings", "{0}/none.csv"], "none.csv: no such file"),
        (["--portraits", "{0}/none"], "no such folder; give a folder of photographs"),
        (["--portraits", "{0}/p00"], "needs 20 labelled people, 100 portraits .*; got 20 people, 9 portraits"),
        (["--intensities", "{0}/p00"], "p00.csv: no table of intensities as ks-synth writes it"),
        (["--sides", "{0}/none.csv"], "none.csv: no such file"),
        (["--out", "{0}/manifest.csv"], "--out"),
        (["--model", "{0}/none.ks"], "no model at"),
        (["--experimental", "x"], "AUs must be numbers"),
    ],
)
def test_what_does_not_suffice_is_one_line_before_any_work(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: list[str], told: str
) -> None:
    words = {"--recordings": folder / "manifest.csv", "--portraits": folder / "faces", "--out": tmp_path / "new.ks"}
    words |= {changed[0]: changed[1].format(folder)}
    assert main([str(word) for pair in words.items() for word in pair]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert re.search(told, line), line
    assert not (tmp_path / "new.ks").exists()
