"""The style of our plots: colours for colour-blind readers, grid lines, and saving in any format."""

from pathlib import Path
from typing import TYPE_CHECKING, Literal

from knowledge_spreader.errors import KSError, MissingError
from knowledge_spreader.files import whole_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


MARK = b"knowledge-spreader"  # in the metadata of each figure
_MARKED = {"png": "Software", "pdf": "Creator", "svg": "Creator", "ps": "Creator", "eps": "Creator"}

# Okabe and Ito's colours, distinct for people with any colour vision.
BLUE, ORANGE, BLACK, GREY, VERMILION = "#0072B2", "#E69F00", "#000000", "#999999", "#D55E00"


def new_figure(width_in: float, height_in: float) -> "Figure":
    """A figure that needs no window system. Raises MissingError without matplotlib."""
    try:
        from matplotlib.figure import Figure
    except ImportError as exc:
        raise MissingError("plots need matplotlib; pip install 'knowledge-spreader[train]'") from exc
    return Figure(figsize=(width_in, height_in), layout="constrained")


def save(figure: "Figure", path: Path) -> None:
    """Write the figure, 150 dots per inch. Raises KSError if it cannot be written."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as unfinished:
            kind = path.suffix.removeprefix(".").lower() or "png"
            mark = {_MARKED[kind]: MARK.decode()} if kind in _MARKED else None
            figure.savefig(unfinished, dpi=150, format=kind, metadata=mark)
    except (OSError, ValueError) as exc:  # ValueError: a file type that matplotlib does not know
        raise KSError(f"cannot write {path}: {exc}; choose another path or suffix, e.g. report.png") from exc


def check_suffix(option: str, path: Path) -> None:
    """Raises KSError if figures cannot be saved in the format of this suffix, MissingError without matplotlib."""
    kinds = new_figure(1, 1).canvas.get_supported_filetypes()
    if path.suffix and path.suffix.removeprefix(".").lower() not in kinds:
        raise KSError(f"{option} {path}: there is no format {path.suffix}; end the name in .png, .pdf or .svg")


def tidy(axes: "Axes", grid: Literal["x", "y", "both"] = "y") -> None:
    """Grid lines behind the data, and no box."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis=grid, color="#DDDDDD", linewidth=0.8)
    axes.set_axisbelow(True)


GREEN, PURPLE, SKY = "#009E73", "#CC79A7", "#56B4E9"
