"""Imports point down only, and who only watches faces needs no training stack."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FLOORS = ["ks", "engines", "realtime", "benchmarks", "tests"]  # each may import itself and what stands before it
WITHOUT_TORCH = [
    "ks.spec",
    "ks.errors",
    "ks.crop",
    "ks.faces",
    "ks.pictures",
    "ks.cache",
    "ks.cropping",
    "ks.datasets",
    "ks.metrics",
    "ks.calibration",
    "ks.calibration_scores",
    "ks.person",
    "ks.person_weights",
    "ks.published",
    "engines",
    "engines.base",
    "engines.open",
    "engines.model_file",
    "engines.openvino_engine",
    "engines.onnx_engine",
    "engines.quantize",
    "engines.calibrate",
    "engines.compile",
    "engines.cli",
    "realtime",
    "realtime.cli",
]


def imported(path: Path) -> set[str]:
    """Top names of all imports of a file, those inside functions too."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("floor", FLOORS)
def test_imports_point_down(floor: str) -> None:
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    wrong = {str(p): found for p in (ROOT / floor).rglob("*.py") if (found := imported(p) & above)}
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
