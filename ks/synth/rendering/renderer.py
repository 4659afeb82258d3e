"""Draws a head: shadow map, background, skin, eyes, teeth, cloth, hair; in linear light, with supersampling."""

from typing import Any, Self

import numpy as np

from knowledge_spreader.arrays import F32, U8
from knowledge_spreader.synth.assets.library import Assets
from knowledge_spreader.synth.motion.pose import Pose, folds
from knowledge_spreader.synth.person.person import Person
from knowledge_spreader.synth.rendering import camera
from knowledge_spreader.synth.rendering.ambient_occlusion import sky_share
from knowledge_spreader.synth.rendering.gl import Graphics, noise_picture, put, texture
from knowledge_spreader.synth.rendering.gpu_mesh import Drawn, skin_tint
from knowledge_spreader.synth.rendering.head import Head
from knowledge_spreader.synth.rendering.scene import Scene
from knowledge_spreader.synth.rendering.textures import CARDS, Pictures

_DENSE = 0.45  # from this alpha a hair card is opaque
_FRINGE = 0.03  # lowest alpha that is blended
_SHELLS = 6  # layers of short hair
_BROWS_NEARER_DM = 0.05  # brows are drawn this much nearer, so that bulging skin does not hide them
_INSIDE_FARTHER_DM = 0.5  # the mouth's walls are drawn this much farther, so that they stay behind the teeth
_SLOTS = {"picture": 0, "noise": 1, "sky": 2, "shadow_map": 3}


