"""ServeProcess: a ks-serve process of its own, and what can be asked of one over HTTP."""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from secrets import token_urlsafe

from knowledge_spreader.benchmarks.serve.counters import Counters, counters
from knowledge_spreader.benchmarks.studio.memory import cpu_s, rss_mb
from knowledge_spreader.errors import KSError, one_line

_SERVE = "import sys; from knowledge_spreader.realtime.cli.serve import main; sys.exit(main())"
_CLOSE_S = 20.0
_ANSWER_S = 30.0


class Server:
    """A ks-serve that runs somewhere. pid: if it is on this machine."""

    def __init__(self, address: str, token: str, pid: int | None = None) -> None:
        self.address, self.token, self.pid = address.rstrip("/"), token, pid

    @property
    def stream_address(self) -> str:
        return re.sub("^http", "ws", self.address) + "/v1/stream"

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    def counters(self) -> Counters:
        """Its metrics as they are now. Raises KSError."""
        return counters(self.get("/metrics").decode())

    def get(self, path: str) -> bytes:
        request = urllib.request.Request(self.address + path, headers=self.headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=_ANSWER_S) as came:
                return bytes(came.read())
        except urllib.error.HTTPError as exc:
            raise KSError(f"{self.address}{path}: HTTP {exc.code} {exc.read()[:200].decode(errors='replace')}") from exc
        except OSError as exc:
            raise KSError(f"{self.address} does not answer ({one_line(exc)}); is ks-serve running there?") from exc

    def rss_mb(self) -> float | None:
        return None if self.pid is None else rss_mb(self.pid)

    def cpu_s(self) -> float | None:
        return None if self.pid is None else cpu_s(self.pid)


class ServeProcess(Server):
    """A context manager. options: words of the command. Raises KSError if the server does not start."""

    def __init__(self, options: Sequence[str], port: int = 0, token: str = "") -> None:
        token = token or token_urlsafe(24)
        begun_s = time.perf_counter()
        self._folder = tempfile.TemporaryDirectory(prefix="ks-bench-serve-")
        self._errors = Path(self._folder.name) / "stderr"
        with self._errors.open("w") as stderr:
            self.process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, "--port", str(port), *options],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env={**os.environ, "KS_SERVE_TOKEN": token},
                start_new_session=True,  # Ctrl-C is for us, who end it
            )
        try:
            super().__init__(self._address(), token, self.process.pid)
        except BaseException:
            self.close()
            raise
        self.start_s = time.perf_counter() - begun_s

    def __enter__(self) -> "ServeProcess":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def said(self) -> str:
        """On stderr so far."""
        return self._errors.read_text(errors="replace")

    def kill(self) -> None:
        """As a machine does that goes down."""
        self.process.kill()
        self.process.wait()

    def close(self) -> int:
        """Ends it as Ctrl-C does; its exit code. May be called twice."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT if os.name == "posix" else signal.SIGTERM)
            try:
                self.process.wait(_CLOSE_S)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._folder.cleanup()
        return self.process.returncode

    def _address(self) -> str:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if told := re.search(r"http://[^\s/]+", line):
                return told[0]
        self.process.wait(_CLOSE_S)
        lines = self.said().strip().splitlines()
        raise KSError(f"ks-serve did not start: {lines[-1].removeprefix('error: ')[:200] if lines else 'nothing said'}")
