"""The sets of coded faces of a run: each is a table of labels and the folder with its videos and pictures."""

import argparse
import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.benchmarks.real_faces.coded import CodedFace, CodedFaces
from knowledge_spreader.benchmarks.real_faces.labels import read_labels
from knowledge_spreader.errors import DataError, MissingError
from knowledge_spreader.files import same_file


@dataclass(frozen=True, slots=True)
class CodedSet:
    """One table of labels, and its media."""

    name: str
    table: Path
    media: Path
    sha256: str  # of the table
    coded: CodedFaces

    def path_of(self, face: CodedFace) -> Path:
        return self.media / face.file

    def person_of(self, face: CodedFace) -> str:
        """Who it is among all sets: names of people count within a folder of media."""
        return f"{os.path.realpath(self.media)}\n{face.person}"


def table_and_media(text: str) -> tuple[Path, Path]:
    """'LABELS.csv=FOLDER', an argparse type. A path may contain '=': the first one after a file divides."""
    places = [at for at, letter in enumerate(text) if letter == "="]
    at = next((at for at in places if Path(text[:at]).is_file()), places[0] if places else 0)
    if not text[:at] or not text[at + 1 :]:
        raise argparse.ArgumentTypeError(f"wanted LABELS.csv=FOLDER, the codes and their media; got {text!r}")
    return Path(text[:at]), Path(text[at + 1 :])


def read_sets(pairs: Sequence[tuple[Path, Path]]) -> tuple[CodedSet, ...]:
    """Reads the tables. Raises DataError on one that cannot be used, MissingError if media are missing."""
    for i, (table, _) in enumerate(pairs):
        if any(same_file(table, earlier) for earlier, _ in pairs[:i]):
            raise DataError(f"{table}: this table is given twice; give each table once")
    names = [table.name for table, _ in pairs]
    sets = []
    for (table, media), name in zip(pairs, names, strict=True):
        coded = read_labels(table)
        sha256 = hashlib.sha256(table.read_bytes()).hexdigest()
        made = CodedSet(name if names.count(name) == 1 else str(table), table, media, sha256, coded)
        if missing := [path for name in coded.files if not (path := media / name).is_file()]:
            told = f"{missing[0]}" + (f" and {len(missing) - 1} more" if len(missing) > 1 else "")
            raise MissingError(
                f"{told}: no such file; give the folder with the files that {table} codes: "
                "--media FOLDER or --coded LABELS.csv=FOLDER"
            )
        sets.append(made)
    return tuple(sets)
