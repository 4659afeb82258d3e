"""ks-live with photographs: a row for each, annotated copies, and what is refused before any work."""

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from knowledge_spreader.realtime.cli.main import main
from knowledge_spreader.realtime.sinks.ours import is_ours
from tests.realtime.clips import write_clip


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Four photographs of different sizes; no faces."""
    folder = tmp_path / "album"
    folder.mkdir()
    for i, name in enumerate(("a.jpg", "b.PNG", "c.tif", "d.JPEG")):
        cv2.imwrite(str(folder / name), np.full((90 + 10 * i, 200, 3), (0, 0, 60 * i), np.uint8))
    return folder


def live(*words: object) -> int:
    return main(["--no-progress", *map(str, words)])


def rows(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, skipinitialspace=True)


def test_a_row_for_each_photograph(album: Path, tmp_path: Path) -> None:
    assert live("--source", album, "--csv", tmp_path / "a.csv", "--report", tmp_path / "r.json") == 0
    found = rows(tmp_path / "a.csv")
    assert found["picture"].tolist() == ["a.jpg", "b.PNG", "c.tif", "d.JPEG"]
    assert found["frame"].tolist() == [1, 2, 3, 4]
    assert found["timestamp"].tolist() == [0, 0, 0, 0]
    assert found["reason"].tolist() == ["no face"] * 4
    assert json.loads((tmp_path / "r.json").read_text())["frames"] == {"in": 4, "analysed": 4, "dropped": {}}


def test_a_photograph_that_cannot_be_read_is_a_row_and_the_run_ends_with_2(album: Path, tmp_path: Path) -> None:
    (album / "b.PNG").write_bytes(b"\x89PNG")
    (album / "notes.txt").write_text("no image")
    assert live("--source", album, "--csv", tmp_path / "a.csv", "--report", tmp_path / "r.json") == 2
    assert rows(tmp_path / "a.csv")["reason"].tolist() == ["no face", "unreadable", "no face", "no face"]
    report = json.loads((tmp_path / "r.json").read_text())
    assert report["frames"] == {"in": 4, "analysed": 3, "dropped": {"unreadable": 1}}
    assert "1 of 4 images cannot be read" in report["failures"][0]["error"]


@pytest.mark.slow
def test_every_frame_takes_the_same_folder_as_one_recording(album: Path, tmp_path: Path) -> None:
    assert live("--source", album, "--csv", tmp_path / "a.csv", "--policy", "every-frame") == 2
    found = rows(tmp_path / "a.csv")
    assert found["reason"].tolist() == ["no face", "size", "size", "size"]
    assert found["timestamp"].tolist() == [0, 0.04, 0.08, 0.12]


def test_several_images(album: Path, tmp_path: Path) -> None:
    sources = ("--source", album / "a.jpg", "--source", album / "c.tif")
    assert live(*sources, "--policy", "stills", "--csv", tmp_path / "a.csv") == 0
    assert rows(tmp_path / "a.csv")["picture"].tolist() == ["a.jpg", "c.tif"]


def test_annotated_copies_keep_names_and_sizes(album: Path, tmp_path: Path) -> None:
    saved = tmp_path / "new" / "saved"
    before = {path.name: path.read_bytes() for path in album.iterdir()}
    (album / "e.jpg").write_bytes(b"")
    assert live("--source", album, "--save", saved) == 2
    assert sorted(path.name for path in saved.iterdir()) == ["a.jpg", "b.PNG", "c.tif.png", "d.JPEG"]
    for i, path in enumerate(sorted(saved.iterdir())):
        image = cv2.imread(str(path))
        assert image.shape == (90 + 10 * i, 200, 3)
        np.testing.assert_allclose(image[5, 5], (0, 0, 60 * i), atol=2)
        assert is_ours(path)
    assert {path.name: path.read_bytes() for path in album.iterdir() if path.name != "e.jpg"} == before
    assert live("--source", album, "--save", saved) == 2  # over its own
    for path in album.iterdir():
        assert not is_ours(path) or path.name == "e.jpg"


@pytest.mark.slow
def test_annotated_copies_never_replace_what_is_there(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "saved"
    saved.mkdir()
    (saved / "b.PNG").write_bytes((album / "b.PNG").read_bytes())
    assert live("--source", album, "--save", saved) == 2
    assert "b.PNG exists, and knowledge-spreader did not write it" in capsys.readouterr().err.replace("\n", " ")
    assert [path.name for path in saved.iterdir()] == ["b.PNG"]
    assert live("--source", album, "--save", saved, "--overwrite") == 0
    (saved / "a.jpg").unlink()
    (saved / "a.jpg").hardlink_to(album / "a.jpg")
    assert live("--source", album, "--save", saved, "--overwrite") == 2
    assert "which is an input of this run" in capsys.readouterr().err.replace("\n", " ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("--events {out}/e.tsv", "events need a recording"),
        ("--events {out}/e.eaf --policy stills", "events need a recording"),
        ("--neutral 5s", "needs a recording"),
        ("--neutral 5s --policy stills", "needs a recording"),
        ("--duration 5s", "they have no times"),
        ("--lsl", "they have no times"),
        ("--save {out}/a.mp4", "which make no video; name a folder"),
        ("--save {album}", "is the folder of the photographs"),
        ("--save {album}/../album", "is the folder of the photographs"),
        ("--save {album}/a.jpg", "is a file, not a folder"),
        ("--save {out}/x --save {out}/x", "is given twice"),
        ("--save {out}/x --source {clip}", "is a recording and is saved as a video"),
        ("--save {out}/x --source {album}/a.jpg", "two photographs would both be saved as a.jpg"),
        ("--policy stills --source {clip}", "--policy stills takes photographs, and this is a video"),
        ("--policy stills --camera 0", "--policy stills takes photographs, and this is a video"),
        ("--policy stills --rate 5", "leave one of them out"),
    ],
)
def test_what_photographs_cannot_have_is_one_line_before_any_work(
    album: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], words: str, said: str
) -> None:
    clip = write_clip(tmp_path / "clip.mp4", 3)
    out = tmp_path / "out"
    out.mkdir()
    given = words.format(album=album, out=out, clip=clip).split()
    assert live("--source", album, "--csv", out / "a.csv", *given) == 2
    error = capsys.readouterr().err.replace("\n", " ")
    assert said in error
    assert "Traceback" not in error
    assert list(out.iterdir()) == []
