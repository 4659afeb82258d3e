"""Loads AU data sets from disk: `load_dataset` returns a `DataSet` of `Video`s, whatever the layout."""

from dataclasses import replace
from pathlib import Path

from knowledge_spreader.datasets import bp4d, disfa, manifest, mme
from knowledge_spreader.datasets.checks import class_weights
from knowledge_spreader.datasets.types import DataSet, Video, check_fold
from knowledge_spreader.errors import DataError
from knowledge_spreader.spec import UNKNOWN

__all__ = ["DATASETS", "DEFAULT_AUS", "UNKNOWN", "DataSet", "Video", "class_weights", "load_dataset"]

DATASETS = ("bp4d", "bp4d+", "disfa", "mme", "manifest")

# The AUs of aus = (); for manifest: all AU columns of the CSV.
DEFAULT_AUS: dict[str, tuple[int, ...]] = {"bp4d": bp4d.AUS, "bp4d+": bp4d.AUS, "disfa": disfa.AUS, "mme": bp4d.AUS}


def load_dataset(name: str, root: Path, aus: tuple[int, ...] = (), fps: float = 0.0, fold: int = 0) -> DataSet:
    """Load one of DATASETS. root is its folder; for manifest, the CSV file.

    aus = (): the data set's usual AUs. fps = 0: the data set's own frame rate. fold: the fold to be used, 0 for none; a
    manifest without it is refused before any video is opened. Raises DataError if the data set or folder does not
    exist, or if a file in it cannot be used.
    """
    if not (fps == 0 or 1.0 <= fps <= 240.0):
        raise DataError(f"the frame rate must be 1 to 240 per second, or 0 for the data set's own; got {fps}")
    root = Path(root)
    match name:
        case "bp4d":
            data = bp4d.load(root, aus)
        case "bp4d+":
            data = bp4d.load_plus(root, aus)
        case "disfa":
            data = disfa.load(root, aus)
        case "mme":
            data = mme.load(root, aus)
        case "manifest":
            data = manifest.load(root, aus, fps, fold)
        case _:
            raise DataError(f"there is no data set {name!r}; choose one of {', '.join(DATASETS)}")
    if fold:
        check_fold(data.name, fold, len(data.parts))
    return replace(data, fps=fps) if fps else data
