"""A project of the studio: a folder with recordings, labels, models and exports. One studio at a time.

    project.json      what kind of folder this is, and what was chosen: the model, the AUs that are coded
    recordings.json   the recordings: path, SHA-256 and whose they are
    labels.jsonl      every label, appended (labels.py)
    to-label.json     frames to label (suggestions.py)
    models/           what was learned    recordings/  copies of files that were picked in the page
    exports/          for other programs  recorded/    results of live sessions

A label belongs to the content of its recording, by SHA-256: a file of the same name with other pictures is not it.
"""

import hashlib
import json
import os
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import check_folder, write_json
from knowledge_spreader.frame_reader import count_pictures, list_images, picture_rate
from knowledge_spreader.realtime.adapt.cache import default_cache
from knowledge_spreader.realtime.adapt.recordings import OwnRecording, find_recordings
from knowledge_spreader.realtime.studio.store.lock import FolderLock
from knowledge_spreader.realtime.studio.store.statement import is_text, is_video

_KIND = {"knowledge-spreader": "studio", "version": 1}
_BLOCK = 1 << 20
_ID_DIGITS = 16
PART = ".part"  # how the name of a file ends that is being received


@dataclass(frozen=True, slots=True)
class Rec:
    """A recording of a project."""

    video: str  # SHA-256 of the file; of a folder of pictures, of their names and contents
    path: Path
    name: str
    subject: str = ""
    size: int = 0  # and time of the last change, when it was hashed
    mtime_ns: int = 0

    @property
    def id(self) -> str:
        return self.video[:_ID_DIGITS]

    def own(self) -> OwnRecording:
        return OwnRecording(self.path, self.name, self.subject or self.name)


class Project:
    """An open project. Thread-safe. Raises DataError, one line, on a folder that is not one or is open elsewhere."""

    def __init__(self, folder: Path, cache: Path | None = None) -> None:
        """Makes the folder if there is none. cache: of what was computed of recordings; None: the user's."""
        self.folder = Path(os.path.abspath(folder))
        self.cache = cache or default_cache()
        _check_kind(self.folder)
        check_folder("PROJECT", folder)
        check_folder("--cache", self.cache)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise DataError(f"{folder} cannot be made ({one_line(exc)}); choose another folder") from exc
        self._lock = FolderLock(self.folder)
        self._mutex = threading.RLock()
        try:
            self._settings = {**_KIND, **_read(self._at("project.json"), {})}
            if not self._at("project.json").exists():
                write_json(self._at("project.json"), self._settings)
            self._recs = _recs(self._at("recordings.json"))
            for left in self._at("recordings").glob(f".*{PART}"):  # of an upload that was killed
                left.unlink(missing_ok=True)
        except BaseException:
            self._lock.close()
            raise

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def labels_file(self) -> Path:
        return self._at("labels.jsonl")

    def place(self, name: str) -> Path:
        """A folder of the project: models, recordings, exports, recorded. Made if there is none."""
        found = self._at(name)
        try:
            found.mkdir(exist_ok=True)
        except OSError as exc:
            raise DataError(f"{found} cannot be made ({one_line(exc)}); check the project's folder") from exc
        return found

    def setting(self, name: str, otherwise: Any) -> Any:
        with self._mutex:
            return self._settings.get(name, otherwise)

    def set(self, name: str, value: Any) -> None:
        with self._mutex:
            changed = {**self._settings, name: value}
            write_json(self._at("project.json"), changed)
            self._settings = changed

    def recordings(self) -> list[Rec]:
        with self._mutex:
            return list(self._recs)

    def recording(self, rec_id: str) -> Rec:
        for rec in self.recordings():
            if rec.id == rec_id:
                return rec
        raise DataError(f"no recording {rec_id!r:.40} in this project; load the page again")

    def add(self, path: Path) -> list[Rec]:
        """The new ones of a file, a folder of videos or pictures, or a CSV list; [] if all are in the project already.

        Raises DataError if there is none, or one cannot be read.
        """
        found = find_recordings([Path(os.path.abspath(path.expanduser()))])
        added = []
        for own in found:
            if not is_text(str(own.path)):
                raise DataError(f"{str(own.path)!a:.200}: its name is not UTF-8; rename it, then add it")
            _check_readable(own.path)
            video, size, mtime_ns = digest(own.path)
            rec = Rec(video, own.path, own.path.name, own.person if own.person != own.name else "", size, mtime_ns)
            with self._mutex:
                same = next((one for one in self._recs if one.video == video), None)
                if same is not None and self._is_there(same):
                    continue
                if same is not None:  # it was moved
                    rec = replace(rec, subject=rec.subject or same.subject)
                    self._keep([rec if one is same else one for one in self._recs])
                else:
                    self._keep([*self._recs, rec])
            added.append(rec)
        return added

    def remove(self, rec_id: str) -> None:
        """Takes a recording off the list. The file and its labels stay."""
        rec = self.recording(rec_id)
        with self._mutex:
            self._keep([one for one in self._recs if one.id != rec.id])

    def set_subject(self, rec_id: str, subject: str) -> None:
        rec = self.recording(rec_id)
        with self._mutex:
            self._keep([replace(one, subject=subject) if one.id == rec.id else one for one in self._recs])

    def check(self, rec: Rec) -> None:
        """Raises DataError if the recording is gone, or is not what it was when it was added."""
        if not rec.path.exists():
            raise DataError(gone(rec))
        size, mtime_ns = _stamp(rec.path)
        if (size, mtime_ns) == (rec.size, rec.mtime_ns):
            return
        video, size, mtime_ns = digest(rec.path)
        if video != rec.video:
            raise DataError(
                f"{rec.path}: was changed since it was added, so its labels do not fit; put the old file back, or give "
                "the new one another name and add it"
            )
        with self._mutex:
            changed = replace(rec, size=size, mtime_ns=mtime_ns)
            self._keep([changed if one.id == rec.id else one for one in self._recs])

    def spelled(self, rec: Rec) -> str:
        """How the label file names it: relative to the project if it lies in it."""
        return _spelled(rec.path, self.folder)

    def tell(self, address: str) -> None:
        """Where this studio is, for whoever opens the project a second time."""
        self._lock.tell(address)

    def close(self) -> None:
        self._lock.close()

    def __enter__(self) -> "Project":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _at(self, name: str) -> Path:
        return self.folder / name

    def _keep(self, recs: list[Rec]) -> None:
        """On the disk first: what cannot be written did not happen."""
        write_json(self._at("recordings.json"), [_entry(rec, self.folder) for rec in recs])
        self._recs = recs

    def _is_there(self, rec: Rec) -> bool:
        """Whether its file is there, and is still it."""
        try:
            self.check(rec)
        except DataError:
            return False
        return True


