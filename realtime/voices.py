"""What is heard beside the crops in a run: landmarks, by the geometry voice, and a user's own heads."""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from knowledge_spreader.adapt.heads import OwnHeads
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
    """voice, own: None, None = the paper's model. points: hear the landmarks; else the crops alone.

    own: what was learned from a user's own labels (ks/adapt/heads.py); it changes what the voices say.

    blendshapes: an output wants them. mesh: an output wants landmarks.
    """

    def __init__(
        self,
        voice: GeometryVoice | None = None,
        *,
        own: OwnHeads | None = None,
        points: bool = True,
        blendshapes: bool = False,
        mesh: bool = True,
    ) -> None:
        self._voice, self._own, self._mesh = voice, own, mesh
        self._hears_points = points and (voice is not None or (own is not None and own.points is not None))
        self._blendshapes = Blendshapes() if self._hears_points or blendshapes else None

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
        seen, voice = self._seen(face, frame), self._voice
        heard = crops = logit(probability).astype(np.float64)
        said, apart = probability, np.zeros_like(probability)
        if voice is not None:
            points = None if seen is None else voice.logits(seen)
            heard = voice.heard(crops, points, feature)
            said = sigmoid(heard).astype(np.float32)
            apart = apart if points is None else voice.apart(crops, points).astype(np.float32)
        if self._own is not None:
            places = self._own.places
            said = said.copy()  # the other AUs keep what the base model says, to the bit
            said[places] = sigmoid(self._own.heard(heard, feature, seen)[places]).astype(np.float32)
        return Heard(said, apart, seen)

    def shown(self, face: Face) -> Face:
        """The face as it is given out: without the landmarks that only the voice wanted."""
        return face if self._mesh or face.landmarks is None else replace(face, landmarks=None)

    def intensity(self, probability: F32) -> F32 | None:
        """(U,) 0 to 5 of the probability that is given out; nan for AUs without; None without a geometry voice."""
        if self._voice is None or not self._voice.curves:
            return None
        heard = logit(probability).astype(np.float64)
        if self._own is not None:  # with their thresholds on the base model's, own heads say intensity alike
            own = self._own.thresholds(self._voice.thresholds, points=self._hears_points)
            heard += _logits(self._voice.thresholds) - _logits(own)
        return self._voice.intensity(heard).astype(np.float32)

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


def _logits(thresholds: tuple[float, ...]) -> F64:
    return logit(np.array(thresholds, np.float32)).astype(np.float64)
