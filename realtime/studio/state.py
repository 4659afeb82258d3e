"""Studio: one open project and what works for it; what the page may ask for, without HTTP."""

import asyncio
import os
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from knowledge_spreader.arrays import F64
from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import ModelFile, open_model
from knowledge_spreader.errors import DataError, KSError
from knowledge_spreader.files import replace_whole
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.agreement import compare
from knowledge_spreader.realtime.studio.au_guide import guide
from knowledge_spreader.realtime.studio.exports.write import export
from knowledge_spreader.realtime.studio.import_marks import marks_of
from knowledge_spreader.realtime.studio.imports import statements_of
from knowledge_spreader.realtime.studio.results import Results
from knowledge_spreader.realtime.studio.review.stills import Stills
from knowledge_spreader.realtime.studio.review.timeline import read_header, timeline_bytes
from knowledge_spreader.realtime.studio.review.watching import Watcher
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Project, Rec, gone
from knowledge_spreader.realtime.studio.store.statement import BETWEEN, HUMAN, Statement, is_text
from knowledge_spreader.realtime.studio.suggestions import queue, suggest
from knowledge_spreader.realtime.studio.training import Training

BUNDLED = "bundled"


class Studio:
    """Thread-safe. options: the base model, and what runs models."""

    def __init__(self, project: Project, options: Options | None = None) -> None:
        self.project, self.options = project, options or Options()
        self.log = LabelLog(project.labels_file)
        self.stills = Stills(project.place(".tables"))
        self.watcher = Watcher(project.cache, self.options, self._prepare)
        self.training = Training(project, self.options)
        self.results = Results(project, self.options)
        self.live_now = asyncio.Lock()  # one live session at a time
        self._building: dict[Path, threading.Lock] = {}

    def close(self) -> None:
        self.results.close()
        self.watcher.close()
        self.stills.close()
        self.project.close()

    def state(self, coder: str = "") -> dict[str, Any]:
        """All that the page shows around its views."""
        model = self.model()
        labelled = self.log.labelled(coder)
        can_undo, can_redo = self.log.can(coder)
        return {
            "version": version("knowledge-spreader"),
            "project": {"name": self.project.name, "folder": str(self.project.folder)},
            "models": self.training.models(),
            "model": self.model_id(),
            "weights": model.weights_id,
            "aus": self._aus(model),
            "coded": self.project.setting("coded", list(model.spec.aus)),
            "recordings": [
                {
                    "id": rec.id,
                    "name": rec.name,
                    "subject": rec.subject,
                    "labelled": len(labelled.get(rec.video, ())),
                    **self._rec_state(rec),
                }
                for rec in self.project.recordings()
            ],
            "queue": self._budget(coder),
            "training": self.training.state(),
            "results": self.results.state(),
            "coders": self.log.coders(),
            "said": {"coder": coder, "batch": self.log.last(coder)},
            "can_undo": can_undo,
            "can_redo": can_redo,
            "exports": sorted(filter(_is_shown, os.listdir(self.project.place("exports")))),
        }

    def _budget(self, coder: str) -> dict[str, Any]:
        try:
            return {name: value for name, value in self.queue(coder).items() if name != "frames"}
        except DataError as exc:  # the other views go on
            return {"wanted": 0, "done": 0, "share": 0.0, "faces_frames": 0, "error": str(exc)}

    def _rec_state(self, rec: Rec) -> dict[str, Any]:
        if not rec.path.exists():
            return {"state": "gone", "frames_done": 0, "error": gone(rec)}
        return self.watcher.state(rec)

    def _aus(self, model: ModelFile) -> list[dict[str, Any]]:
        spec, voice = model.spec_heard(voices=True), model.geometry
        curves = voice.curves if voice is not None and voice.curves else (None,) * len(spec.aus)
        sided = voice.sided if voice is not None else ()
        learned = model.own.learned if model.own is not None else ()
        return [
            {
                **guide(au),
                "experimental": au in spec.experimental,
                "sided": au in sided,
                "intensity": curve is not None,
                "learned": au in learned,
            }
            for au, curve in zip(spec.aus, curves, strict=True)
        ]

    # models

    def model_id(self) -> str:
        """Of the model in use; the bundled one where the chosen one is gone or damaged."""
        chosen = str(self.project.setting("model", BUNDLED))
        try:
            self.model(chosen)
        except KSError:
            return BUNDLED
        return chosen

    def model_path(self, model_id: str = "") -> Path:
        """The file of a model, or of the one in use. Raises DataError if there is none."""
        model_id = model_id or self.model_id()
        if model_id == BUNDLED:
            return Path(self.options.model or bundled_model())
        path = self._model_file(model_id)
        if not (model_id.isdigit() and path.is_file()):
            raise DataError(f"no model {model_id!r:.40} in this project; choose one of the list")
        return path

    def model(self, model_id: str = "") -> ModelFile:
        path = self.model_path(model_id)
        return _opened(path, path.stat().st_mtime_ns)

    def use(self, model_id: str) -> None:
        self.model(model_id)
        self.project.set("model", model_id)

    def _model_file(self, model_id: str) -> Path:
        return self.project.place("models") / f"{model_id}.ks"

    # recordings

    def watch(self, rec_id: str) -> None:
        rec = self.project.recording(rec_id)
        self.project.check(rec)
        self.watcher.ask(rec)

    def still(self, rec_id: str, index: int, width: int = 0) -> bytes:
        rec = self.project.recording(rec_id)
        self.project.check(rec)
        return self.stills.jpeg(rec.path, index, width)

    def timeline(self, rec_id: str, model_id: str = "") -> bytes:
        """What the model says of all of a recording, kept in a file. Raises DataError if it was not analysed."""
        rec = self.project.recording(rec_id)
        model = self.model(model_id)
        kept = self.project.place(".timelines") / f"{rec.id}-{model.weights_id}.bin"
        with self._building.setdefault(kept, threading.Lock()):
            if read_header(kept) is not None:
                return kept.read_bytes()
            self.project.check(rec)
            watched = self.watcher.watched(rec)
            self.stills.check_times(rec.path, watched.times_s[0])
            found = timeline_bytes(watched, model)
            replace_whole(kept, lambda path: path.write_bytes(found))
        return found

    def _prepare(self, rec: Rec) -> None:
        """What is shown first, before it is asked for: it takes seconds for an hour of video."""
        with suppress(KSError, OSError):  # whoever asks is told
            self.timeline(rec.id)

    def times_s(self, rec: Rec) -> F64:
        """Of each frame of an analysed recording."""
        return self.watcher.watched(rec).times_s[0]

    # labels

    def say(self, coder: str, rec_id: str, entries: Sequence[dict[str, Any]], known: int | None = None) -> int:
        """Takes labels and marks, as one action; its batch. Raises DataError, with nothing taken, if one of them is
        none, and ElsewhereError if the coder has said something since the batch `known`.
        """
        rec = self.project.recording(rec_id)
        self.project.check(rec)
        try:
            said = [
                Statement(
                    rec.video,
                    self.project.spelled(rec),
                    one["face"],
                    one["frame"],
                    float(one["time_s"]),
                    one["au"],
                    one["value"],
                    one.get("side"),
                    coder,
                    one.get("source", HUMAN),
                    mark=one.get("mark"),
                )
                for one in entries
            ]
        except (KeyError, TypeError, ValueError, OverflowError, AttributeError) as exc:
            raise DataError(f"a label needs face, frame, time_s, au and value ({exc!r:.80})") from exc
        self._check_frames(rec, said)
        return self.log.say(said, known)

    def _check_frames(self, rec: Rec, said: Sequence[Statement]) -> None:
        """Raises DataError on a label beyond the end, where the end is known: it would stop every training."""
        kept = sorted(self.project.place(".timelines").glob(f"{rec.id}-*.bin"))
        header = next(filter(None, map(read_header, kept)), None)
        if header is not None:
            frames = int(header["frames"])
        elif self.watcher.state(rec)["state"] == "ready":
            frames = len(self.times_s(rec))
        else:
            return
        last = max(one.frame for one in said)
        if last >= frames:
            raise DataError(f"frame {last} is beyond {rec.name}, which has {frames}, counted from 0")

    def changed(self, said: Sequence[Statement]) -> list[dict[str, Any]]:
        """Statements as the page takes them."""
        ids = {rec.video: rec.id for rec in self.project.recordings()}
        fields = ("face", "frame", "time_s", "au", "value", "side", "source", "coder", "when", "mark")
        return [{"recording": ids.get(one.video, ""), **{name: getattr(one, name) for name in fields}} for one in said]

    def labels(self, rec_id: str, coder: str) -> list[dict[str, Any]]:
        return self.changed(self.log.said(coder, self.project.recording(rec_id).video))

    def queue(self, coder: str) -> dict[str, Any]:
        return queue(self.project, self.log, coder)

    def suggest(self, budget: float) -> int:
        """More frames to label; their number. Raises DataError before recordings are watched, if some are not yet."""
        self._all_watched()
        said = [one for one in self.log.state() if one.source != BETWEEN]  # those still wait for the other AUs
        return len(suggest(self.project, budget, said, replace(self.options, model=str(self.model_path()))))

    def train(self, goal: str, spread: str) -> str:
        if not self.log.state():
            raise DataError("no labels yet; label at least one frame, then train")
        return self.training.start(goal, spread)

    def export(self, form: str, coder: str) -> list[str]:
        said = self.log.said(coder or None)
        if not said:
            raise DataError("no labels to write yet; label some frames first")
        recs = [rec for rec in self.project.recordings() if any(one.video == rec.video for one in said)]
        files = export(said, recs, self.times_s, self.project.place("exports"), form, coder)
        return [path.name for path in files]

    def take_in(self, path: Path, coder: str) -> tuple[int, list[str]]:
        """Labels of another program, or of another coder, as statements of `coder`."""
        said, notes = statements_of(path, self.project.recordings(), self.times_s, self.model().spec.aus, coder)
        said += marks_of(path, said, self.project.recordings(), self.times_s, self.model().spec.aus)
        said = [replace(one, recording=self._spelled(one.video)) for one in said]
        for rec in self.project.recordings():
            if mine := [one for one in said if one.video == rec.video]:
                self._check_frames(rec, mine)
        self.log.say(said)
        return len(said), list(notes)

    def agreement(self, a: str, b: str, tolerance_s: float) -> dict[str, Any]:
        if a == b:
            raise DataError("agreement is between two coders; choose another one")
        times: dict[str, F64] = {}
        for rec in self.project.recordings():
            if self.watcher.state(rec)["state"] == "ready":
                times[rec.video] = self.times_s(rec)
        found = compare(self.log.said(a), self.log.said(b), times, tolerance_s)
        ids = {rec.video: rec.id for rec in self.project.recordings()}
        for one in found["differ"]:
            one["recording"] = ids.get(one["video"], "")
        return found

    def _spelled(self, video: str) -> str:
        rec = next(rec for rec in self.project.recordings() if rec.video == video)
        return self.project.spelled(rec)

    def _all_watched(self) -> None:
        recs = self.project.recordings()
        if not recs:
            raise DataError("no recordings yet; add some first")
        if todo := [rec for rec in recs if self.watcher.state(rec)["state"] != "ready"]:
            raise DataError(f"{len(todo)} recordings are not analysed yet, e.g. {todo[0].name}; analyse them first")


def _is_shown(name: str) -> bool:
    return name[0] != "." and is_text(name)


@lru_cache(maxsize=4)
def _opened(path: Path, mtime_ns: int) -> ModelFile:
    return open_model(path)
