"""What the tiers of ELAN, the behaviours of BORIS and the events of BIDS are called, and what their texts say.

Levels and sides are written as in FACS: A (trace) to E (maximum) or 1 to 5, behind the AU's number; L or R before it.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import AU_NAMES, UNKNOWN

_NAME = re.compile(r"au[ _-]?0*([1-9][0-9]{0,2})(?![0-9a-z])[ _-]*(.*)")
_FACE = re.compile(r"(?:(.*?)[ _-]*\b)?face[ _-]?([0-9]{1,9})")
_ABSENT = {"0", "absent", "not present", "no", "off", "false", "none"}
SAYS = {"absent": 0, "unscorable": UNKNOWN, "unknown": UNKNOWN}  # at the end of a name, or as a modifier
_NOT_SCORABLE = {"?", "n/a", "na", "9", "unscorable", "not scorable", "unknown", "not codable", "uncodable"}

_SIDE_BEFORE = re.compile(r"(?:au[ _-]?)?(l|r|left|right)[ _-]?(?:au[ _-]?)?(?=[0-9])")  # L12, AU L12
_LEVEL_BEHIND = re.compile(r"(au[ _-]?[0-9]+)[ -]?([a-e])(?![0-9a-z])")  # AU12C
_SIDE_BEHIND = re.compile(r"(au[ _-]?[0-9]+)(?:[ -]?(l|r)|[ _-]?(left|right))(?![0-9a-z])")  # AU12L; AU12_r: OpenFace's
_STRENGTH = re.compile(r"(present|[a-km-qs-z]|-?[0-9]+(?:[.,][0-9]+)?)?(?:[ _-]?(left|right|l|r))?")
_CODE = re.compile(
    r"(?:au[ _-]?)?(?:(l|r|left|right)[ _-]?)?(?:au[ _-]?)?0*([1-9][0-9]{0,2})"
    r"[ _-]?([a-km-qs-z]|[0-9])?(?:[ _-]?(left|right|l|r))?"
)
_STUDIO_MARK = re.compile(r"AU[0-9]+ (onset|apex|offset|marks face [0-9]+)")
_MARKS = {"", "present", "yes", "on", "true", "x", "y", "p", "+"}
_LETTERS = "abcde"
_HIGHEST = len(_LETTERS)

CODED = "coded"  # a tier or behaviour of this name holds the spans that were looked at


class Named(NamedTuple):
    au: int  # 0 for CODED
    face: int
    coder: str
    value: int = 1  # what an event of this name says: present; 0 of "AU12 absent", UNKNOWN of "AU12 unscorable"
    level: int = 0  # as in Told
    side: str = ""


class Told(NamedTuple):
    """How an AU acts that is present."""

    level: int = 0  # 1 to 5: A to E; 0: not told
    side: str = ""  # "L" or "R": there alone; "": not told


def read_name(name: str, *, levels: bool = False) -> Named | None:
    """AU12, AU 12, au_12, "AU12 face 0", "AU12 lip corner puller", "AU12@anna", "AU12 absent", "AU12 unscorable",
    "AU12 unknown", "coded", "coded@anna"; else None.

    One side of a face (AU12L) is none of these, and neither is an AU that is not learned. levels: AU12L, L12, "AU12
    left", AU12C and L12B are names, too.
    """
    plain, _, coder = " ".join(name.casefold().split()).partition("@")
    plain = plain.strip()
    if plain == CODED:
        return Named(0, NO_FACE_NAMED, coder)
    plain, told = _told_by_name(plain) if levels else (plain, Told())
    match = _NAME.fullmatch(plain)
    if not match or int(match[1]) not in AU_NAMES:
        return None
    au, rest = int(match[1]), match[2].strip("()")
    face = NO_FACE_NAMED
    if found := _FACE.fullmatch(rest):
        rest, face = (found[1] or "").strip("() "), int(found[2])
    if rest in SAYS:
        return Named(au, face, coder, SAYS[rest], *told)
    return Named(au, face, coder, 1, *told) if rest in ("", AU_NAMES[au]) else None


def _told_by_name(plain: str) -> tuple[str, Told]:
    """A name without its level and side, and these: "l12b" -> "au12", (2, "L")."""
    side, level = "", 0
    if found := _SIDE_BEFORE.match(plain):
        plain, side = f"au{plain[found.end() :]}", found[1]
    if found := _LEVEL_BEHIND.match(plain):
        plain, level = found[1] + plain[found.end() :], 1 + _LETTERS.index(found[2])
    if not side and (found := _SIDE_BEHIND.match(plain)):
        plain, side = found[1] + plain[found.end() :], found[2] or found[3]
    return plain, Told(level, side[:1].upper())


def is_mark(name: str) -> bool:
    """Whether the studio marked the onset, apex or offset of an AU with it, which says nothing of presence."""
    return _STUDIO_MARK.fullmatch(name.strip()) is not None


def coded_aus(named: Iterable[tuple[int, int, str]]) -> frozenset[tuple[int, int]]:
    """(AU, face, side) of names -> (AU, face) that count as coded: those of the whole face, or of both its sides."""
    sides: dict[tuple[int, int], set[str]] = {}
    for au, face, side in named:
        sides.setdefault((au, face), set()).add(side)
    return frozenset(what for what, of in sides.items() if "" in of or len(of) > 1)


def face_named(text: str) -> int:
    """0 for a participant or subject called "face 0"; NO_FACE_NAMED for any other name."""
    found = re.fullmatch(r"face[ _-]?([0-9]{1,9})", text.strip().casefold())
    return int(found[1]) if found else NO_FACE_NAMED


def read_text(text: str) -> int:
    """What the text of an annotation says: absent, not scorable; any other text, such as a level, says present."""
    said = " ".join(text.casefold().split())
    return 0 if said in _ABSENT else UNKNOWN if said in _NOT_SCORABLE else 1


def read_told(where: object, au: int, text: str) -> Told | None:
    """Level and side that a text tells of an AU: C, 3, "C left", left, 12C, AU12C, L12B, R12; None: it tells neither.

    Raises DataError, one line, if it is written so but the level is not A to E, or the AU another one.
    """
    said = " ".join(text.casefold().split())
    if said in _MARKS:
        return Told()
    if found := _STRENGTH.fullmatch(said):
        strength, side = found[1] or "", found[2] or ""
        if strength == str(au) and au > _HIGHEST:  # 12 or 12L: the AU, without a level
            strength = ""
    elif found := _CODE.fullmatch(said):
        if int(found[2]) != au:
            raise DataError(f"{where}: {text.strip()!r:.40} names AU{found[2]}, but it is said of AU{au}; correct it")
        strength, side = found[3] or "", found[1] or found[4] or ""
    else:
        return None
    return Told(_level(where, au, text, strength), side[:1].upper())


def _level(where: object, au: int, text: str, strength: str) -> int:
    if strength in _MARKS:
        return 0
    if strength in _LETTERS:
        return 1 + _LETTERS.index(strength)
    if len(strength) > 1 or strength.isdigit():
        level = float(strength.replace(",", "."))
        if level.is_integer() and 1 <= level <= _HIGHEST:
            return int(level)
    raise DataError(f"{where}: {text.strip()!r:.40} is no level of AU{au}; wanted A to E, 1 to 5, or no level")


def together(where: object, au: int, parts: Iterable[Told]) -> Told:
    """What several names and texts tell of one event. Raises DataError if they tell two levels or two sides."""
    level, side = Told()
    for part in parts:
        if (level and part.level not in (0, level)) or (side and part.side not in ("", side)):
            raise DataError(f"{where}: two levels or two sides of AU{au} in one event; keep one")
        level, side = level or part.level, side or part.side
    return Told(level, side)


def only_marks(texts: Iterable[str]) -> bool:
    """Whether the numbers among texts are 0 and 1 alone, so that 1 means present, not level A."""
    return {text.strip() for text in texts if text.strip().isdecimal()} <= {"0", "1", "9"}
