"""What pip installs: one importable name, all data files, typed, every command there."""

import shutil
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from importlib.metadata import entry_points, version
from pathlib import Path

import pytest

import knowledge_spreader
from tests.paths import ROOT

FOLDERS = ("ks", "engines", "realtime", "benchmarks")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[zipfile.ZipFile]:
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    for folder in FOLDERS:  # a copy: setuptools would pack what an earlier build left in build/lib, too
        shutil.copytree(ROOT / folder, source / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    build = ["-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--wheel-dir", str(out), str(source)]
    subprocess.run([sys.executable, *build], check=True, capture_output=True)
    (path,) = out.glob("*.whl")
    with zipfile.ZipFile(path) as opened:
        yield opened


@pytest.mark.slow
def test_the_wheel_brings_one_importable_name_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"knowledge_spreader"}


@pytest.mark.slow
def test_the_wheel_holds_every_file_that_git_keeps_in_the_four_folders(wheel: zipfile.ZipFile) -> None:
    listed = subprocess.run(
        ["git", "ls-files", *FOLDERS],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    if not listed:
        pytest.skip("not a git checkout")
    kept = {imported_path(name) for name in listed if not name.startswith("benchmarks/results/")}
    assert kept <= set(wheel.namelist())


def imported_path(path: str) -> str:
    """ks/spec.py -> knowledge_spreader/spec.py; engines/open.py -> knowledge_spreader/engines/open.py"""
    return "knowledge_spreader/" + path.removeprefix("ks/")


def test_the_public_names_are_there_and_each_has_a_docstring() -> None:
    for name in knowledge_spreader.__all__:
        found = getattr(knowledge_spreader, name)
        assert found.__doc__, name
        assert not found.__doc__.startswith(f"{name}("), f"{name} has only the signature that dataclass writes"
    assert set(knowledge_spreader.__all__) <= set(dir(knowledge_spreader))


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'wacth'"):
        knowledge_spreader.wacth  # noqa: B018


def test_the_names_that_are_typed_are_the_names_that_are_given() -> None:
    """Type checkers read the imports under TYPE_CHECKING, Python reads _ROOMS: both must say the same."""
    for name, room in knowledge_spreader._ROOM_OF.items():
        line = f"from knowledge_spreader.{room} import "
        text = Path(knowledge_spreader.__file__).read_text(encoding="utf-8")
        assert any(name in found for found in text.split("\n") if found.strip().startswith(line)), name
    assert sorted(knowledge_spreader._ROOM_OF) == sorted(knowledge_spreader.__all__)


def test_every_command_of_pyproject_is_installed_and_can_be_loaded() -> None:
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    installed = {e.name: e for e in entry_points(group="console_scripts") if e.name.startswith("ks-")}
    assert set(installed) == set(listed)
    for name, entry in installed.items():
        assert callable(entry.load()), name


def test_the_version_is_told_once() -> None:
    assert version("knowledge-spreader") == tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