def gone(rec: Rec) -> str:
    """The line of a recording that is not there."""
    return f"{rec.path}: the file is gone; put it back, or add it again where it is now"


def digest(path: Path) -> tuple[str, int, int]:
    """SHA-256 of a recording, its size in bytes and the time of its last change. Raises DataError."""
    found = hashlib.sha256()
    try:
        for part in list_images(path) if path.is_dir() else [path]:
            if path.is_dir():
                found.update(f"{part.name}\n{part.stat().st_size}\n".encode())
            with part.open("rb") as file:
                while block := file.read(_BLOCK):
                    found.update(block)
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the file") from exc
    return found.hexdigest(), *_stamp(path)


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = [part.stat() for part in (list_images(path) if path.is_dir() else [path])]
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); check the file") from exc
    return sum(one.st_size for one in about), max((one.st_mtime_ns for one in about), default=0)


def _check_readable(path: Path) -> None:
    if path.is_file():
        picture_rate(path)  # raises if it is no video
    elif not count_pictures(path):
        raise DataError(f"{path}: no picture in this folder; give a video, or a folder of its frames")


def _check_kind(folder: Path) -> None:
    try:
        there = folder.exists()
    except OSError as exc:
        raise DataError(f"PROJECT {str(folder)[:80]} ... cannot be a folder ({one_line(exc)}); give another") from exc
    if not there:
        return
    if not folder.is_dir():
        raise DataError(f"PROJECT {folder} is a file; give a folder")
    if (folder / "project.json").is_file():
        found = _read(folder / "project.json", {})
        if not isinstance(found, Mapping) or found.get("knowledge-spreader") != "studio":
            raise DataError(f"{folder}: its project.json is not one of the studio; give another folder")
        if found.get("version", 1) != _KIND["version"]:
            raise DataError(f"{folder}: was made by another version of the studio; install that one")
        return
    try:
        inside = [name for name in os.listdir(folder) if name[0] != "."]
    except OSError as exc:
        raise DataError(f"{folder}: cannot be listed ({one_line(exc)}); check its permissions") from exc
    if inside:
        raise DataError(
            f"{folder}: is not a project of the studio and not empty ({inside[0]} is in it); give a new folder, and "
            "add recordings in the page"
        )


def _read(path: Path, otherwise: Any) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return otherwise
    except (OSError, ValueError, RecursionError) as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); mend or remove it") from exc


def _recs(path: Path) -> list[Rec]:
    try:
        return [_rec(entry, path.parent) for entry in _read(path, [])]
    except (KeyError, TypeError, ValueError, AttributeError) as exc:
        raise DataError(f"{path}: not a list of recordings ({exc!r:.80}); mend it") from exc


def _rec(entry: dict[str, Any], folder: Path) -> Rec:
    rec = Rec(**{**entry, "path": Path(os.path.abspath(folder / entry["path"]))})
    if not is_video(rec.video) or not isinstance(rec.name, str) or not isinstance(rec.subject, str):
        raise ValueError(rec.video)
    return rec


def _entry(rec: Rec, folder: Path) -> dict[str, Any]:
    return {**asdict(rec), "path": _spelled(rec.path, folder)}


def _spelled(path: Path, folder: Path) -> str:
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else str(path)
