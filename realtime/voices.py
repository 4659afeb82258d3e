"""The geometry voice in a run: blendshapes of all faces of a batch, and the AUs that are heard with it."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from knowledge_spreader.arrays import F32, F64, logit, sigmoid
from knowledge_spreader.face.blendshapes import Blendshapes
from knowledge_spreader.geometry.voice import GeometryVoice, features
from knowledge_spreader.realtime.faces.finder import FoundFace
from knowledge_spreader.realtime.measures import measures_of_mesh
from knowledge_spreader.realtime.types import Face, Frame

Faces = tuple[tuple[FoundFace, ...], ...]  # one tuple per frame


class Heard(NamedTuple):
    """What all voices say of a face."""

    probability: F32  # (U,)
    apart: F32  # (U,) how far crops and points are apart, 0 to 1
    features: F64 | None  # (K,) of the landmarks; None: not heard


class Voices:
    """voice: None = the paper's model. points: hear the landmarks; else what the crops have learned from them.

    blendshapes: an output wants them. mesh: an output wants landmarks.
    """

    def __init__(
        self,
        voice: GeometryVoice | None = None,
        *,
        points: bool = True,
        blendshapes: bool = False,
        mesh: bool = True,
    ) -> None:
        self._voice, self._mesh, self._hears_points = voice, mesh, points
        self._blendshapes = Blendshapes() if (voice is not None and points) or blendshapes else None

    @property
    def adds_blendshapes(self) -> bool:
        return self._blendshapes is not None

    def with_blendshapes(self, faces: Faces) -> Faces:
        """The same faces; all that have landmarks have blendshapes too."""
        meshes = [one.face.landmarks for of_frame in faces for one in of_frame if one.face.landmarks is not None]
        if self._blendshapes is None or not meshes:
            return faces
        values = iter(self._blendshapes.values(np.stack([mesh.points_px for mesh in meshes])))

        def told(one: FoundFace) -> FoundFace:
            mesh = one.face.landmarks
            if mesh is None:
                return one
            return replace(one, face=replace(one.face, landmarks=replace(mesh, blendshapes=next(values))))

        return tuple(tuple(map(told, of_frame)) for of_frame in faces)

    def hear(self, probability: F32, feature: F32, face: Face, frame: Frame) -> Heard:
        """probability: of the crops, after the person's baseline. feature: (C,) of branch B."""
        if self._voice is None:
            return Heard(probability, np.zeros_like(probability), None)
        seen = self._seen(face, frame)
        points = None if seen is None else self._voice.logits(seen)
        crops = logit(probability).astype(np.float64)
        heard = sigmoid(self._voice.heard(crops, points, feature)).astype(np.float32)
        if points is None:
            return Heard(heard, np.zeros_like(probability), None)
        return Heard(heard, self._voice.apart(crops, points).astype(np.float32), seen)

    def shown(self, face: Face) -> Face:
        """The face as it is given out: without the landmarks that only the voice wanted."""
        return face if self._mesh or face.landmarks is None else replace(face, landmarks=None)

    def intensity(self, probability: F32) -> F32 | None:
        """(U,) 0 to 5 of the probability that is given out; nan for AUs without; None without a geometry voice."""
        if self._voice is None or not self._voice.curves:
            return None
        return self._voice.intensity(logit(probability)).astype(np.float32)

    @property
    def sided(self) -> tuple[int, ...]:
        """The AUs of which the side is told."""
        return self._voice.sided if self._voice is not None and self._hears_points else ()

    def sides(self, probability: F32, features: F64 | None) -> F32 | None:
        """(A, 2) probability of each AU of `sided` on the person's left and right; None without landmarks.

        probability: (U,) that is given out.
        """
        if features is None or self._voice is None or self._voice.sides is None:
            return None
        return self._voice.sides.probability(probability, features).astype(np.float32)

    def _seen(self, face: Face, frame: Frame) -> F64 | None:
        mesh = face.landmarks
        if not self._hears_points or mesh is None or mesh.blendshapes is None:
            return None
        pose = measures_of_mesh(mesh, frame).pose
        return features(mesh.points_px, mesh.blendshapes, pose)
