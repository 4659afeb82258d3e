"""What the tiers of ELAN, the behaviours of BORIS and the events of BIDS are called, and what their texts say."""

import re
from typing import NamedTuple

from knowledge_spreader.datasets.own_labels.types import NO_FACE_NAMED
from knowledge_spreader.spec import AU_NAMES, UNKNOWN

_NAME = re.compile(r"au[ _-]?0*([1-9][0-9]*)(?![0-9a-z])[ _-]*(.*)")
_FACE = re.compile(r"(?:(.*?)[ _-]*\b)?face[ _-]?([0-9]+)")
_ABSENT = {"0", "absent", "not present", "no", "off", "false", "none"}
_NOT_SCORABLE = {"?", "n/a", "na", "9", "unscorable", "not scorable", "unknown", "not codable", "uncodable"}

CODED = "coded"  # a tier or behaviour of this name holds the spans that were looked at


class Named(NamedTuple):
    au: int  # 0 for CODED
    face: int
    coder: str


def read_name(name: str) -> Named | None:
    """AU12, AU 12, au_12, "AU12 face 0", "AU12 lip corner puller", "AU12@anna", "coded", "coded@anna"; else None.

    One side of a face (AU12L) is none of these, and neither is an AU that is not learned.
    """
    plain, _, coder = " ".join(name.casefold().split()).partition("@")
    plain = plain.strip()
    if plain == CODED:
        return Named(0, NO_FACE_NAMED, coder)
    match = _NAME.fullmatch(plain)
    if not match or int(match[1]) not in AU_NAMES:
        return None
    au, rest = int(match[1]), match[2].strip("()")
    face = NO_FACE_NAMED
    if found := _FACE.fullmatch(rest):
        rest, face = (found[1] or "").strip("() "), int(found[2])
    return Named(au, face, coder) if rest in ("", AU_NAMES[au]) else None


def face_named(text: str) -> int:
    """0 for a participant or subject called "face 0"; NO_FACE_NAMED for any other name."""
    found = re.fullmatch(r"face[ _-]?([0-9]+)", text.strip().casefold())
    return int(found[1]) if found else NO_FACE_NAMED


def read_text(text: str) -> int:
    """What the text of an annotation says: absent, not scorable; any other text, such as a level, says present."""
    said = " ".join(text.casefold().split())
    return 0 if said in _ABSENT else UNKNOWN if said in _NOT_SCORABLE else 1
