"""Label files as the programs write them, and the frames of recordings that need not exist."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from knowledge_spreader.datasets.own_labels import on_frames, read_own_labels

ELAN = """<?xml version="1.0" encoding="UTF-8"?>
<ANNOTATION_DOCUMENT AUTHOR="" DATE="2026-03-02T10:11:12+01:00" FORMAT="3.0" VERSION="3.0"
    xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:noNamespaceSchemaLocation="http://www.mpi.nl/tools/elan/EAFv3.0.xsd">
    <LICENSE LICENSE_URL=""/>
    <HEADER MEDIA_FILE="" TIME_UNITS="milliseconds">
        {media}
        <PROPERTY NAME="lastUsedAnnotationId">4</PROPERTY>
    </HEADER>
    <TIME_ORDER>
        {slots}
    </TIME_ORDER>
    {tiers}
    <LINGUISTIC_TYPE GRAPHIC_REFERENCES="false" LINGUISTIC_TYPE_ID="default-lt" TIME_ALIGNABLE="true"/>
    <LOCALE COUNTRY_CODE="US" LANGUAGE_CODE="en"/>
</ANNOTATION_DOCUMENT>
"""
MEDIA = '<MEDIA_DESCRIPTOR MEDIA_URL="file:///C:/lab/anna.mp4" MIME_TYPE="video/mp4" RELATIVE_MEDIA_URL="./anna.mp4"/>'
Spans = Sequence[tuple[int | None, int | None, str]]  # begin and end in ms, text


def eaf(path: Path, tiers: dict[str, Spans], media: str = MEDIA) -> Path:
    """A file of ELAN. A time of None is an unaligned slot, shared with the neighbour's."""
    slots, written, number = [], [], 0
    for name, spans in tiers.items():
        lines = []
        for begin, end, text in spans:
            number += 1
            shared = begin is None
            first = f"ts{number - 1}e" if shared else f"ts{number}b"
            if not shared:
                slots.append(f'<TIME_SLOT TIME_SLOT_ID="{first}" TIME_VALUE="{begin}"/>')
            value = "" if end is None else f' TIME_VALUE="{end}"'
            slots.append(f'<TIME_SLOT TIME_SLOT_ID="ts{number}e"{value}/>')
            refs = f'ANNOTATION_ID="a{number}" TIME_SLOT_REF1="{first}" TIME_SLOT_REF2="ts{number}e"'
            body = f"<ALIGNABLE_ANNOTATION {refs}><ANNOTATION_VALUE>{text}</ANNOTATION_VALUE></ALIGNABLE_ANNOTATION>"
            lines.append(f"<ANNOTATION>{body}</ANNOTATION>")
        written.append(f'<TIER LINGUISTIC_TYPE_REF="default-lt" TIER_ID="{name}">{"".join(lines)}</TIER>')
    path.write_text(ELAN.format(media=media, slots="\n".join(slots), tiers="\n".join(written)), encoding="utf-8")
    return path


def statement(**changed: object) -> str:
    """A line of the studio's log: AU12 of frame 3 is present, says xy."""
    usual = {"video": "ab" * 32, "recording": "anna.mp4", "face": 0, "frame": 3, "time_s": 0.3, "au": 12, "value": 2}
    usual |= {"side": None, "coder": "xy", "source": "human", "when": "2026-11-28T14:00:00+00:00"}
    return json.dumps(usual | changed) + "\n"


def put(
    paths: Path | Sequence[Path],
    aus: Sequence[int],
    n: int = 6,
    rate: float = 10.0,
    recording: str = "anna.mp4",
    face: int | None = None,
    notes: list[str] | None = None,
) -> list[list[int]]:
    """Labels on n frames of a recording of 10 frames per second: a list for each frame."""
    files = [paths] if isinstance(paths, Path) else list(paths)
    labels = read_own_labels(files)
    where = files[0].parent / recording
    return on_frames(labels, where, np.arange(n), np.arange(n) / rate, aus, face, notes).tolist()
