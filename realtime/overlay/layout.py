"""Places panels beside their faces, without covering a face or another panel while there is room."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Self

Size = tuple[int, int]  # width, height in pixels
SizeOf = Callable[[int], Size]  # of the i-th face's panel; (0, 0): no panel


@dataclass(frozen=True, slots=True)
class Rect:
    """A rectangle in whole pixels; right and bottom are exclusive."""

    left: int
    top: int
    right: int
    bottom: int

    @property
    def width(self) -> int:
        return self.right - self.left

    @property
    def height(self) -> int:
        return self.bottom - self.top

    def shared(self, other: "Rect") -> int:
        """Area of the intersection in pixels."""
        width = min(self.right, other.right) - max(self.left, other.left)
        height = min(self.bottom, other.bottom) - max(self.top, other.top)
        return width * height if width > 0 and height > 0 else 0

    @property
    def middle(self) -> tuple[int, int]:
        return (self.left + self.right) // 2, (self.top + self.bottom) // 2

    def nearest(self, point: tuple[int, int]) -> tuple[int, int]:
        """The point of the rectangle that is nearest to the given one."""
        return min(max(point[0], self.left), self.right), min(max(point[1], self.top), self.bottom)

    def apart(self, other: "Rect") -> int:
        """Gap in pixels along the axis with the larger gap; 0 if they touch."""
        across = max(self.left, other.left) - min(self.right, other.right)
        down = max(self.top, other.top) - min(self.bottom, other.bottom)
        return max(across, down, 0)

    def grown(self, by_px: int) -> "Rect":
        return Rect(self.left - by_px, self.top - by_px, self.right + by_px, self.bottom + by_px)

    def within(self, outer: "Rect") -> "Rect":
        """Moved by the smallest distance that puts it inside the larger rectangle."""
        left = max(min(self.left, outer.right - self.width), outer.left)
        top = max(min(self.top, outer.bottom - self.height), outer.top)
        return Rect(left, top, left + self.width, top + self.height)

    @classmethod
    def at(cls, left: int, top: int, size: Size) -> Self:
        return cls(left, top, left + size[0], top + size[1])


@dataclass(frozen=True, slots=True)
class Scene:
    """What panels are placed around."""

    faces: tuple[Rect, ...]
    keys: tuple[int, ...]  # one for each face; identifies it in the next frame
    blocked: tuple[Rect, ...]  # other areas that must stay free
    room: Rect  # area for panels
    gap_px: int  # between a face and its panel


@dataclass(frozen=True, slots=True)
class Layout:
    """The form of all panels of a frame, and the place of each."""

    form: int  # index into the forms, largest first
    panels: tuple[Rect | None, ...]  # one for each face; None: no panel
    keys: tuple[int, ...]  # as in Scene

    def panel_of(self, key: int) -> Rect | None:
        return self.panels[self.keys.index(key)] if key in self.keys else None


def arrange(scene: Scene, forms: Sequence[SizeOf], before: Layout | None = None) -> Layout:
    """The largest form in which every panel fits; if none does, the last form with the least overlap.

    before: the layout of the last frame. To avoid flicker, panels stay where they are if possible, and only change to a
    larger form if there is extra room.
    """
    for number, size_of in enumerate(forms):
        grows = before is not None and number < before.form
        spare_px = 2 * scene.gap_px if grows else 0
        faces = tuple(face.grown(spare_px) for face in scene.faces)
        same = before if before is not None and number == before.form else None
        panels = _place_all(replace(scene, faces=faces), size_of, same)
        if panels is not None:
            return Layout(number, panels, scene.keys)
    return Layout(len(forms) - 1, _squeeze_all(scene, forms[-1]), scene.keys)


def _place_all(scene: Scene, size_of: SizeOf, before: Layout | None) -> tuple[Rect | None, ...] | None:
    """A place for each panel, or None if one does not fit. Starts with the outermost faces: they have the most room."""
    panels: list[Rect | None] = [None] * len(scene.faces)
    taken = [*scene.faces, *scene.blocked]
    middle = _middle(scene)
    for i in sorted(range(len(scene.faces)), key=lambda i: -abs(scene.faces[i].middle[0] - middle)):
        size = size_of(i)
        if not size[0]:
            continue
        last = before.panel_of(scene.keys[i]) if before else None
        panel = _place(scene, i, size, taken, last)
        if panel is None:
            return None
        panels[i] = panel
        taken.append(panel.grown(max(scene.gap_px // 2, 1)))
    return tuple(panels)


def _place(scene: Scene, i: int, size: Size, taken: Sequence[Rect], last: Rect | None) -> Rect | None:
    """The best free spot; if the face moved only a little, the last panel's place or the free spot nearest to it."""
    free = [spot for spot in _spots(scene, i, size) if not any(spot.shared(other) for other in taken)]
    if not free:
        return None
    face = scene.faces[i]
    if last is None or last.apart(face) > 3 * scene.gap_px:  # the last place was far from the face: try again
        return free[0]
    stay = Rect.at(last.left, last.top, size).within(scene.room)
    near = min(free, key=lambda spot: _moved(spot, stay))
    if _moved(near, stay) <= 2 * scene.gap_px:
        return near if any(stay.shared(other) for other in taken) else stay
    return near if _moved(near, stay) <= face.width else free[0]


def _squeeze_all(scene: Scene, size_of: SizeOf) -> tuple[Rect | None, ...]:
    """The place of each panel that covers the least; None for a panel that is larger than the room."""
    taken = [*scene.faces, *scene.blocked]
    panels: list[Rect | None] = []
    for i in range(len(scene.faces)):
        spots = _spots(scene, i, size_of(i)) if size_of(i)[0] else []
        panels.append(min(spots, key=lambda spot: sum(spot.shared(other) for other in taken), default=None))
        taken += [panel for panel in panels[-1:] if panel]
    return tuple(panels)


def _spots(scene: Scene, i: int, size: Size) -> list[Rect]:
    """Candidate places, best first: at the sides of the face, below and above it, then along the margins."""
    face, room, gap = scene.faces[i], scene.room, scene.gap_px
    width, height = size
    if width > room.width or height > room.height:
        return []
    if len(scene.faces) > 1:  # away from the other faces
        right_first = face.middle[0] >= _middle(scene)
    else:
        right_first = room.right - face.right >= face.left - room.left
    turn = 1 if right_first else -1
    level = (face.top, (face.top + face.bottom - height) // 2, face.bottom - height)
    upright = (face.left, (face.left + face.right - width) // 2, face.right - width)
    beside = [(x, y) for x in (face.right + gap, face.left - gap - width)[::turn] for y in level]
    stacked = [(x, y) for y in (face.bottom + gap, face.top - gap - height) for x in upright]
    bottom, right = room.bottom - height, room.right - width
    sides = [(x, y) for x in (right, room.left)[::turn] for y in (face.top, room.top, bottom)]
    rims = [(room.left + step * (right - room.left) // 4, y) for step in range(5) for y in (bottom, room.top)]
    return [Rect.at(x, y, size).within(room) for x, y in (*beside, *stacked, *sides, *rims)]


def _middle(scene: Scene) -> int:
    return sum(face.middle[0] for face in scene.faces) // max(len(scene.faces), 1)


def _moved(a: Rect, b: Rect) -> int:
    return max(abs(a.left - b.left), abs(a.top - b.top))
