"""One person's head: a pose -> positions and normals of every mesh that is drawn."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from knowledge_spreader.arrays import F32, I32
from knowledge_spreader.synth.assets.formats import Fit, Mesh
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.assets.mesh_buffers import Surface, surface, turned
from knowledge_spreader.synth.au_recipes import AUS, BESIDE, RECIPES
from knowledge_spreader.synth.motion.pose import Pose
from knowledge_spreader.synth.person.brows import laid
from knowledge_spreader.synth.person.glasses import Glasses, fit
from knowledge_spreader.synth.person.lids import closing_gain, pupils, rested, upper_lid
from knowledge_spreader.synth.person.mouth import set_in, walls
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.person.shapes import (
    BODY,
    Movements,
    Seat,
    damped,
    dense,
    movements,
    neutral,
    open_smile,
    seat,
    smoothstep,
)

_LOWEST_DM = 3.9  # the body is drawn from this height of the resting mesh upwards
_BALLS = (slice(14_598, 14_670), slice(14_670, 14_742))  # helper vertices of the left and the right eyeball
_REST_EYES_DM = 0.6155  # between the eyes of the base mesh


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """A mesh that is drawn."""

    name: str  # skin, eyes, teeth, tongue, brows, lashes, hair, frame, lens
    surface: Surface
    seat: Seat | None  # None for the skin, whose vertices are the base mesh's, and for rigid layers
    rest: F32  # (V, 3) each vertex on the resting base mesh
    mask: F32  # (V, 4) see mesh.vert
    rigid: F32 | None = None  # (V, 3) on the neutral head; such a layer (glasses) only turns with the head


@dataclass(frozen=True, slots=True, eq=False)
class Moved:
    """A layer in one frame."""

    position: F32  # (V, 3) dm
    normal: F32  # (V, 3)


class Head:
    """A person's geometry. Keeps and moves only the vertices that are drawn or that a layer sits on."""

    def __init__(self, assets: Assets, person: Person) -> None:
        base = assets.base
        whole = neutral(assets, person.shape)
        self.person = person
        self.scale = float(abs(_ball(whole, 0)[0][0] - _ball(whole, 1)[0][0]) / _REST_EYES_DM)
        skin, skin_vertices = _skin_surface(base)
        worn = {layer: assets.wear[name] for layer, name in person.wears.items()}
        seats = {layer: seat(wear.fit, whole) for layer, wear in worn.items()}
        if "brows" in seats:
            seats["brows"] = laid(seats["brows"], person.brows, whole, whole[skin_vertices], self.scale)
        for layer in ("teeth", "tongue"):
            if layer in seats:
                seats[layer] = set_in(assets, layer, seats[layer], person.mouth, whole, self.scale)
        self.keep: I32 = np.unique(np.concatenate([skin_vertices, *(s.index.ravel() for s in seats.values())]))
        place = np.full(len(base.vertices), -1, np.int32)
        place[self.keep] = np.arange(len(self.keep))
        self.skin_places: I32 = place[skin_vertices]  # among the kept vertices
        self.inside_mouth = walls(base)[skin_vertices]  # (V,) of the skin's vertices
        self.neutral: F32 = whole[self.keep]
        self.moves: Movements = movements(assets, RECIPES, person.races, self.keep, self.scale)
        self._lips = place[list(_lip_middles(assets))]
        self._rest_leaning(person)
        rest = base.vertices
        if person.lid_height is not None and "eyes" in worn:
            self._open_eyes(assets, person.lid_height, place, worn["eyes"].fit, seats["eyes"].on(whole))
        whole[self.keep] = self.neutral
        self.layers = [Layer("skin", skin, None, rest[skin_vertices], _skin_masks(assets, skin_vertices, person))]
        for layer, wear in worn.items():
            drawn_surface, used = _worn_surface(wear.mesh)
            sits = seats[layer]
            s = Seat(place[sits.index[used]], sits.weights[used], sits.offset[used])
            at_rest = seat(wear.fit, rest).on(rest)[used]
            mask = np.zeros((len(at_rest), 4), np.float32)
            if layer in ("hair", "brows", "lashes"):
                mask[:, :3] = drawn_surface.tangents(s.on(self.neutral))
            self.layers.append(Layer(layer, drawn_surface, s, at_rest, mask))
        if person.glasses is not None:
            self.layers += self._spectacles(person.glasses, whole)
        self._resting_height = rest[self.keep, 1]
        self._neck_share = smoothstep(5.35, 6.25, self._resting_height)
        self.pivot: F32 = _joint(assets, whole, "joint-neck")
        self._balls = [_ball(whole, side) for side in (0, 1)]
        self.ball_radius = float(np.mean([r for _, r in self._balls]))
        for side, moves in enumerate((self.moves.left, self.moves.right)):
            moves[-1] *= closing_gain(assets, whole, side) / self.scale  # AU 43 is the last
        self._eyelids = self._lids()
        self._beside_up, self._beside_down = (list(BESIDE).index(f"lids {way}") for way in ("up", "down"))
        self._beside_lip = list(BESIDE).index("16 lower lip depressor")
        self._smile_lift, self._smile_drop = person.smile_lift, person.smile_drop

    def _spectacles(self, look: Glasses, whole: F32) -> list[Layer]:
        skin = self.neutral[self.skin_places]
        meshes = fit(look, skin, _ball(whole, 0)[0], _ball(whole, 1)[0], self.scale)
        found = []
        for name, mesh in zip(("frame", "lens"), meshes, strict=True):
            nothing = np.zeros((len(mesh.vertices), 4), np.float32)
            found.append(Layer(name, surface(mesh)[0], None, mesh.vertices, nothing, mesh.vertices))
        return found

    def _rest_leaning(self, person: Person) -> None:
        au = np.zeros((len(AUS), 2), np.float32)
        for unit, lean in person.resting.items():
            au[AUS.index(unit)] = lean
        leaning = self.moves.at(au, np.zeros(len(BESIDE), np.float32))
        self.neutral = self.neutral + leaning
        self._rest_gap_dm = _gap(leaning[self._lips])

    def _open_eyes(self, assets: Assets, lid_height: float, place: I32, fit_of: Fit, eyes: F32) -> None:
        at_rest = seat(fit_of, assets.base.vertices).on(assets.base.vertices)
        left, right = (float(eyes[middle, 1].mean()) for middle in pupils(at_rest))
        lids = (int(place[upper_lid(assets, 0)]), int(place[upper_lid(assets, 1)]))
        self.neutral = rested(self.neutral, self.moves, lids, (left, right), lid_height * _REST_EYES_DM * self.scale)

    def _lids(self) -> list[tuple[np.ndarray, F32, F32]]:
        """Per eye: the lid's vertices, the eyeball's centre, and how near to it each vertex may come in closing."""
        found = []
        shut = self.neutral + self.moves.left[-1] + self.moves.right[-1]
        for centre, radius in self._balls:
            away, away_shut = (np.linalg.norm(v - centre, axis=1) for v in (self.neutral, shut))
            moves = np.linalg.norm(shut - self.neutral, axis=1) > 0.004
            near = np.flatnonzero(moves & (away < 1.6 * radius) & (self.neutral[:, 2] > centre[2]))
            floor = np.minimum(away, away_shut)[near]
            found.append((near, centre, np.maximum(floor, 0.0).astype(np.float32)))
        return found

    def lip_gap_dm(self, pose: Pose) -> float:
        """Distance between the middles of the lips, in dm. 0 at rest, unless the person's resting face parts them."""
        moves = self.moves.at(damped(pose.au, self._smile_lift), self._beside(pose), self._lips)
        return max(0.0, self._rest_gap_dm + _gap(moves))

    def lid_share(self) -> F32:
        """(V,) 0 to 1 over the skin's vertices: 1 on the eyelids, which unfold when they close."""
        moves = np.linalg.norm(self.moves.left[-1] + self.moves.right[-1], axis=1)[self.skin_places]
        return np.asarray(np.clip(2.5 * moves / moves.max(), 0, 1), np.float32)

    def eyes(self) -> tuple[F32, F32]:
        """(3,) centres of the left and of the right eyeball on the neutral head, in dm."""
        return self._balls[0][0], self._balls[1][0]

    def _beside(self, pose: Pose) -> F32:
        """(B,) unlabelled movements, with gaze's effect on the lids and a toothy smile's effect on the lower lip."""
        beside = pose.beside.copy()
        beside[self._beside_up] += max(float(pose.gaze[1]), 0.0) * 1.2
        beside[self._beside_down] += max(-float(pose.gaze[1]), 0.0) * 1.2
        beside[self._beside_lip] += self._smile_drop * float(open_smile(pose.au).mean())
        return beside

    def moved(self, pose: Pose) -> tuple[dict[str, Moved], tuple[F32, F32]]:
        """Every layer in this pose by name, and (3,) the centres of both eyeballs."""
        au = damped(pose.au, self._smile_lift)
        sunk = min(1.0, 1.1 * max(-float(pose.gaze[1]), 0.0))  # lids follow a downward gaze
        au[-1] += (1 - au[-1]) * sunk  # AU 43 is the last
        vertices = self.neutral + self.moves.at(au, self._beside(pose))
        for near, centre, floor in self._eyelids:
            arm = vertices[near] - centre
            away = np.linalg.norm(arm, axis=1)
            vertices[near] = centre + arm * np.maximum(1.0, floor / np.maximum(away, 1e-6))[:, None]
        still = vertices
        vertices = turned(vertices, self.pivot, pose.head, self._neck_share) + pose.shift
        balls = [turned(c[None], self.pivot, pose.head, np.ones(1, np.float32))[0] + pose.shift for c, _ in self._balls]
        found = {}
        for layer in self.layers:
            if layer.rigid is not None:
                position = turned(layer.rigid, self.pivot, pose.head, np.ones(1, np.float32)) + pose.shift
            elif layer.seat is None:
                position = vertices[self.skin_places]
            elif layer.name == "eyes":
                position = self._looking(layer.seat.on(still), pose)
            else:
                position = layer.seat.on(vertices)
                if layer.seat.offset.any():
                    position += (
                        turned(layer.seat.offset, np.zeros(3, np.float32), pose.head, np.ones(1, np.float32))
                        - layer.seat.offset
                    )
            found[layer.name] = Moved(position, layer.surface.normals(position))
        return found, (balls[0], balls[1])

    def _looking(self, position: F32, pose: Pose) -> F32:
        """The eyeballs, turned by the gaze and then with the head."""
        all_of = np.ones(1, np.float32)
        out = position.copy()
        for side, (centre, _) in enumerate(self._balls):
            mine = (position[:, 0] > 0) == (side == 0)
            towards = np.array([-pose.gaze[1], pose.gaze[0], 0], np.float32)
            out[mine] = turned(position[mine], centre, towards, all_of)
        return turned(out, self.pivot, pose.head, all_of) + pose.shift


