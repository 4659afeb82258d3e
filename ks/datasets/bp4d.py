"""BP4D and BP4D+ (Zhang et al. 2014, 2016): 41 subjects in 8 tasks, and 140 in 4, at 25 frames per second."""

from dataclasses import replace
from pathlib import Path

from knowledge_spreader.datasets.au_occ_layout import Layout, read_recordings
from knowledge_spreader.datasets.checks import Published, published_notes
from knowledge_spreader.datasets.folds import deal
from knowledge_spreader.datasets.types import DataSet

FPS = 25.0
AUS = (1, 2, 4, 6, 7, 10, 12, 14, 15, 17, 23, 24)  # the twelve that the field reports

_PARTS = (  # subject-exclusive parts of the published folds, from DRML and JAA-Net
    "F001 M007 F018 F008 F002 M004 F010 F009 M012 M001 F016 M014 F023 M008",
    "M011 F003 M010 M002 F005 F022 M018 M017 F013 M016 F020 F011 M013 M005",
    "F007 F015 F006 F019 M006 M009 F012 M003 F004 F021 F017 M015 F014",
)
PARTS = tuple(tuple(part.split()) for part in _PARTS)

_WEIGHTS = (
    *(1.342985, 1.689665, 1.248091, 0.561356, 0.433044, 0.435894),
    *(0.457287, 0.541004, 1.408054, 0.722762, 1.493145, 1.666711),
)
PUBLISHED = Published(41, (50_631, 50_182, 46_034), dict(zip(AUS, _WEIGHTS, strict=True)))
PUBLISHED_PLUS = Published(140)

LAYOUT = Layout("bp4d", tasks=(1, 2, 3, 4, 5, 6, 7, 8))
LAYOUT_PLUS = Layout("bp4d+", tasks=(1, 6, 7, 8), picture_shift=-1)  # its AU frames count from 1, its images from 0


def load(root: Path, aus: tuple[int, ...] = ()) -> DataSet:
    """BP4D's coded segments with the published parts; aus = (): the usual twelve. Raises DataError."""
    aus = aus or AUS
    videos, notes = read_recordings(root, LAYOUT, aus)
    data = DataSet("bp4d", aus, FPS, videos, PARTS)
    return replace(data, notes=(*notes, *published_notes(data, PUBLISHED)))


def load_plus(root: Path, aus: tuple[int, ...] = ()) -> DataSet:
    """BP4D+'s four coded tasks in three parts; aus = (): the twelve of BP4D. Raises DataError."""
    aus = aus or AUS
    videos, notes = read_recordings(root, LAYOUT_PLUS, aus)
    parts, dealt = deal(video.subject for video in videos)
    data = DataSet("bp4d+", aus, FPS, videos, parts)
    return replace(data, notes=(*notes, dealt, *published_notes(data, PUBLISHED_PLUS)))
