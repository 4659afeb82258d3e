"""What each address of the studio answers: checks what the page gave, and asks the Studio."""

import json
import os
import unicodedata
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from starlette.responses import FileResponse, JSONResponse, Response

from knowledge_spreader.adapt.suggest import read_budget
from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.demo import demo_clip
from knowledge_spreader.realtime.studio.state import Studio
from knowledge_spreader.realtime.studio.store.labels import ElsewhereError
from knowledge_spreader.realtime.studio.store.statement import Statement, is_text

Given = Mapping[str, Any]  # the message's JSON or the address's query, with the parts of the address
_FAR = 1 << 31
_ELSEWHERE = {"elsewhere": True}  # the coder said something in another page, which this one does not know yet
_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}  # of what its address names by content


class Json(JSONResponse):
    """In ASCII: a name of a file may hold what UTF-8 cannot."""

    def render(self, content: Any) -> bytes:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()


class Answers:
    """Each method takes what was given and returns JSON types or a response. Raises KSError, one line for the page."""

    def __init__(self, studio: Studio) -> None:
        self._studio = studio

    def state(self, given: Given) -> Any:
        return self._studio.state(initials({"coder": "", **given}))

    def add(self, given: Given) -> Any:
        given_path = text(given, "path", 4096).strip()
        path = Path(os.path.expanduser(given_path))
        if not path.is_absolute():
            raise DataError(f"{given_path!r}: paste the whole path, from the root of the disk or from ~")
        if not path.exists():
            raise DataError(f"{path}: no such file or folder on this machine; paste its whole path")
        return self._added(path)

    def add_demo(self, given: Given) -> Any:
        return self._added(demo_clip())

    def _added(self, path: Path) -> Any:
        new = self._studio.project.add(path)
        if not new:
            raise DataError(f"{path.name}: in the project already, maybe under another name")
        return {"added": [rec.id for rec in new]}

    def change(self, given: Given) -> Any:
        self._studio.project.set_subject(given["rec_id"], text(given, "subject", 80).strip())

    def remove(self, given: Given) -> Any:
        self._studio.watcher.stop(given["rec_id"])
        self._studio.project.remove(given["rec_id"])

    def watch(self, given: Given) -> Any:
        self._studio.watch(given["rec_id"])

    def stop_watching(self, given: Given) -> Any:
        self._studio.watcher.stop(given["rec_id"])

    def still(self, given: Given) -> Response:
        jpeg = self._studio.still(given["rec_id"], _whole(given, "index", _FAR), _whole(given, "w", 4096))
        return Response(jpeg, media_type="image/jpeg", headers=_FOR_EVER)

    def timeline(self, given: Given) -> Response:
        found = self._studio.timeline(given["rec_id"], str(given.get("model", "")))
        return Response(found, media_type="application/octet-stream")

    def video(self, given: Given) -> Response:
        rec = self._studio.project.recording(given["rec_id"])
        self._studio.project.check(rec)
        if not rec.path.is_file():
            raise DataError("a folder of pictures plays frame by frame alone")
        return FileResponse(rec.path)

    def results(self, given: Given) -> Any:
        rec = self._studio.project.recording(given["rec_id"])
        self._studio.project.check(rec)
        return {"file": self._studio.results.start(rec, text(given, "format", 10), self._studio.model_path())}

    def labels(self, given: Given) -> Any:
        """`batch`: the coder's last; asked first, so that a page never takes older labels for the newest."""
        coder = initials(given)
        batch, (can_undo, can_redo) = self._studio.log.last(coder), self._studio.log.can(coder)
        found = self._studio.labels(text(given, "recording", 64), coder)
        return {"labels": found, "can_undo": can_undo, "can_redo": can_redo, "batch": batch}

    def say(self, given: Given) -> Any:
        """known: the coder's last batch that the page knows. If there is a later one, nothing is said."""
        entries = given.get("statements")
        if not isinstance(entries, list) or not entries:
            raise DataError("statements must be a list of labels")
        try:
            batch = self._studio.say(initials(given), text(given, "recording", 64), entries, _known(given))
        except ElsewhereError:
            return _ELSEWHERE
        return {"said": len(entries), "batch": batch}

    def undo(self, given: Given) -> Any:
        return self._again(given, self._studio.log.undo)

    def redo(self, given: Given) -> Any:
        return self._again(given, self._studio.log.redo)

    def _again(self, given: Given, work: Callable[[str, int | None], list[Statement]]) -> Any:
        coder = initials(given)
        try:
            said = work(coder, _known(given))
        except ElsewhereError:
            return _ELSEWHERE
        batch = said[0].batch if said else self._studio.log.last(coder)
        return {"changed": self._studio.changed(said), "batch": batch}

    def coded(self, given: Given) -> Any:
        """Which AUs the coders score."""
        aus, known = given.get("aus"), set(self._studio.model().spec.aus)
        if not isinstance(aus, list) or not aus or not all(type(au) is int and au in known for au in aus):
            raise DataError("choose one or more AUs of the model")
        self._studio.project.set("coded", sorted(set(aus)))

    def suggest(self, given: Given) -> Any:
        return {"added": self._studio.suggest(read_budget(text(given, "budget", 20)))}

    def queue(self, given: Given) -> Any:
        return self._studio.queue(initials(given))

    def train(self, given: Given) -> Any:
        return {"id": self._studio.train(text(given, "goal", 20), text(given, "spread", 20))}

    def stop_training(self, given: Given) -> Any:
        self._studio.training.stop()

    def use_model(self, given: Given) -> Any:
        self._studio.use(text(given, "id", 20))

    def export(self, given: Given) -> Any:
        return {"files": self._studio.export(text(given, "format", 20), initials({"coder": "", **given}))}

    def exported(self, given: Given) -> Response:
        name = given["name"]
        path = self._studio.project.place("exports") / name
        if os.path.basename(name) != name or name[:1] in ("", ".") or not path.is_file():
            raise DataError(f"no file {name!r:.80} among the exports")
        return FileResponse(path, filename=name)

    def agreement(self, given: Given) -> Any:
        try:
            tolerance_s = float(given.get("tolerance_s", 0.5))
        except ValueError:
            tolerance_s = -1.0
        if not 0 <= tolerance_s <= 60:
            raise DataError("the tolerance is 0 to 60 seconds")
        return self._studio.agreement(initials(given, "a"), initials(given, "b"), tolerance_s)


def text(given: Given, name: str, most: int) -> str:
    """A text of at most this many letters. Raises DataError on anything else."""
    value = given.get(name)
    if not isinstance(value, str) or len(value) > most or "\0" in value or not is_text(value):
        raise DataError(f"{name} must be a text of at most {most} letters")
    return value


def initials(given: Given, name: str = "coder") -> str:
    """Who codes: the same however it was typed. Raises DataError if nothing can be seen of it."""
    found = " ".join(unicodedata.normalize("NFC", text(given, name, 40)).split())
    if found and not any(letter.isalnum() for letter in found):
        raise DataError("initials need a letter or a number")
    return found


def _known(given: Given) -> int | None:
    known = given.get("known")
    if known is not None and type(known) is not int:
        raise DataError(f"known must be the number of a batch; got {known!r:.20}")
    return known


def _whole(given: Given, name: str, most: int) -> int:
    value = str(given.get(name, "0"))
    if not (value.isascii() and value.isdecimal()) or len(value) > 10 or int(value) > most:
        raise DataError(f"{name} must be a whole number up to {most}; got {value!r:.20}")
    return int(value)
