"""MME, the paper's own data set: 233 subjects in 10 tasks, in the layout of BP4D (section 7.4)."""

from dataclasses import replace
from pathlib import Path

from knowledge_spreader.datasets.au_occ_layout import Layout, read_recordings
from knowledge_spreader.datasets.bp4d import AUS
from knowledge_spreader.datasets.checks import Published, published_notes
from knowledge_spreader.datasets.folds import deal
from knowledge_spreader.datasets.types import DataSet

FPS = 25.0
PUBLISHED = Published(233)
LAYOUT = Layout("mme", tasks=tuple(range(1, 11)))


def load(root: Path, aus: tuple[int, ...] = ()) -> DataSet:
    """MME in three parts, because the paper prints no split; aus = (): the twelve of BP4D. Raises DataError."""
    aus = aus or AUS
    videos, notes = read_recordings(root, LAYOUT, aus)
    parts, dealt = deal(video.subject for video in videos)
    data = DataSet("mme", aus, FPS, videos, parts)
    return replace(data, notes=(*notes, dealt, *published_notes(data, PUBLISHED)))
