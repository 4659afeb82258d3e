"""Training: ks-adapt on the project's labels, as a process of its own that outlives the studio and is found again.

models/001.ks       what was learned; 001.json: its report; 001.log: what ks-adapt said
models/001.csv      what it was given: recordings; 001.jsonl: labels
models/training.json, .lock         the last training (trainer.py)
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from knowledge_spreader.adapt.apart import GOALS
from knowledge_spreader.adapt.spread import WAYS
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import write_text
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.lock import FolderLock
from knowledge_spreader.realtime.studio.store.project import Project, Rec
from knowledge_spreader.realtime.studio.training.given import STATE, labels_of, write_labels, write_list

_TRAINER = "knowledge_spreader.realtime.studio.training.trainer"
_ADAPT = "knowledge_spreader.realtime.cli.adapt"  # a process of its own, so that it outlives the studio
_LINES = 40  # of the log
_START_S = 30.0  # limit for Python to start
_STOP_S = 10.0  # then it is killed
_AGAIN_S = 0.3
_GOES_ON = "start again, and it goes on with the first recording that was not done"


class Training:
    """One at a time. Thread-safe. options: the base model, and what runs it."""

    def __init__(self, project: Project, options: Options) -> None:
        self._project, self._options = project, options
        self._changing = threading.Lock()  # held by who starts or stops
        self._mutex = threading.RLock()  # whoever looks for the lock of the folder, holds that lock for an instant
        self._stopping = False
        self._read: dict[Path, tuple[int, dict[str, Any]]] = {}  # reports, and when they were written

    def start(self, goal: str, spread: str) -> str:
        """The id of the model that it will make. Raises DataError if one runs, or something is not there."""
        if goal not in GOALS or spread not in WAYS:
            raise DataError(f"wanted one of {', '.join(GOALS)} and one of {', '.join(WAYS)}; got {goal!r}, {spread!r}")
        with self._changing, self._mutex:
            folder = self._folder
            if self._runs():
                raise DataError("a training runs already; wait until it is done, or stop it")
            recs, labels = self._given()
            model_id = f"{1 + max((int(path.stem) for path in _models(folder)), default=0):03d}"
            write_list(folder / f"{model_id}.csv", recs)
            write_labels(folder / f"{model_id}.jsonl", labels)
            self._begin(model_id, self._arguments(folder / model_id, goal, spread))
            return model_id

    def stop(self) -> None:
        """Ends it; what was computed of recordings is kept. Until it has ended it is told as running."""
        with self._changing:
            if self._runs() and (pid := self._about().get("pid")):
                self._stopping = True
                try:
                    _end(pid, self._runs)
                    about = self._about()
                    if about.get("code") != 0:
                        write_text(self._folder / STATE, json.dumps({**about, "stopped": True}))
                finally:
                    self._stopping = False

    def state(self) -> dict[str, Any]:
        """{"state": idle|running|done|failed|stopped, "id", "log", "began", "frames", "error", "report"} of the last.

        frames: faces that were learned from or watched; None while that is not known.
        """
        with self._mutex:
            runs, about = self._stopping or self._runs(), self._about()
        if not about:
            return {"state": "idle", "id": "", "log": [], "began": "", "frames": None, "error": "", "report": None}
        log = _last_lines(self._folder / f"{about['id']}.log")
        done = not runs and about.get("code") == 0
        state = "running" if runs else "done" if done else "stopped" if about.get("stopped") else "failed"
        report = self._report(about["id"]) if done else {}
        return {
            "state": state,
            "id": about["id"],
            "log": log,
            "began": about.get("began", ""),
            "frames": report.get("frames"),
            "error": _why(about, log) if state == "failed" else "",
            "report": report or None,
        }

    def models(self) -> list[dict[str, Any]]:
        """The base model, and what was learned in this project, in order."""
        base = {"id": "bundled", "name": Path(self._options.model).name if self._options.model else "bundled"}
        return [base, *(self._model(path) for path in _models(self._folder))]

    @property
    def _folder(self) -> Path:
        return self._project.place("models")

    def _model(self, path: Path) -> dict[str, Any]:
        report = self._report(path.stem)
        audit = report.get("audit", {})
        return {
            "id": path.stem,
            "file": path.name,
            "goal": report.get("goal"),
            "when": datetime.fromtimestamp(path.stat().st_mtime, UTC).isoformat(timespec="seconds"),
            "weights": report.get("weights", ""),
            "f1_base": audit.get("f1_base"),
            "f1_own": audit.get("f1_own"),
            "report": report or None,
        }

    def _report(self, model_id: str) -> dict[str, Any]:
        """{} if there is none, as of a process that was killed before it wrote it, or if it is damaged."""
        path = self._folder / f"{model_id}.json"
        with suppress(OSError):
            written = path.stat().st_mtime_ns
            if self._read.get(path, (0, {}))[0] != written:
                found = _read_object(path)
                whole = isinstance(found.get("audit"), dict) and isinstance(found.get("aus"), list)
                self._read[path] = written, found if whole else {}
            return self._read[path][1]
        return {}

    def _given(self) -> tuple[list[Rec], list[dict[str, Any]]]:
        """Recordings that are there, and labels. Raises DataError if one with labels is not, or nothing is labelled."""
        recs = self._project.recordings()
        labels = labels_of(self._project.labels_file, recs)
        if not labels:
            raise DataError("no labels of the project's recordings yet; label some frames first")
        labelled = {label["video"] for label in labels}
        for rec in recs:
            if rec.video in labelled:
                self._project.check(rec)
        return [rec for rec in recs if rec.path.exists()], labels

    def _arguments(self, out: Path, goal: str, spread: str) -> list[str]:
        options = self._options
        given: dict[str, object] = {
            "--recordings": f"{out}.csv",
            "--labels": f"{out}.jsonl",
            "--out": f"{out}.ks",
            "--json": f"{out}.json",
            "--cache": self._project.cache,
            "--for": goal,
            "--spread": spread,
            "--device": options.device,
            "--precision": options.precision,
            "--threads": options.threads,
        }
        if options.model:
            given["--base"] = os.path.abspath(options.model)
        return [*(str(part) for pair in given.items() for part in pair), "--no-progress"]

    def _begin(self, model_id: str, arguments: list[str]) -> None:
        """Returns when the process holds the lock. It has no terminal, no signals of this one, and no other files."""
        folder = self._folder
        (folder / STATE).unlink(missing_ok=True)
        command = [sys.executable, "-P", "-m", _TRAINER, str(folder), model_id, _ADAPT, *arguments]
        try:
            with (folder / f"{model_id}.log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    env={**os.environ, "PYTHONUNBUFFERED": "1", "PYTHONIOENCODING": "utf-8"},
                    start_new_session=True,
                    creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),  # the same, on Windows
                )
        except OSError as exc:
            raise DataError(f"the training cannot start ({one_line(exc)}); check the disk and the memory") from exc
        until_s = time.monotonic() + _START_S
        while process.poll() is None and time.monotonic() < until_s and not self._about():
            time.sleep(0.02)
        if not self._about():
            process.kill()
        threading.Thread(target=process.wait, name="training", daemon=True).start()  # or a zombie would stay
        if not self._about():
            raise DataError(_why({}, _last_lines(folder / f"{model_id}.log")))

    def _runs(self) -> bool:
        with self._mutex:
            try:
                FolderLock(self._folder).close()
            except DataError:
                return True
            return False

    def _about(self) -> dict[str, Any]:
        """What the process said of itself; {} before the first."""
        found = _read_object(self._folder / STATE)
        return found if str(found.get("id", "")).isdecimal() else {}


def _read_object(path: Path) -> dict[str, Any]:
    """{} if there is no such file, or it is no JSON object; NaN is no JSON."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(found, allow_nan=False)
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _models(folder: Path) -> list[Path]:
    return sorted((path for path in folder.glob("*.ks") if path.stem.isdecimal()), key=lambda path: int(path.stem))


