"""The header of a manifest: which column is what. A column that looks like an AU is used or refused, never dropped.

AU12 AU012 au12 AU_12 AU-12 "AU 12" AU12_c   presence of AU 12
AU12_r                                       an intensity; unused beside a presence column, else refused
AU12L R12 12 AU12_x AU1+2 ...                refused: the meaning is not plain
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import AU_NAMES

_KNOWN = ("video", "frame", "subject", "part")
_PLAIN = re.compile(r"au[ _-]?0*([1-9][0-9]*)([ _-]c)?")
_INTENSITY = re.compile(r"au[ _-]?0*([1-9][0-9]*)[ _-]?(?:r|int|intensity)")
_SIDE = re.compile(r"au[ _-]?0*([1-9][0-9]*)[ _-]?(?:l|r|left|right)|[lr] ?0*([1-9][0-9]*)")
_LIKE_AN_AU = re.compile(r"(?:f?au|action[ _-]?units?)[^a-z]*?0*([1-9][0-9]*).*|0*([1-9][0-9]?)")
_NAMED = 5  # most columns that a note names


@dataclass(frozen=True, slots=True)
class Header:
    """Index of each column; -1 for a missing optional column."""

    video: int
    frame: int
    subject: int
    part: int
    aus: Mapping[int, int]  # AU number -> column
    notes: tuple[str, ...]  # what is not used

    @property
    def width(self) -> int:
        """The fewest cells that a row must have."""
        return 1 + max(self.video, self.frame, self.subject, self.part, *self.aus.values())


def read_header(path: Path, cells: Sequence[str], wanted: Sequence[int] = ()) -> Header:
    """The header of the manifest `path`. wanted: AUs to use; () = all.

    Raises DataError, one line, if a column is missing or there twice, or if the meaning of an AU column is not plain.
    """
    shown = [cell.strip() for cell in cells]
    names = [" ".join(cell.casefold().split()) for cell in shown]
    for name in ("video", "frame"):
        if name not in names:
            raise DataError(f"{path}, line 1: wanted columns video, frame and AU1, AU12, ...; got {', '.join(names)!r}")
    for column, name in enumerate(names):
        if name in _KNOWN and names.index(name) != column:
            raise DataError(f"{path}, line 1: two columns {name!r}; keep one")
    aus, notes = au_columns(
        path, ["" if name in _KNOWN else cell for cell, name in zip(shown, names, strict=True)], wanted
    )
    video, frame, subject, part = (names.index(name) if name in names else -1 for name in _KNOWN)
    return Header(video, frame, subject, part, aus, notes)


def au_columns(path: Path, shown: Sequence[str], wanted: Sequence[int] = ()) -> tuple[dict[int, int], tuple[str, ...]]:
    """AU number -> column, and notes on columns that are not used. shown: the header's cells, stripped; "" is skipped.

    Raises DataError, one line, if there is no AU, one is there twice, or its meaning is not plain.
    """
    aus: dict[int, int] = {}
    unused: list[str] = []
    for column, cell in enumerate(shown):
        au = plain_au(cell)
        if au is not None:
            if (first := aus.setdefault(au, column)) != column:
                raise DataError(f"{path}, line 1: AU{au} has two columns, {shown[first]!r} and {cell!r}; keep one")
        elif cell:
            unused.append(cell)
    for name in unused:
        _refuse_unclear(path, name, aus, wanted)
    if not aus:
        raise DataError(f"{path}, line 1: no AU column; add columns AU1, AU12, ... with 1, 0 or blank")
    _check_numbers(path, aus, wanted)
    return aus, (f"columns that are not used: {some(unused)}",) if unused else ()


def plain_au(name: str) -> int | None:
    """The AU of a column that plainly says whether one is present, such as "AU12" or "AU12_c"; else None."""
    match = _PLAIN.fullmatch(" ".join(name.casefold().split()))
    return int(match[1]) if match else None


def _refuse_unclear(path: Path, shown: str, aus: Mapping[int, int], wanted: Sequence[int]) -> None:
    """Raises DataError if a column looks like an AU that is to be used, but is not plainly its presence."""
    name = " ".join(shown.casefold().split())
    for pattern in (_INTENSITY, _SIDE, _LIKE_AN_AU):
        if match := pattern.fullmatch(name):
            break
    else:
        return
    au = int(next(group for group in match.groups() if group))
    beside = pattern is _INTENSITY and au in aus  # OpenFace writes both
    if beside or (wanted and au not in wanted):
        return
    why = {
        _INTENSITY: f"is an intensity; make a column AU{au} of it: 1 from the intensity that counts as present (for "
        "DISFA 2), else 0",
        _SIDE: f"is one side of the face; make one column AU{au}: 1 where either side shows it, 0 where neither does",
        _LIKE_AN_AU: f"looks like AU{au}, but its meaning is not plain; name it AU{au} if it is 1, 0 or blank, else "
        "remove it",
    }
    raise DataError(f"{path}, line 1: column {shown!r} {why[pattern]}")


def _check_numbers(path: Path, aus: Mapping[int, int], wanted: Sequence[int]) -> None:
    """Raises DataError if an AU that is to be used cannot be learned, e.g. a position of the head."""
    used = [au for au in aus if not wanted or au in wanted]
    if unknown := [au for au in used if au not in AU_NAMES]:
        rest = ",".join(str(au) for au in used if au in AU_NAMES)
        advice = f"choose the others with --aus {rest}" if rest else "add a column of another AU"
        raise DataError(f"{path}, line 1: AU{unknown[0]} is not among the facial AUs that can be learned; {advice}")


def some(names: Sequence[str]) -> str:
    """The first few of these names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(map(repr, names[:_NAMED])) + more
