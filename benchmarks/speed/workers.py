"""The parent's side of an engine process: starts it, asks it, ends it."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from knowledge_spreader.errors import KSError

_POOLS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class WorkerError(KSError):
    """An engine could not be opened or run; the message is the engine's."""


class Worker:
    """A process of engine_worker.py for one role, backend and precision. Raises WorkerError if it cannot start."""

    def __init__(self, role: str, backend: str, precision: str, model: Path, threads: int) -> None:
        self.role, self.backend, self.precision = role, backend, precision
        self.gpu_mb: float | None = None  # by how much the GPU's memory grew
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115 (see close)
        command = [
            sys.executable,
            "-m",
            "knowledge_spreader.benchmarks.speed.engine_worker",
            role,
            backend,
            precision,
            str(model),
            str(threads),
        ]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
            env={**os.environ, **threads_environment(threads)},
        )
        try:
            self.about = self._answer()
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return f"{self.backend} {self.precision}"

    def ask(self, **request: Any) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError if the engine fails or dies."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # the process died; _answer says how
            self._process.stdin.write(json.dumps(request) + "\n")
            self._process.stdin.flush()
        return self._answer()

    def close(self) -> None:
        """Ends the process. May be called twice."""
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None and not stream.closed:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        self._errors.close()

    def __enter__(self) -> "Worker":
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            status = self._process.wait()
            self._errors.seek(0)
            said = [text.strip() for text in self._errors if text.strip()]
            why = said[-1][:200] if said else "it printed nothing; perhaps memory ran out"
            raise WorkerError(f"the process of {self.name} ended with status {status}: {why}")
        reply: dict[str, Any] = json.loads(line)
        if "error" in reply:
            raise WorkerError(reply["error"])
        return reply


def threads_environment(threads: int) -> dict[str, str]:
    """Environment variables that make the thread pools of numpy and torch as large as those of the engines."""
    return dict.fromkeys(_POOLS, str(threads)) if threads else {}
