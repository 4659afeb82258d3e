"""Pictures of people at rest and smiling, told by their file names.

A name with "neutral" is a face at rest, one with "smil" (smile, smiling) a smile, in capitals or not. Other pictures
are left out. The first number in a name is the person, so that a person's pictures are paired:
`neutral_front__001_03.jpg` and `smiling_front__001_08.jpg`. Without a number each picture is a person.
"""

import hashlib
import logging
import re
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.frame_reader import IMAGE_SUFFIXES

log = logging.getLogger(__name__)

REST, SMILE = "neutral", "smil"


@dataclass(frozen=True, slots=True)
class Portrait:
    """One picture."""

    path: Path
    person: str
    smiles: bool


@dataclass(frozen=True, slots=True)
class Portraits:
    """The pictures of a folder, by name."""

    folder: Path
    pictures: tuple[Portrait, ...]

    @property
    def name(self) -> str:
        return self.folder.resolve().name

    @property
    def sha256(self) -> str:
        """Of the list of names: the same pictures give the same."""
        return hashlib.sha256("\n".join(one.path.name for one in self.pictures).encode()).hexdigest()


def read_portraits(folder: Path) -> Portraits:
    """The portraits in a folder, not in folders in it. Raises DataError if there is no face at rest.

    One line in the log says how many files are left out.
    """
    try:
        files = sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))
    except OSError as exc:
        raise DataError(f"--portraits {folder}: cannot be read ({one_line(exc)}); give a folder of pictures") from exc
    pictures = tuple(portrait for path in files if (portrait := _portrait(path)))
    if all(picture.smiles for picture in pictures):
        raise DataError(
            f"--portraits {folder}: no picture of a face at rest among {len(files)} files; "
            f"write {REST!r} into their names, and {SMILE!r} into those of smiles"
        )
    if others := len(files) - len(pictures):
        log.info(
            "%s: %d of %d files left out: no pictures, or their names have not one of %r and %r",
            *(folder, others, len(files), REST, SMILE),
        )
    return Portraits(folder, pictures)


def _portrait(path: Path) -> Portrait | None:
    name = path.stem.lower()
    if path.suffix.lower() not in IMAGE_SUFFIXES or (REST in name) == (SMILE in name):
        return None
    number = re.search(r"\d+", name)
    return Portrait(path, str(int(number[0])) if number else path.name, SMILE in name)
