"""The arrows between floors and rooms, no import in a circle, and who only watches faces needs no training stack."""

import ast
import json
import subprocess
import sys
import tomllib

import pytest

from tests.import_graph import FLOORS, circle, files, import_graph, imported_names, inside, rooms
from tests.paths import ROOT

# What a room may import beside itself. A room that stands alone can be read alone, and used elsewhere.
KNOWS_ONLY = {
    "ks/face": "ks/arrays ks/errors ks/files ks/spec ks/opencv ks/quiet_openvino",
    "ks/geometry": "ks/arrays ks/errors ks/spec ks/metrics ks/face ks/calibration",
    "ks/method": "ks/arrays ks/errors ks/spec ks/config",
    "ks/datasets": "ks/arrays ks/errors ks/files ks/spec ks/metrics ks/frame_reader",
    "ks/datasets/own_labels": "ks/arrays ks/errors ks/spec ks/frame_reader ks/datasets/manifest "
    "ks/datasets/manifest_header",
    "ks/adapt": "ks/arrays ks/errors ks/spec ks/metrics",
    "ks/calibration": "ks/arrays ks/errors ks/files ks/spec ks/metrics",
    "ks/synth/assets": "ks/arrays ks/errors ks/files",
    "engines/ks_file": "ks/arrays ks/errors ks/files ks/spec ks/geometry ks/adapt/heads engines/base",
    "realtime/sources": "ks/arrays ks/errors ks/files ks/opencv ks/frame_reader ks/image_file ks/displayed "
    "realtime/types",
    "realtime/faces": "ks/arrays ks/errors ks/opencv ks/face realtime/types",
    "realtime/temporal": "ks/arrays ks/errors ks/spec ks/face ks/calibration realtime/types",
    "realtime/overlay": "ks/arrays ks/errors ks/opencv ks/spec ks/face/landmarks_68 realtime/types realtime/measures",
    "realtime/sinks": "ks/arrays ks/errors ks/files ks/opencv ks/spec ks/face/landmarks_68 ks/face/blendshapes "
    "realtime/types realtime/measures realtime/play_start realtime/overlay",
}
# What a room must not import, where it may import much.
NEVER_KNOWS = {
    "ks/clips": "ks/training ks/evaluation ks/calibration ks/synth ks/cli",
    "ks/evaluation": "ks/training ks/synth ks/cli",
    "ks/training": "ks/synth ks/cli",
    "ks/synth": "ks/method ks/clips ks/datasets ks/training ks/evaluation ks/calibration",
    "ks/synth/person": "ks/synth/rendering ks/synth/dataset",
    "ks/synth/rendering": "ks/synth/dataset",
    "engines/backends": "engines/trt engines/compile engines/export engines/open",
    "engines/backends/onnx_engine": "engines/backends/openvino_engine engines/backends/torch_engine",
    "engines/backends/openvino_engine": "engines/backends/onnx_engine engines/backends/torch_engine",
    "engines/trt": "engines/compile engines/export engines/open engines/backends/torch_engine",
    "engines/export": "engines/compile engines/trt",
    "realtime/stats": "realtime/sources realtime/sinks realtime/faces realtime/overlay realtime/pipeline",
    "realtime/pipeline": "realtime/sources realtime/sinks realtime/overlay realtime/cli",
    "realtime/adapt": "realtime/sinks realtime/overlay realtime/cli",
    "realtime/watch": "realtime/sinks/video realtime/overlay realtime/cli",
}

# Whoever only watches faces has neither of these,
TRAINING_STACK = "torch torchvision safetensors tensorboard matplotlib"
OTHER_EXTRAS = "onnx onnxscript onnxruntime tensorrt cuda pandas pyarrow pylsl scipy moderngl"
# and yet all of this can be imported: the live floors, and what of the training floor they may use,
IMPORTS_WITHOUT = (
    "ks/spec ks/errors ks/arrays ks/files ks/frame_reader ks/metrics ks/config ks/console ks/face ks/geometry "
    "ks/calibration ks/adapt ks/datasets ks/clips/crop_cache ks/clips/crop_videos ks/evaluation/paper_results engines "
    "realtime"
)
# but for these few, which are reached only where somebody asked for what they need.
NEEDS_TORCH = "engines/backends/torch_engine engines/backends/torch_model engines/backends/torch_weights engines/export"
NEEDS_ONNX = "engines/backends/onnx_engine engines/compile/quantize"

