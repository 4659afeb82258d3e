"""opencv: what is installed has what we use; a broken one is one line. Broken as `pip uninstall` leaves it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import pytest

from tests.paths import ROOT

FOLDERS = ("ks", "engines", "realtime", "benchmarks")
CURE = "run: python -m pip install --force-reinstall --no-deps 'opencv-python>=5,<6'"


def test_the_installed_opencv_has_all_that_the_packages_use() -> None:
    used = set()
    for path in (path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "from knowledge_spreader.opencv import cv2" in text:
            used |= set(re.findall(r"\bcv2\.([A-Za-z_]\w*)", text))
    assert len(used) > 40
    assert [name for name in sorted(used) if not hasattr(cv2, name)] == []


def test_no_file_imports_opencv_directly() -> None:
    """It would be a traceback where it is broken."""
    files = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*.py")]
    found = [path for path in files if re.search(r"^\s*(import|from) cv2\b", path.read_text(encoding="utf-8"), re.M)]
    assert found == [ROOT / "ks" / "opencv.py"]


def broken(folder: Path, how: str) -> str:
    """Makes a folder to be searched before the installed packages; returns it."""
    package = folder / "cv2"
    package.mkdir()
    if how == "leftovers":  # opencv-contrib-python was there first, opencv-python came and was uninstalled
        (package / "gapi").mkdir()
    elif how == "half":  # the Python files without the library
        shutil.copy(Path(cv2.__file__).with_name("__init__.py"), package)
    elif how == "old":
        (package / "__init__.py").write_text("__version__ = '4.10.0'\ndef resize(): ...\n")
    elif how == "no libGL":
        error = "libGL.so.1: cannot open shared object file: No such file or directory"
        (package / "__init__.py").write_text(f"raise ImportError({error!r})\n")
    return str(folder)


@pytest.mark.parametrize(
    ("how", "said", "cure"),
    [
        ("none", "OpenCV cannot be loaded (import of cv2 halted; None in sys.modules); ", CURE),
        (
            "leftovers",
            "OpenCV 5 is wanted; a part is there, without cv2.resize; ",
            CURE,
        ),
        ("half", "OpenCV cannot be loaded (No module named 'cv2.load_config_py3'); ", CURE),
        ("old", "OpenCV 5 is wanted; 4.10.0 is there, without cv2.warpAffine; ", CURE),
        ("no libGL", "OpenCV cannot be loaded (libGL.so.1: cannot", "run: apt-get install libgl1 libglib2.0-0"),
    ],
)
def test_a_broken_opencv_is_one_line_and_exit_2(tmp_path: Path, how: str, said: str, cure: str) -> None:
    folder = broken(tmp_path, how)
    hide = f"sys.path.insert(0, {folder!r})"
    if how == "none":
        hide = "sys.modules['cv2'] = None"
    elif how == "leftovers":  # a folder without __init__.py; another one with it, further down the path, would win
        find = f"importlib.machinery.PathFinder.find_spec('cv2', [{folder!r}])"
        hide = (
            f"import importlib.machinery, importlib.util; sys.modules['cv2'] = importlib.util.module_from_spec({find})"
        )
    code = (
        f"import sys\n{hide}\n"
        "from knowledge_spreader.realtime.cli.main import main\n"
        f"sys.exit(main(['--demo', '--csv', {str(tmp_path / 'o.csv')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    line = done.stderr.strip().split("\n")[-1]
    assert line.startswith(f"error: {said}")
    assert line.endswith(cure)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("module", ["", ".realtime.cli.main", ".realtime.watch", ".displayed", ".frame_reader"])
def test_opencv_comes_before_pyav_whatever_is_imported_first(module: str) -> None:
    code = f"import sys, knowledge_spreader{module}\nprint([name for name in sys.modules if name in ('av', 'cv2')][0])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "cv2\n"


@pytest.mark.skipif(sys.platform != "linux", reason="the wheels for Linux have a library in common")
@pytest.mark.parametrize(("first", "said"), [("av", "True\n"), ("cv2", "False\n")])
def test_who_imported_pyav_before_is_known(first: str, said: str) -> None:
    """If the first case fails, PyAV's wheel has no such library any more, and the order has ceased to matter."""
    code = f"import {first}\nfrom knowledge_spreader.opencv import windows_hang\nimport av\nprint(windows_hang())"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == said
