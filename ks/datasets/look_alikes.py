"""Finds subjects that are probably one person spelled in two ways, such as 1 and 01, or Anna and anna.

Nothing is merged: two people may well be called 1 and 01. But a person in training and test makes scores too good.
"""

import re
import unicodedata
from collections.abc import Iterable

_NAMED = 3  # most groups that the note names
_NOT_A_NAME = ("na", "nan", "n/a", "none", "null")  # R, pandas and others write these for a missing value


def look_alike_notes(subjects: Iterable[str]) -> list[str]:
    """A note that names the subjects that look like one person, and one on a subject that looks like a missing value.

    subjects: as they stand in the table.
    """
    groups: dict[str, list[str]] = {}
    for subject in sorted(set(subjects)):
        groups.setdefault(_alike(subject), []).append(subject)
    alike = [" and ".join(map(repr, names)) for names in groups.values() if len(names) > 1]
    notes = []
    if alike:
        more = f", and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
        notes.append(
            f"WARNING: subjects that look like one person are counted as several: {', '.join(alike[:_NAMED])}{more}; "
            "if they are one, give them one name: the same person in training and test makes scores too good"
        )
    if missing := [name for names in groups.values() for name in names if name.casefold() in _NOT_A_NAME]:
        notes.append(
            f"WARNING: the subject {missing[0]!r} is counted as one person; if it means unknown, name the people"
        )
    return notes


def _alike(subject: str) -> str:
    """The same text for names that differ in case, blanks, signs, accents' encoding, or zeros before a number."""
    text = unicodedata.normalize("NFKC", subject).casefold()
    text = re.sub(r"^([0-9]+)\.0+$", r"\1", text)  # 1.0, a number that passed through a table of floats
    text = re.sub(r"[\W_]+", "", text)
    return re.sub(r"(?<![0-9])0+(?=[0-9])", "", text) or subject
