"""A ks-studio process, and what its page asks of it over HTTP: with the page's cookie, on one connection."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from knowledge_spreader.benchmarks.studio.memory import cpu_s, rss_mb
from knowledge_spreader.errors import KSError

_STUDIO = "import sys; from knowledge_spreader.realtime.cli.studio import main; sys.exit(main())"
_CLOSE_S = 20.0
_ANSWER_S = 600.0
_LOOK_S = 0.2


class StudioProcess:
    """A context manager. Raises KSError if the studio does not start, and on an answer that is an error."""

    def __init__(self, project: Path, options: Sequence[str]) -> None:
        """project: its folder. options: further words of the command. stderr goes to a file beside the folder."""
        self.project = project
        self._said = project.with_name(f"{project.name}.stderr")
        begun_s = time.perf_counter()
        with self._said.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _STUDIO, str(project), "--no-browser", *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # Ctrl-C is for us, who end it
            )
        try:
            assert self._process.stdout is not None
            told = re.search(r"http://\S+", self._process.stdout.readline())
            if told is None:
                raise KSError(f"ks-studio did not start: {self._last_words()}")
            self.start_s = time.perf_counter() - begun_s
            parts = urlsplit(told[0])
            self.origin, self._place = f"http://{parts.netloc}", parts.netloc
            self._connection = HTTPConnection(self._place, timeout=_ANSWER_S)
            self.cookie = ""
            self.cookie = self._ask("GET", f"/?{parts.query}")[1].getheader("set-cookie", "").partition(";")[0]
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "StudioProcess":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    @property
    def live_address(self) -> str:
        return f"ws://{self._place}/api/live"

    def rss_mb(self) -> float | None:
        return rss_mb(self._process.pid)

    def cpu_s(self) -> float | None:
        return cpu_s(self._process.pid)

    @property
    def pid(self) -> int:
        return self._process.pid

    def get(self, path: str) -> bytes:
        return self._ask("GET", path)[0]

    def json(self, path: str) -> Any:
        return json.loads(self.get(path))

    def post(self, path: str, /, **message: Any) -> Any:
        return json.loads(self._ask("POST", path, json.dumps(message).encode())[0])

    def add(self, path: Path) -> str:
        """Adds a recording to the project; its id."""
        return str(self.post("/api/recordings", path=str(path.resolve()))["added"][0])

    def analysed(self, rec_id: str) -> bool:
        """Whether it was when asked for; if not, it is analysed now, which takes a third of its length or so."""
        if self._state(rec_id)["state"] == "ready":
            return True
        self.post(f"/api/recordings/{rec_id}/watch")
        while (found := self._state(rec_id))["state"] != "ready":
            if found["error"]:
                raise KSError(found["error"])
            time.sleep(_LOOK_S)
        return False

    def close(self) -> None:
        """Ends it as Ctrl-C does. May be called twice."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
            try:
                self._process.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()
        if hasattr(self, "_connection"):
            self._connection.close()

    def _state(self, rec_id: str) -> Any:
        return next(rec for rec in self.json("/api/state")["recordings"] if rec["id"] == rec_id)

    def _ask(self, how: str, path: str, body: bytes | None = None) -> tuple[bytes, HTTPResponse]:
        for again in (True, False):
            try:
                self._connection.request(how, path, body, {"Cookie": self.cookie} if self.cookie else {})
                answer = self._connection.getresponse()
                found = answer.read()
                break
            except ConnectionError as exc:
                self._connection.close()  # the server closes one that was quiet for some seconds
                if not again:
                    raise KSError(f"ks-studio does not answer ({exc}): {self._last_words()}") from exc
        if answer.status >= 400:
            raise KSError(f"{how} {path.partition('?')[0]}: {found[:300].decode(errors='replace')}")
        return found, answer

    def _last_words(self) -> str:
        lines = self._said.read_text(errors="replace").strip().splitlines()
        return lines[-1][:200] if lines else "it printed nothing; run ks-studio alone to see why"