@lru_cache(maxsize=2)
def _skin_surface(base: Mesh) -> tuple[Surface, I32]:
    body = base.group == base.group_names.index("body")
    return surface(base, body & (base.vertices[base.faces][..., 1].min(1) > _LOWEST_DM))


@lru_cache(maxsize=64)
def _worn_surface(mesh: Mesh) -> tuple[Surface, I32]:
    """The surface of an asset. Cached, because many people wear the same one."""
    return surface(mesh)


def _ball(vertices: F32, side: int) -> tuple[F32, float]:
    helper = vertices[_BALLS[side]]
    centre = (helper.max(0) + helper.min(0)) / 2
    return centre.astype(np.float32), float(np.linalg.norm(helper - centre, axis=1).mean())


def _joint(assets: Assets, vertices: F32, name: str) -> F32:
    base = assets.base
    cube = np.unique(base.faces[base.group == base.group_names.index(name)])
    return np.asarray(vertices[cube].mean(0), np.float32)


def _gap(moves: F32) -> float:
    """How far the displacements (2, 3) of upper and lower lip part them; negative where they press together."""
    return float(moves[0, 1] - moves[1, 1])


def _lip_middles(assets: Assets) -> tuple[int, int]:
    """The base mesh's vertices where the middles of upper and lower lip touch. The lower one moves with the jaw."""
    rest, falls = assets.base.vertices[:BODY], dense(assets, "arkit/jawOpen")[:BODY, 1]  # teeth are helper vertices
    middle = np.flatnonzero(
        (np.abs(rest[:, 0]) < 0.02) & (rest[:, 2] > 1.46) & (rest[:, 1] > 6.5) & (rest[:, 1] < 6.72)
    )
    lower = middle[falls[middle] < 0.5 * falls.min()]
    upper = middle[falls[middle] > 0.2 * falls.min()]
    return int(upper[rest[upper, 1].argmin()]), int(lower[rest[lower, 1].argmax()])