MODULES = files()
GRAPH = import_graph()


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    above = FLOORS[FLOORS.index(floor) + 1 :]
    wrong = {
        m: up for m, found in GRAPH.items() if inside(m, [floor]) and (up := {f for f in found if inside(f, above)})
    }
    assert not wrong


def test_nothing_of_ours_imports_tests() -> None:
    names = {m: set(imported_names(ast.parse(path.read_text(encoding="utf-8")))) for m, path in MODULES.items()}
    assert not {m for m, found in names.items() if any(name.split(".")[0] == "tests" for name in found)}


def test_no_modules_and_no_rooms_import_each_other_in_a_circle() -> None:
    assert not circle(GRAPH)
    assert not circle(rooms(GRAPH))


@pytest.mark.parametrize("room", KNOWS_ONLY)
def test_a_room_knows_only(room: str) -> None:
    allowed = [room, *KNOWS_ONLY[room].split()]
    assert not strangers(room, lambda module: not inside(module, allowed))


@pytest.mark.parametrize("room", NEVER_KNOWS)
def test_a_room_never_knows(room: str) -> None:
    assert not strangers(room, lambda module: inside(module, NEVER_KNOWS[room].split()))


def strangers(room, wrong):
    """Module of the room -> what it imports that is wrong."""
    here = {m: {f for f in found if wrong(f)} for m, found in GRAPH.items() if inside(m, [room])}
    assert here, f"there is no {room}"
    return {m: found for m, found in here.items() if found}


def test_every_place_that_a_rule_names_is_there() -> None:
    named = " ".join([*KNOWS_ONLY.values(), *NEVER_KNOWS.values(), IMPORTS_WITHOUT, NEEDS_TORCH, NEEDS_ONNX]).split()
    assert not [place for place in named if place not in MODULES]


@pytest.mark.parametrize(
    ("not_there", "needs_more"),
    [(TRAINING_STACK, NEEDS_TORCH), (f"{TRAINING_STACK} {OTHER_EXTRAS}", f"{NEEDS_TORCH} {NEEDS_ONNX}")],
    ids=["without the training stack", "without any extra"],
)
def test_who_only_watches_faces_needs_no_training_stack(not_there: str, needs_more: str) -> None:
    """One process imports all that is wanted while the rest cannot be imported."""
    wanted = {name_of(m): m for m in MODULES if inside(m, IMPORTS_WITHOUT.split())}
    program = (
        "import importlib, json, sys\n"
        "from knowledge_spreader.errors import KSError\n"
        f"for name in {not_there.split()}: sys.modules[name] = None\n"
        "missed = {}\n"
        f"for name in {list(wanted)}:\n"
        "    try:\n        importlib.import_module(name)\n"
        "    except (ImportError, KSError) as exc:\n        missed[name] = str(exc)\n"
        "print(json.dumps(missed))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    missed = {wanted[name]: why for name, why in json.loads(done.stdout).items()}
    doors = {"engines/export"}  # a room's door imports nothing
    assert set(missed) == {m for m in MODULES if inside(m, needs_more.split())} - doors, missed


def name_of(module: str) -> str:
    """ks/spec -> knowledge_spreader.spec"""
    return ".".join(["knowledge_spreader", *module.removeprefix("ks/").split("/")]).removesuffix(".ks")


def test_every_folder_of_code_is_a_room_that_says_what_it_is_for_and_pip_installs_it() -> None:
    folders = {str(path.parent.relative_to(ROOT)) for path in MODULES.values()}
    for folder in folders:
        door = ROOT / folder / "__init__.py"
        assert door.is_file(), folder
        assert ast.get_docstring(ast.parse(door.read_text(encoding="utf-8"))), folder
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["setuptools"]
    assert sorted(settings["packages"]) == sorted(name_of(folder) for folder in folders)


def test_no_folder_holds_more_than_fifteen_files() -> None:
    for folder in {path.parent for path in MODULES.values()}:
        assert len(list(folder.glob("*.py"))) <= 15, folder


@pytest.mark.parametrize("floor", FLOORS)
def test_tests_stand_in_the_tree_of_what_they_test(floor: str) -> None:
    folders = {path.parent.relative_to(ROOT / "tests") for path in (ROOT / "tests" / floor).rglob("*.py")}
    assert not [str(folder) for folder in folders if not (ROOT / folder / "__init__.py").is_file()]
