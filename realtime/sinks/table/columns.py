"""The columns of the table and their order. The first ones are those of OpenFace 2.2, in its order; ours follow.

What each column means is in realtime/sinks/rows.py, which fills them in the same order.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from knowledge_spreader.errors import DataError
from knowledge_spreader.face.blendshapes import NAMES
from knowledge_spreader.realtime.measures import LANDMARKS

Kind = Literal["integer", "seconds", "share", "pixels", "mm", "radians", "degrees", "flag", "text"]
FLOATS: tuple[Kind, ...] = ("share", "pixels", "mm", "radians", "degrees")

OPENFACE_R = (1, 2, 4, 5, 6, 7, 9, 10, 12, 14, 15, 17, 20, 23, 25, 26, 45)  # AUs of its intensities
OPENFACE_C = tuple(sorted((*OPENFACE_R, 28)))  # AUs of its occurrences
POINTS_68, POINTS_478 = 68, 478


@dataclass(frozen=True, slots=True)
class Column:
    name: str
    kind: Kind
    always: bool = False  # known in every row


@dataclass(frozen=True, slots=True)
class Extras:
    """Columns that are there only if somebody asks for them, or if the run can fill them."""

    landmarks: str = "none"  # "none", "68": those of OpenFace, "478": those of the face mesh
    blendshapes: bool = False
    sided: tuple[int, ...] = ()  # AUs of which the run tells the side

    def __post_init__(self) -> None:
        if self.landmarks not in LANDMARKS:
            raise DataError(f"--landmarks must be one of {', '.join(LANDMARKS)}; got {self.landmarks!r}")


NO_EXTRAS = Extras()


def columns(aus: Sequence[int], extras: Extras = NO_EXTRAS) -> tuple[Column, ...]:
    """The columns for a model with these AUs."""
    return (*_openface(extras), *_ours(aus, extras))


def columns_of(names: Sequence[str]) -> tuple[Column, ...]:
    """The columns of a table with this header. Raises DataError if it is not a table of this version."""
    aus = [int(match[1]) for name in names if (match := re.fullmatch(r"AU(\d{2,})_p", name))]
    landmarks = "68" if "x_0" in names else "478" if "mesh_x_0" in names else "none"
    sided = tuple(int(match[1]) for name in names if (match := re.fullmatch(r"AU(\d{2,})L_p", name)))
    found = columns(aus, Extras(landmarks, any(name.startswith("blendshape_") for name in names), sided))
    if [column.name for column in found] != list(names):
        raise DataError(f"a table with the columns {', '.join(names)[:80]} was not written by this version")
    return found


def blendshape_columns() -> tuple[str, ...]:
    return tuple(f"blendshape_{name.strip('_')}" for name in NAMES)


def others(aus: Sequence[int]) -> tuple[int, ...]:
    """Those that OpenFace does not have."""
    return tuple(au for au in aus if au not in OPENFACE_C)


def _openface(extras: Extras) -> tuple[Column, ...]:
    return (
        Column("frame", "integer", always=True),
        Column("face_id", "integer", always=True),
        Column("timestamp", "seconds", always=True),
        Column("confidence", "share"),
        Column("success", "flag", always=True),
        *(Column(f"gaze_{eye}_{axis}", "share") for eye in (0, 1) for axis in "xyz"),
        *(Column(f"gaze_angle_{axis}", "radians") for axis in "xy"),
        *(Column(f"pose_T{axis}", "mm") for axis in "xyz"),
        *(Column(f"pose_R{axis}", "radians") for axis in "xyz"),
        *(_points("", "xy", POINTS_68) if extras.landmarks == "68" else ()),
        *(Column(f"AU{au:02d}_r", "share") for au in OPENFACE_R),
        *(Column(f"AU{au:02d}_c", "flag") for au in OPENFACE_C),
    )


def _ours(aus: Sequence[int], extras: Extras) -> tuple[Column, ...]:
    return (
        *(Column(f"face_{side}", "pixels") for side in "xywh"),
        *(Column(f"AU{au:02d}_c", "flag") for au in others(aus)),
        *(Column(f"AU{au:02d}_p", "share") for au in aus),
        *(Column(f"AU{au:02d}_u", "share") for au in aus),
        Column("order_p", "share"),
        Column("window_frames", "integer"),
        Column("calibrated", "flag"),
        *(Column(f"head_{angle}_deg", "degrees") for angle in ("yaw", "pitch", "roll")),
        Column("mesh_p", "share"),
        *(_points("mesh_", "xyz", POINTS_478) if extras.landmarks == "478" else ()),
        *(Column(name, "share") for name in (blendshape_columns() if extras.blendshapes else ())),
        Column("reason", "text"),
        Column("stream", "text"),
        Column("epoch", "integer", always=True),
        Column("picture", "text"),
        *(Column(f"AU{au:02d}{side}_p", "share") for au in extras.sided for side in "LR"),
    )


def _points(prefix: str, axes: str, count: int) -> tuple[Column, ...]:
    return tuple(Column(f"{prefix}{axis}_{i}", "pixels") for axis in axes for i in range(count))