class Renderer:
    """Draws pictures of one size. Call set_person, then set_scene, then draw for each pose.

    samples: per pixel side. shadow_px: side of the shadow map. Raises MissingError without moderngl or a driver.
    """

    def __init__(self, assets: Assets, width_px: int, height_px: int, samples: int = 2, shadow_px: int = 1024) -> None:
        self.assets, self.size, self.samples = assets, (width_px, height_px), samples
        self.graphics = Graphics()
        self._gl = gl = self.graphics.context
        big = (width_px * samples, height_px * samples)
        self._scene_colour = gl.texture(big, 4, dtype="f2")
        self._scene_buffer = gl.framebuffer([self._scene_colour], gl.depth_renderbuffer(big))
        self._final = gl.framebuffer([gl.renderbuffer((width_px, height_px), 4)])
        self._shadow = gl.depth_texture((shadow_px, shadow_px))
        self._shadow.compare_func = ""
        self._shadow.repeat_x = self._shadow.repeat_y = False
        self._shadow_buffer = gl.framebuffer(depth_attachment=self._shadow)
        self._noise = texture(gl, noise_picture())
        self._screens = {name: gl.vertex_array(self.graphics.programs[name], []) for name in ("background", "resolve")}
        self._layers: dict[str, Drawn] = {}
        self._pictures = Pictures(gl)
        self._sky: Any = None
        self._backdrop: Any = None
        self.person: Person  # set last
        self.head: Head  # of this person

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.graphics.close()

    def set_person(self, person: Person) -> Head:
        """Loads a person's meshes and textures and computes ambient occlusion. Does nothing for the same person."""
        if self._layers and person == self.person:
            return self.head
        for old in self._layers.values():
            old.release()
        self.person, self.head = person, Head(self.assets, person)
        moved, _ = self.head.moved(Pose())
        self._layers = {}
        for layer in self.head.layers:
            painted = self._pictures.of(self.assets, person, layer.name)
            self._layers[layer.name] = Drawn(self.graphics, layer, painted.texture, painted.brightness)
            self._layers[layer.name].move(moved[layer.name])
            if layer.name == "skin":
                self._vivid, self._skin_tint = skin_tint(layer, painted.image, person.tone)
        shares = sky_share(self._gl, self._layers, moved, self.graphics.programs["depth"])
        lids = self.head.lid_share()
        shares["skin"] += lids * np.maximum(0.72 - shares["skin"], 0)
        self._layers["skin"].set_apart(self.graphics, self.head.inside_mouth)
        for name, share in shares.items():
            self._layers[name].write_static(share)
        return self.head

    def set_scene(self, scene: Scene) -> None:
        """Sets light, background and camera."""
        self.scene = scene
        for old in (self._sky, self._backdrop):
            if old is not None:
                old.release()
        levels = scene.light.levels
        self._sky = texture(self._gl, levels[0])
        for i, level in enumerate(levels[1:], 1):
            self._sky.write(np.ascontiguousarray(level).tobytes(), level=i)
        self._sky.repeat_y = False
        self._backdrop = texture(self._gl, scene.backdrop, mipmaps=False)
        self._backdrop.repeat_x = self._backdrop.repeat_y = False

    def draw(self, pose: Pose) -> U8:
        """(H, W, 3) uint8 RGB of the person in this pose."""
        moved, balls = self.head.moved(pose)
        for name, layer in self._layers.items():
            layer.move(moved[name])
        shadow = self._draw_shadow(balls)
        self._draw_scene(pose, balls, shadow)
        return self._developed()

    def _draw_shadow(self, balls: tuple[F32, F32]) -> F32:
        gl = self._gl
        matrix = camera.lamp_view(
            np.asarray((balls[0] + balls[1]) / 2, np.float32), self.scene.light.lamp_direction, 2.6 * self.head.scale
        )
        self._shadow_buffer.use()
        self._shadow_buffer.clear(depth=1.0)
        depth = self.graphics.programs["depth"]
        for name, layer in self._layers.items():
            if name in ("skin", "hair"):
                gl.enable_only(gl.DEPTH_TEST | (gl.CULL_FACE if name == "skin" else 0))
                put(depth, {"view_projection": matrix.T, "inflate": 0.0, "low": CARDS.get(name, 0.0), "picture": 0})
                layer.texture.use(0)
                layer.draw("depth")
        return matrix

    def _draw_scene(self, pose: Pose, balls: tuple[F32, F32], shadow: F32) -> None:
        gl, scene = self._gl, self.scene
        view, place = scene.camera.matrices(self.size, self.head)
        self._scene_buffer.use()
        self._scene_buffer.clear()
        gl.depth_mask = True
        gl.enable_only(0)
        put(self.graphics.programs["background"], {"picture": 0, "gain": scene.backdrop_gain})
        self._backdrop.use(0)
        self._screens["background"].render(vertices=3)
        for slot, made in ((1, self._noise), (2, self._sky), (3, self._shadow)):
            made.use(slot)
        light = scene.light
        shared = _SLOTS | {
            "view_projection": view.T,
            "eye_position": tuple(place),
            "harmonics": light.harmonics,
            "lamp_direction": tuple(light.lamp_direction),
            "lamp_colour": tuple(light.lamp_colour),
            "shadow_matrix": shadow.T,
            "shadow_radius": scene.shadow_radius,
            "ball_left": tuple(balls[0]),
            "ball_right": tuple(balls[1]),
            "ball_radius": self.head.ball_radius,
            "inflate": 0.0,
        }
        for name in ("skin", "eye", "cornea", "hair", "mouth", "cloth", "fur", "frame", "lens"):
            put(self.graphics.programs[name], shared)
        self._draw_dense_hair(view)
        self._draw_cloth()
        self._draw_skin(pose)
        self._draw_eyes_and_mouth(pose)
        self._draw_fringes()
        self._draw_fur()
        self._draw_glasses()

    def _draw_dense_hair(self, view: F32) -> None:
        """Draws the depth of the hair cards, then lights only the nearest card. Nothing behind dense hair is lit."""
        if "hair" not in self._layers:
            return
        gl, depth = self._gl, self.graphics.programs["depth"]
        gl.enable_only(gl.DEPTH_TEST)
        put(depth, {"view_projection": view.T, "inflate": 0.0, "low": _DENSE, "picture": 0})
        self._scene_buffer.color_mask = False, False, False, False
        self._use("hair").draw("depth")
        self._scene_buffer.color_mask = True, True, True, True
        gl.depth_func = "<="
        self._draw_cards("hair", _DENSE, 2.0)
        gl.depth_func = "<"

    def _draw_cloth(self) -> None:
        person, program = self.person, self.graphics.programs["cloth"]
        looks = {"cloth_colour": person.cloth_colour, "trim_colour": person.trim_colour, "neck": person.neck}
        put(program, looks | {"weave": person.weave, "vee": person.vee, "inflate": 0.07})
        self._gl.enable_only(self._gl.DEPTH_TEST)
        self._layers["skin"].draw("cloth")

    def _draw_skin(self, pose: Pose) -> None:
        gl, person, program = self._gl, self.person, self.graphics.programs["skin"]
        fold = person.folding
        looks: dict[str, Any] = {
            "tint": self._skin_tint,
            "vivid": self._vivid,
            "roughness": person.roughness,
            "oil": person.oil,
            "stubble_colour": tuple(c * 0.6 for c in person.hair_colour),
            "stubble": max(person.stubble, min(1.2, 1.5 * person.beard)),
            "root_colour": tuple(c * 0.8 for c in person.hair_colour),
            "roots": person.roots,
            "lip_tint": person.lip_tint,
            "freckles": person.freckles,
            "blush": person.blush,
            "fold_person": (fold.phase, fold.spacing_dm, fold.wobble, fold.width),
        }
        put(program, looks | {n: v if len(v) > 1 else v[0] for n, v in folds(pose, fold).items()})
        gl.enable_only(gl.DEPTH_TEST | gl.CULL_FACE)  # else the backs of sockets and cheeks show
        self._use("skin").draw("skin")
        put(program, {"nearer": -_INSIDE_FARTHER_DM * self.head.scale})
        self._layers["skin"].draw("inside")
        put(program, {"nearer": 0.0})

    def _draw_eyes_and_mouth(self, pose: Pose) -> None:
        gl, person, programs = self._gl, self.person, self.graphics.programs
        gl.enable_only(gl.DEPTH_TEST)
        put(programs["eye"], {"iris_tint": person.iris_tint, "white": person.eye_white, "iris_size": person.iris_size})
        self._use("eyes").draw("eye")
        lets_in = {26: 1.0, 25: 0.5, 12: 0.4, 10: 0.3}
        openness = min(1.0, sum(share * pose.strength(au) for au, share in lets_in.items()))
        for name, tint in (("teeth", person.teeth_tint), ("tongue", (0.62, 0.40, 0.38))):
            put(programs["mouth"], {"tint": tint, "openness": openness})
            self._use(name).draw("mouth")
        gl.enable_only(gl.DEPTH_TEST | gl.BLEND)
        gl.blend_func = gl.ONE, gl.ONE
        self._scene_buffer.depth_mask = False
        self._use("eyes").draw("cornea")
        self._scene_buffer.depth_mask = True

    def _draw_fringes(self) -> None:
        """Blends the thin ends of hair, brows and lashes over the rest, unsorted."""
        gl = self._gl
        gl.enable_only(gl.DEPTH_TEST | gl.BLEND)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA
        self._scene_buffer.depth_mask = False
        for name, dense in (("brows", 2.0), ("hair", _DENSE), ("lashes", 2.0)):
            if name in self._layers:
                self._draw_cards(name, _FRINGE, dense)
        self._scene_buffer.depth_mask = True

    def _draw_fur(self) -> None:
        """Draws short hair as shells over the skin, from the roots outwards."""
        gl, person, program = self._gl, self.person, self.graphics.programs["fur"]
        if not (person.beard or person.shorn):
            return
        gl.enable_only(gl.DEPTH_TEST | gl.CULL_FACE | gl.BLEND)
        gl.blend_func = gl.SRC_ALPHA, gl.ONE_MINUS_SRC_ALPHA
        self._scene_buffer.depth_mask = False
        put(program, {"fur_colour": person.hair_colour, "beard": person.beard, "scalp_hair": person.shorn})
        for shell in range(1, _SHELLS + 1):
            height = shell / _SHELLS
            put(program, {"height": height, "inflate": height * person.beard_dm * self.head.scale})
            self._layers["skin"].draw("fur")
        self._scene_buffer.depth_mask = True

    def _draw_glasses(self) -> None:
        gl, look = self._gl, self.person.glasses
        if look is None:
            return
        gl.enable_only(gl.DEPTH_TEST)
        put(self.graphics.programs["frame"], {"tint": look.colour})
        self._use("frame").draw("frame")
        gl.enable_only(gl.DEPTH_TEST | gl.BLEND)
        gl.blend_func = gl.ONE, gl.ONE_MINUS_SRC_ALPHA
        put(self.graphics.programs["lens"], {"dark": look.dark})
        self._scene_buffer.depth_mask = False
        self._use("lens").draw("lens")
        self._scene_buffer.depth_mask = True

    def _draw_cards(self, name: str, low: float, high: float) -> None:
        person = self.person
        colour, gloss, density = {
            "hair": (person.hair_colour, 1.0, 1.0),
            "brows": (person.brow_colour, 0.15, person.brow_density),
            "lashes": (tuple(0.35 * c for c in person.brow_colour), 0.1, 1.0),
        }[name]
        looks = {"hair_colour": colour, "gloss": gloss, "density": density, "low": low, "high": high}
        looks["nearer"] = _BROWS_NEARER_DM * self.head.scale if name == "brows" else 0.0
        put(self.graphics.programs["hair"], looks | {"brightness": self._layers[name].brightness})
        self._use(name).draw("hair")

    def _use(self, name: str) -> Drawn:
        self._layers[name].texture.use(0)
        return self._layers[name]

    def _developed(self) -> U8:
        gl = self._gl
        self._final.use()
        gl.enable_only(0)
        self._scene_colour.use(0)
        put(self.graphics.programs["resolve"], {"scene": 0, "exposure": self.scene.exposure, "samples": self.samples})
        self._screens["resolve"].render(vertices=3)
        width, height = self.size
        flat = np.frombuffer(self._final.read(components=3, alignment=1), np.uint8)
        return np.ascontiguousarray(flat.reshape(height, width, 3)[::-1])