def _end(pid: int, runs: Callable[[], bool]) -> None:
    with suppress(ProcessLookupError, PermissionError):
        until_s = time.monotonic() + _STOP_S
        while runs() and time.monotonic() < until_s:
            os.kill(pid, signal.SIGINT if sys.platform != "win32" else signal.SIGTERM)
            time.sleep(_AGAIN_S)  # one that comes while a library calls back is lost
        if runs():
            os.kill(pid, getattr(signal, "SIGKILL", signal.SIGTERM))
            while runs() and time.monotonic() < until_s + _STOP_S:
                time.sleep(0.05)


def _last_lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            file.seek(max(file.seek(0, os.SEEK_END) - (1 << 14), 0))
            return file.read().decode("utf-8", "replace").splitlines()[-_LINES:]
    except OSError:
        return []


def _why(about: dict[str, Any], log: list[str]) -> str:
    """One line."""
    said = next((line.removeprefix("error: ") for line in reversed(log) if line.startswith("error: ")), "")
    if said:
        return said
    if about.get("code") is None and about:
        return f"the training was killed, or the machine was switched off; {_GOES_ON}"
    last = next((line.strip() for line in reversed(log) if line.strip()), "nothing was said")
    return f"the training broke ({last:.200}); {_GOES_ON}"
