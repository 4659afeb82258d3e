"""Imports point down only, and who only watches faces needs no training stack."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tests.paths import ROOT

FLOORS = ["ks", "engines", "realtime", "benchmarks", "tests"]  # each may import itself and what stands before it
FRONT_DOOR = ROOT / "ks" / "__init__.py"  # gives the public names of every floor, when they are asked for
WITHOUT_TORCH = [
    "knowledge_spreader.spec",
    "knowledge_spreader.errors",
    "knowledge_spreader.face.alignment",
    "knowledge_spreader.face.detector",
    "knowledge_spreader.frame_reader",
    "knowledge_spreader.clips.crop_cache",
    "knowledge_spreader.clips.crop_videos",
    "knowledge_spreader.datasets",
    "knowledge_spreader.metrics",
    "knowledge_spreader.calibration.platt_scaling",
    "knowledge_spreader.calibration.cross_validation",
    "knowledge_spreader.calibration.person_baseline",
    "knowledge_spreader.calibration.person_baseline_fit",
    "knowledge_spreader.evaluation.paper_results",
    "knowledge_spreader.engines",
    "knowledge_spreader.engines.base",
    "knowledge_spreader.engines.open",
    "knowledge_spreader.engines.ks_file.model_file",
    "knowledge_spreader.engines.backends.openvino_engine",
    "knowledge_spreader.engines.backends.onnx_engine",
    "knowledge_spreader.engines.compile.quantize",
    "knowledge_spreader.engines.sample_crops",
    "knowledge_spreader.engines.compile.compile_model",
    "knowledge_spreader.engines.cli",
    "knowledge_spreader.realtime",
    "knowledge_spreader.realtime.cli.main",
]


def floor_of(module: str) -> str:
    """knowledge_spreader.engines.open -> engines; knowledge_spreader.spec -> ks; others as they are."""
    top, *rest = module.split(".")
    if top != "knowledge_spreader":
        return top
    return rest[0] if rest and rest[0] in FLOORS else "ks"


def imported(path: Path) -> set[str]:
    """Floors that a file imports, inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {floor_of(alias.name) for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(floor_of(node.module))
    return names


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    wrong = {str(p): found for p in (ROOT / floor).rglob("*.py") if p != FRONT_DOOR and (found := imported(p) & above)}
    assert not wrong


@pytest.mark.parametrize("module", WITHOUT_TORCH)
def test_what_the_runtime_needs_imports_without_the_training_stack(module: str) -> None:
    blocked = (
        "torch",
        "torchvision",
        "safetensors",
        "tensorboard",
        "matplotlib",
        "tensorrt",
        "pandas",
        "pyarrow",
        "pylsl",
    )
    program = f"import sys\nfor name in {blocked}: sys.modules[name] = None\nimport {module}"
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
