"""Opened: a model, its engine and the finders of faces, which take a second to open and serve any number of runs."""

from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.engines.open import open_engine
from knowledge_spreader.face.detector_weights import find_face_model
from knowledge_spreader.realtime.faces.finder import FaceFinder
from knowledge_spreader.realtime.faces.finders import FaceFinders
from knowledge_spreader.realtime.faces.quality import MIN_FACE_PX, MIN_WITH_POINTS_PX
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.pipeline import Analyser
from knowledge_spreader.realtime.stats.durations import Stages
from knowledge_spreader.realtime.thread_counts import engine_threads, look_threads
from knowledge_spreader.realtime.voices import Voices
from knowledge_spreader.spec import au_label


class Opened:
    """A context manager. Raises KSError if the model or a face model cannot be used.

    streams: how many live ones it is for, which sets the number of threads; 0: recordings, one after another.
    photographs: they come beside live streams, and their faces are found in one more thread, the last: of 12 million
    pixels that takes half a second, which no stream should wait for.
    """

    def __init__(self, options: Options, streams: int = 0, *, photographs: bool = False) -> None:
        self.options, self.photographs, self._open = options, photographs, ExitStack()
        with ExitStack() as opening:
            self.model: ModelFile = open_model(options.model or bundled_model())
            threads = options.threads or engine_threads(streams)
            self._engine = open_engine(self.model, options.device, options.precision, threads=threads)
            opening.callback(self._engine.close)
            self.lookers = look_threads(streams) + photographs
            heard = options.voices != "paper"
            self._voice = self.model.geometry if heard else None
            self._own = self.model.own if heard else None
            own_points = self._own is not None and self._own.points is not None
            points = options.voices == "all" and (self._voice is not None or own_points)
            # who learns from the features sees all faces that are heard
            small = self.model.geometry is not None and (points or options.features)
            face_model, mesh = (
                find_face_model(options.own_face_model, options.face_runtime),
                options.needs_mesh or points,
            )
            side_px = self.model.spec.side_px
            finders = [_finder(face_model, side_px, options, mesh=mesh, small=small) for _ in range(self.lookers)]
            self._finder = FaceFinders([opening.enter_context(finder) for finder in finders])
            self._open = opening.pop_all()
        self.choice = self._engine.choice
        self.spec = self.model.spec_heard(voices=heard, points=points)  # with the thresholds in use
        self.voices = Voices(
            self._voice, own=self._own, points=points, blendshapes=options.blendshapes, mesh=options.needs_mesh
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Closes the engine and the finders. May be called twice."""
        self._open.close()

    def analyser(self, stages: Stages) -> Analyser:
        """A new one, without a past. Of those that are made, one at a time may be used."""
        options = self.options
        return Analyser(
            self._engine,
            self._finder,
            person=options.person and self._voice is None,  # the voice is learned from logits without the baseline
            neutral_s=options.neutral_s,
            hysteresis=options.hysteresis,
            notes=(self.model.note,) if self.model.note else (),
            stages=stages,
            voices=self.voices,
            features=options.features,
            spec=self.spec,
        )

    def described(self) -> dict[str, Any]:
        """The model and what of it is heard, as `ks-live --report` writes it."""
        own = self._own
        return {
            "file": str(self.model.path),
            "weights": self.model.weights_id,
            "note": self.model.note,
            "experimental": list(map(au_label, self.spec.experimental)),
            "voices": self.options.voices if self._voice is not None or own is not None else "paper",
            "adapted": list(map(au_label, own.learned)) if own is not None else [],
        }


def _finder(model: Path, side_px: int, options: Options, *, mesh: bool, small: bool) -> FaceFinder:
    """mesh: follow faces with it. small: landmarks make up for a small picture of a face."""
    least = (MIN_WITH_POINTS_PX if small else MIN_FACE_PX) if options.min_face_px is None else options.min_face_px
    return FaceFinder(
        model,
        side_px,
        max_faces=options.max_faces,
        min_face_px=least,
        search_px=max(least, MIN_FACE_PX) if options.min_face_px is None else least,
        runtime=options.face_runtime,
        mesh=mesh,
    )