def _skin_masks(assets: Assets, keep: I32, person: Person) -> F32:
    """(V, 4) lips, scalp, beard, wet lid edges; each 0 to 1."""
    rest = assets.base.vertices[keep]
    x, y, z = np.abs(rest[:, 0]), rest[:, 1], rest[:, 2]
    lips = np.zeros(len(keep), np.float32)
    for name in ("mouth/mouth-upperlip-volume-incr", "mouth/mouth-lowerlip-volume-incr"):
        size = np.linalg.norm(dense(assets, name), axis=1)[keep]
        lips = np.maximum(lips, np.clip(size / size.max() * 2.2 - 0.15, 0, 1))
    hairline = np.interp(z, [-0.4, 0.15, 0.35, 0.62, 0.80, 1.00, 1.2], [6.55, 6.75, 7.15, 7.35, 7.70, 7.95, 8.03])
    ear = smoothstep(0.68, 0.73, x) * (z < 0.62) * (y < 7.55)
    scalp = smoothstep(-0.10, 0.08, (y - hairline - person.hairline_dm).astype(np.float32)) * (1 - ear)
    cheek_line = np.interp(x, [0.0, 0.20, 0.33, 0.5, 0.66, 0.75], [6.84, 6.84, 6.70, 6.76, 7.02, 7.25])
    beard = smoothstep(-0.04, 0.05, (cheek_line - y).astype(np.float32)) * smoothstep(
        6.0, 6.12, (y + 0.25 * (z - 0.9)).astype(np.float32)
    )
    beard *= smoothstep(0.40, 0.56, z) * (1 - lips) * (1 - smoothstep(0.66, 0.74, x))
    wet = np.zeros_like(lips)
    for ball in _BALLS:
        helper = assets.base.vertices[ball]
        centre = (helper.max(0) + helper.min(0)) / 2
        radius = np.linalg.norm(helper - centre, axis=1).mean()
        away = np.linalg.norm(rest - centre, axis=1)
        wet = np.maximum(wet, np.exp(-(((away - radius) / 0.012) ** 2)) * (z > centre[2] + 0.05))
    return np.stack([lips, scalp, beard, wet], 1).astype(np.float32)
