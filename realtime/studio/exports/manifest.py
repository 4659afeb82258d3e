"""ks-train's manifest: one CSV of all recordings, with a row for each labelled frame (docs/datasets.md).

It knows one face per frame, and ks-train takes the largest. Of a recording with labels of several faces those of the
face with most are written; a text beside the table says what was left out.
"""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from knowledge_spreader.frame_reader import list_images, picture_number
from knowledge_spreader.realtime.studio.exports.coded import Coded, cell, path_from
from knowledge_spreader.realtime.studio.exports.places import name_of, write_new
from knowledge_spreader.realtime.studio.exports.table import table
from knowledge_spreader.spec import au_label


def write_manifest(of_coder: Sequence[Coded], folder: Path) -> list[Path]:
    """of_coder: what one coder says of the recordings. Raises DataError."""
    aus = sorted({au for labels in of_coder for au in labels.aus})
    rows: list[list[str]] = []
    notes: list[str] = []
    for labels in of_coder:
        face, rest = _main_face(labels)
        if rest:
            others = ", ".join(map(str, sorted(rest)))
            notes.append(f"{labels.rec.name}: labels of face {face} are in the table, those of {others} are not")
        numbers = _numbers(labels)
        for (frame, of_face), said in labels.by_frame().items():
            if of_face == face:
                about = [path_from(folder, labels.rec), labels.rec.own().person, str(numbers.get(frame, frame))]
                rows.append([*about, *(cell(said.get(au)) for au in aus)])
    text = table(["video", "subject", "frame", *map(au_label, aus)], rows)
    writers = {".csv": lambda path: path.write_bytes(text)}
    if notes:
        said_too = "\n".join(["A manifest knows one face per frame, and ks-train takes the largest.", *notes, ""])
        writers["-left-out.txt"] = lambda path: path.write_bytes(said_too.encode())
    return write_new(folder, name_of(of_coder[0], "labels"), writers)


def _main_face(labels: Coded) -> tuple[int, set[int]]:
    """The face with most labels, and the others."""
    count = Counter(one.face for one in labels.said)
    face = min(labels.faces, key=lambda face: (-count[face], face))
    return face, set(labels.faces) - {face}


def _numbers(labels: Coded) -> dict[int, int]:
    """Of a folder of pictures, place -> number in the name, which is what a manifest holds."""
    if not labels.rec.path.is_dir():
        return {}
    images = list_images(labels.rec.path)
    return {one.frame: picture_number(images[one.frame]) for one in labels.said if one.frame < len(images)}
