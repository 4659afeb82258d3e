"""Atomic writing and the checks of output paths, with real files and processes."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from knowledge_spreader.checkpoint import Checkpoint, save_checkpoint
from knowledge_spreader.config import TrainConfig
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import check_folder, check_place, same_file, write_json, write_text
from knowledge_spreader.spec import ModelSpec

AS_NOBODY = """
import os, sys
from pathlib import Path
from knowledge_spreader.errors import DataError
from knowledge_spreader.files import check_folder, check_place
os.seteuid(int(sys.argv[1]))
for check in (check_place, check_folder):
    try:
        check("--out", Path(sys.argv[2]))
    except DataError as exc:
        print(exc)
"""


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_every_file_has_the_permissions_that_the_umask_gives(
    tmp_path: Path, tiny_spec: ModelSpec, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        config = TrainConfig(data="manifest", root="x", out="y")
        save_checkpoint(tmp_path / "best.safetensors", Checkpoint(tiny_spec, config, {"model.x": torch.zeros(3)}))
        write_text(tmp_path / "a.txt", "a")
        write_json(tmp_path / "a.json", {})
    finally:
        os.umask(before)
    assert {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in tmp_path.iterdir()} == dict.fromkeys(
        ("best.safetensors", "a.txt", "a.json"), oct(mode)
    )


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("folder", "is a folder; name a file in it"),
        ("no/out.json", "there is no folder"),
        ("file/out.json", "there is no folder"),
        ("link/out.json", "there is no folder"),
        ("pipe", "is no file but a device or a pipe"),
        ("n" * 300, "cannot be written (File name too long)"),
    ],
)
def test_an_output_that_cannot_be_a_file_is_refused(tmp_path: Path, place: str, message: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    (tmp_path / "link").symlink_to(tmp_path / "gone")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DataError) as caught:
        check_place("--json", tmp_path / place)
    assert str(caught.value).startswith("--json ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("place", "fits"), [("folder", True), ("a/b", True), ("file", False), ("file/a/b", False)])
def test_a_run_folder_may_be_new_but_not_a_file_nor_below_one(tmp_path: Path, place: str, fits: bool) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("kept")
    if fits:
        check_folder("--out", tmp_path / place)
        check_place("--json", tmp_path / place / "r.json", new_folder=True)
    else:
        with pytest.raises(DataError, match="file is a file, not a folder; choose another path"):
            check_folder("--out", tmp_path / place)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]
    assert not list((tmp_path / "folder").iterdir())


def test_a_folder_and_a_file_that_may_not_be_written_are_refused(tmp_path: Path) -> None:
    if os.geteuid():
        user = os.geteuid()
    else:
        user = 65534  # nobody; root may write everywhere
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
    (tmp_path / "locked").mkdir()
    (tmp_path / "locked").chmod(0o555)
    (tmp_path / "mine.json").write_text("kept")
    (tmp_path / "mine.json").chmod(0o444)
    for place in ("locked/new.json", "mine.json"):
        command = [sys.executable, "-c", AS_NOBODY, str(user), str(tmp_path / place)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        first = done.stdout.splitlines()[0]
        assert first == f"--out {tmp_path / place} cannot be written (Permission denied); choose another path"
    assert (tmp_path / "mine.json").read_text() == "kept"


def test_a_check_leaves_an_existing_file_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "r.json"
    path.write_text("yesterday")
    os.utime(path, (1, 1))
    check_place("--json", path)
    assert (path.read_text(), path.stat().st_mtime) == ("yesterday", 1)


def test_a_file_is_the_same_by_every_name(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    (tmp_path / "link").symlink_to(tmp_path / "a")
    (tmp_path / "hard").hardlink_to(tmp_path / "a")
    for name in ("a", "link", "hard", f"../{tmp_path.name}/a"):
        assert same_file(tmp_path / name, tmp_path / "a")
    assert same_file(tmp_path / "new", tmp_path / "." / "new")
    assert not same_file(tmp_path / "new", tmp_path / "a")
