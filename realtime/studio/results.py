"""Results: what ks-live writes of a recording, made by ks-live itself, in a process of its own, into exports/."""

import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import DataError
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.project import Project, Rec

FORMS = {  # what the page asks for -> the option, and how the file's name ends
    "csv": ("--csv", ".csv"),
    "jsonl": ("--jsonl", ".jsonl"),
    "tsv": ("--events", "_events.tsv"),
    "eaf": ("--events", ".eaf"),
    "video": ("--save", "-aus.mp4"),
}
_STEM_BYTES = 150  # a name has at most 255, and what is being written has a longer one


class Results:
    """One at a time. Thread-safe."""

    def __init__(self, project: Project, options: Options) -> None:
        self._project, self._options = project, options
        self._mutex = threading.Lock()
        self._process: subprocess.Popen[str] | None = None
        self._file = ""
        self._error = ""

    def start(self, rec: Rec, form: str, model: Path) -> str:
        """The name of the file that is being written. Raises DataError if one is, or there is no such form."""
        if form not in FORMS:
            raise DataError(f"wanted one of {', '.join(FORMS)}; got {form!r:.20}")
        option, suffix = FORMS[form]
        with self._mutex:
            if self._process is not None and self._process.poll() is None:
                raise DataError(f"{self._file} is being written; wait until it is done")
            folder, stem, n = self._project.place("exports"), _stem(rec.path), 1
            out = folder / f"{stem}{suffix}"
            while out.exists():
                n += 1
                out = folder / f"{stem}-{n}{suffix}"
            command = [sys.executable, "-m", "knowledge_spreader.realtime.cli.main", "--source", str(rec.path)]
            command += ["--policy", "every-frame", "--model", str(model), "--device", self._options.device]
            command += [option, str(out), "--no-progress"]
            self._file, self._error = out.name, ""
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
            )
            threading.Thread(target=self._wait, args=(self._process,), name="results", daemon=True).start()
        return out.name

    def state(self) -> dict[str, Any]:
        """{"file", "running", "error"} of the last one."""
        with self._mutex:
            running = self._process is not None and self._process.poll() is None
            return {"file": self._file, "running": running, "error": self._error}

    def close(self) -> None:
        """Ends what is being written; a table keeps the rows that it has."""
        with self._mutex:
            process = self._process
        if process is not None and process.poll() is None:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()

    def _wait(self, process: "subprocess.Popen[str]") -> None:
        assert process.stderr
        with process.stderr as stderr:
            said = stderr.read().strip().splitlines()  # read as it comes, or a full pipe would stop the process
        if process.wait():
            with self._mutex:
                self._error = said[-1].removeprefix("error: ") if said else f"ks-live ended with {process.returncode}"


def _stem(path: Path) -> str:
    """The name without its ending, shortened between letters."""
    told = os.fsencode(path.stem)
    return (
        path.stem
        if len(told) <= _STEM_BYTES
        else told[:_STEM_BYTES].decode(errors="ignore").rstrip(" .") or "recording"
    )
