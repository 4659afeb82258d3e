"""Checks all files that a command will write, before any work.

An output that is an input of the command is refused, and so are two outputs with the same path. An existing file is
replaced only if it is an earlier output of the same kind; anything else has to be removed by its owner. The checkpoints
that ks-train keeps in a run folder are replaced by no other command.
"""

import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.evaluation.figure_style import MARK
from knowledge_spreader.files import check_place, same_file

CHECKPOINT, MODEL, REPORT, FIGURE = "a checkpoint", "a .ks model", "a report in JSON", "a plot"
_FORMAT = "knowledge-spreader "  # begins the format of checkpoints (ks/checkpoint.py) and of .ks files
_RUN_FOLDER = ("best.safetensors", "last.safetensors")
_HEADER_BYTES = 1 << 26
_REPORTS = (  # keys of the JSON that each command writes
    {"definition", "per_fold"},  # ks-eval
    {"checkpoint", "selected_on"},  # ks-train
    {"checkpoint", "cross_fitted"},  # ks-calibrate
    {"rest_s", "per_au"},  # ks-fit-person
    {"model", "max_difference"},  # ks-compile
    {"model", "left_out"},  # ks-adapt
    {"weights", "per_au"},  # ks-eval of a .ks model
)


@dataclass(frozen=True, slots=True)
class Output:
    """A file that a command will write: its option, where, and what it is."""

    option: str
    path: Path
    kind: str


def outputs(*wanted: tuple[str, Path | None, str]) -> tuple[Output, ...]:
    """The outputs that were asked for, of (option, path or None, kind)."""
    return tuple(Output(option, path, kind) for option, path, kind in wanted if path is not None)


def check_outputs(writes: Sequence[Output], reads: Iterable[tuple[str, Path]], *, new_folder: bool = False) -> None:
    """Raises DataError, one line, if an output cannot be written or must not be.

    reads: what each input is, and its path. new_folder: the command creates folders that do not exist.
    """
    given = list(reads)
    for at, (output, option, path) in enumerate((w, w.option, w.path) for w in writes):
        check_place(option, path, new_folder=new_folder)
        for what, other in given:
            if same_file(path, other):
                raise DataError(f"{option} would write over {path}, which is {what}; give another name")
        for earlier in writes[:at]:
            if same_file(path, earlier.path):
                raise DataError(f"{earlier.option} and {option} would both write {path}; give each its own name")
        if not path.is_file():
            continue
        if path.name in _RUN_FOLDER and (path.parent / "config.json").is_file():
            raise DataError(f"{option} would write over {path}, a checkpoint of ks-train; give another name")
        if not is_ours(path, output.kind):
            raise DataError(
                f"{option}: {path} exists and is not {output.kind} of knowledge-spreader; "
                "give another name, or remove that file"
            )


def is_ours(path: Path, kind: str) -> bool:
    """Whether an existing file is an earlier output of this kind, by its content. An empty file counts as one."""
    try:
        if not path.stat().st_size:
            return True
        return {CHECKPOINT: _is_checkpoint, MODEL: _is_model, REPORT: _is_report, FIGURE: _is_figure}[kind](path)
    except (OSError, ValueError, KeyError, zipfile.BadZipFile):
        return False


def _is_checkpoint(path: Path) -> bool:
    """Reads the header of safetensors: its length in 8 bytes, then JSON."""
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        header = json.loads(file.read(length)) if length < _HEADER_BYTES else None
    noted = header.get("__metadata__") if isinstance(header, dict) else None
    return isinstance(noted, dict) and str(noted.get("format", "")).startswith(_FORMAT)


def _is_model(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    return isinstance(manifest, dict) and str(manifest.get("format", "")).startswith(_FORMAT)


def _is_report(path: Path) -> bool:
    found = json.loads(path.read_bytes())
    return isinstance(found, dict) and any(set(found) >= keys for keys in _REPORTS)


def _is_figure(path: Path) -> bool:
    return MARK in path.read_bytes()
