"""What is wrong with a command line is said before torch is imported, which takes seconds."""

import json
import subprocess
import sys

import pytest

from tests.commands import SCRIPTS

HEAVY = ("onnxruntime", "openvino", "scipy", "torch", "torchvision")
RUN = f"""
import contextlib, io, json, sys
from MODULE import main
for line in json.loads(sys.argv[1]):
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        try:
            code = main(line.split())
        except SystemExit as left:
            code = left.code
    print(json.dumps([code, said.getvalue(), [name for name in {HEAVY} if name in sys.modules]]))
"""
TRAIN = "--data manifest --root no.csv --out no/run"
LINES = {
    "ks-train": [
        ("--help", 0, "usage: ks-train"),
        ("--epochs many", 2, "--epochs: invalid int value: 'many'"),
        ("--data manifest", 2, "ks-train needs --root, --out"),
        (f"{TRAIN} --epochs 0", 2, "--epochs must lie between 1 and"),
        (f"{TRAIN} --aus 99", 2, "--aus must be different AUs of"),
        (f"{TRAIN} --json no/such/a.json", 2, "--json"),
        (TRAIN, 2, "no.csv: no such file; set --root to the CSV"),
        (f"{TRAIN} --data disfa", 2, "no such folder"),
    ],
    "ks-eval": [
        ("--help", 0, "usage: ks-eval"),
        ("", 2, "the following arguments are required: checkpoints"),
        ("no --subjects some", 2, "--subjects: invalid choice: 'some'"),
        ("no --json /proc/a.json", 2, "--json /proc/a.json cannot be written"),
        ("no --plot a.xyz", 2, "there is no format .xyz"),
    ],
}


@pytest.mark.parametrize("command", LINES)
def test_a_wrong_line_is_refused_without_torch(command: str) -> None:
    given = json.dumps([line for line, *_ in LINES[command]])
    program = [sys.executable, "-c", RUN.replace("MODULE", SCRIPTS[command].partition(":")[0]), given]
    done = subprocess.run(program, capture_output=True, text=True, check=True)
    for (line, code, words), answer in zip(LINES[command], done.stdout.splitlines(), strict=True):
        found_code, said, heavy = json.loads(answer)
        assert (found_code, heavy) == (code, []), line
        assert words in said, line
