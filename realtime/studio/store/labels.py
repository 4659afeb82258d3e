"""LabelLog: the labels of a project in one append-only file of JSON lines; what holds is a fold over them.

The format is that of ks/datasets/own_labels/log.py; what a line says is a Statement. A line has two keys more:
`batch`, the number of the action that it is of, and `undoes` or `redoes`, the batch that its action takes back or
brings back. So undo works after a restart, and nothing is ever removed. A last line that a crash cut off is dropped
when the file is opened.
"""

import json
import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.realtime.studio.store.statement import BETWEEN, MODEL, Statement


class ElsewhereError(DataError):
    """The coder said something since, in another page."""


class _About(NamedTuple):
    video: str
    coder: str
    face: int
    frame: int
    au: int
    mark: str | None


Change = tuple[_About, Statement | None, Statement]  # before, after


class LabelLog:
    """Thread-safe. Raises DataError on a file that is none, or if it cannot be written; then nothing was said."""

    def __init__(self, path: Path) -> None:
        self._path, self._mutex = path, threading.Lock()
        self._held: dict[_About, Statement] = {}
        self._changes: dict[int, list[Change]] = {}  # of each batch
        self._done: dict[str, list[int]] = {}  # by coder: batches that can be undone,
        self._undone: dict[str, list[int]] = {}  # and redone
        self._batch = 0
        self._last: dict[str, int] = {}  # by coder: the last batch
        self._on: dict[str, dict[str, frozenset[tuple[int, int]]]] = {}  # by coder, until something is said
        _mend_end(path)
        self._load()

    def say(self, statements: Iterable[Statement], known: int | None = None) -> int:
        """Appends them as one action of one coder; returns its batch. `when` and `batch` are set here.

        known: the coder's last batch that is known to who speaks. Raises ElsewhereError, with nothing said, if there is
        a later one; None does not ask.
        """
        with self._mutex:
            said = list(statements)
            for coder in {one.coder for one in said}:
                self._check(coder, known)
            return self._write(said)

    def state(self, coder: str | None = None, video: str | None = None) -> list[Statement]:
        """The labels that hold, by frame; of one coder and of one recording, if they are given."""
        return [said for said in self.said(coder, video) if said.mark is None]

    def said(self, coder: str | None = None, video: str | None = None) -> list[Statement]:
        """The labels and the marks that hold."""
        with self._mutex:
            found = [
                said
                for about, said in self._held.items()
                if (coder is None or about.coder == coder) and (video is None or about.video == video)
            ]
        return sorted(found, key=lambda said: (said.video, said.frame, said.face, said.au, said.coder, said.mark or ""))

    def last(self, coder: str) -> int:
        """The last batch of a coder; 0 if there is none."""
        with self._mutex:
            return self._last.get(coder, 0)

    def coders(self) -> list[str]:
        with self._mutex:
            return sorted({about.coder for about in self._held})

    def labelled(self, coder: str = "") -> dict[str, frozenset[tuple[int, int]]]:
        """Of each recording (SHA-256) the (frame, face) that a coder has labelled; "" = any coder.

        Marks, and what follows from them for the frames between, are no answer to what else is seen in a frame.
        """
        with self._mutex:
            if coder not in self._on:
                found: dict[str, set[tuple[int, int]]] = {}
                for about, said in self._held.items():
                    if coder in ("", about.coder) and about.mark is None and said.source != BETWEEN:
                        found.setdefault(about.video, set()).add((about.frame, about.face))
                self._on[coder] = {video: frozenset(frames) for video, frames in found.items()}
            return self._on[coder]

    def can(self, coder: str) -> tuple[bool, bool]:
        """Whether there is something to undo, and to redo."""
        with self._mutex:
            return bool(self._done.get(coder)), bool(self._undone.get(coder))

    def undo(self, coder: str, known: int | None = None) -> list[Statement]:
        """Takes the coder's last action back; what was said for it. [] if there is none. known: as in say()."""
        return self._again(coder, self._done, "undoes", known)

    def redo(self, coder: str, known: int | None = None) -> list[Statement]:
        return self._again(coder, self._undone, "redoes", known)

    def _check(self, coder: str, known: int | None) -> None:
        if known is not None and known != self._last.get(coder, 0):
            raise ElsewhereError(f"{coder} said something else meanwhile; load the labels again")

    def _again(self, coder: str, stack: dict[str, list[int]], how: str, known: int | None) -> list[Statement]:
        with self._mutex:
            self._check(coder, known)
            if not stack.get(coder):
                return []
            batch = stack[coder][-1]
            back = how == "undoes"
            changes = self._changes[batch]
            said = [_as_it_was(before, after) for _, before, after in reversed(changes)]
            said = said if back else [after for _, _, after in changes]
            number = self._write(said, {how: batch})
            return [replace(one, batch=number) for one in said]

    def _write(self, said: Sequence[Statement], more: dict[str, int] | None = None) -> int:
        if not said:
            return self._batch
        if len({one.coder for one in said}) > 1:
            raise DataError("one action is of one coder")
        batch, when = self._batch + 1, datetime.now(UTC).isoformat(timespec="seconds")
        stamped = [replace(one, when=when, batch=batch) for one in said]
        lines = "".join(json.dumps({**one.fields(), **(more or {})}, ensure_ascii=False) + "\n" for one in stamped)
        _append(self._path, lines.encode())
        for one in stamped:
            self._take(one, more or {})
        return batch

    def _load(self) -> None:
        try:
            with self._path.open("rb") as lines:
                for number, line in enumerate(lines, 1):
                    if line.strip():
                        self._take(*_parsed(f"{self._path}, line {number}", line))
        except FileNotFoundError:
            return
        except OSError as exc:
            raise DataError(f"{self._path}: cannot be read ({one_line(exc)}); check its permissions") from exc

    def _take(self, said: Statement, more: dict[str, int]) -> None:
        about = _About(said.video, said.coder, said.face, said.frame, said.au, said.mark)
        new_batch = said.batch != self._batch
        self._batch = max(self._batch, said.batch)
        self._last[said.coder] = max(self._last.get(said.coder, 0), said.batch)
        if said.source == MODEL:
            return
        self._on.clear()
        before = self._held.pop(about, None)
        if said.value is not None:
            self._held[about] = said
        if "undoes" in more or "redoes" in more:
            come, go = (self._done, self._undone) if "undoes" in more else (self._undone, self._done)
            batch = more.get("undoes", more.get("redoes", 0))
            if new_batch and come.get(said.coder) and come[said.coder][-1] == batch:
                go.setdefault(said.coder, []).append(come[said.coder].pop())
            return
        self._changes.setdefault(said.batch, []).append((about, before, said))
        if self._done.get(said.coder, [])[-1:] != [said.batch]:
            self._done.setdefault(said.coder, []).append(said.batch)
            self._undone.pop(said.coder, None)


def _as_it_was(before: Statement | None, after: Statement) -> Statement:
    """What takes `after` back."""
    return before if before is not None else replace(after, value=None, side=None)


def _parsed(where: str, line: bytes) -> tuple[Statement, dict[str, int]]:
    try:
        entry: dict[str, Any] = json.loads(line)
        more: dict[str, int] = {key: int(entry[key]) for key in ("undoes", "redoes") if key in entry}
        known = {key: entry[key] for key in Statement.__dataclass_fields__ if key in entry}
        known["face"] = known["face"] or 0  # null in a file of another maker: the widest
        return Statement(**known), more
    except (ValueError, TypeError, KeyError, OverflowError, RecursionError, DataError) as exc:
        raise DataError(f"{where}: this is not a label of the studio ({one_line(exc)}); correct or remove it") from exc


def _mend_end(path: Path) -> None:
    """A crash may leave half a line: it says nothing yet. A whole one without its end gets it."""
    try:
        with path.open("r+b") as file:
            size = file.seek(0, os.SEEK_END)
            start = _last_line(file, size)
            file.seek(start)
            last = file.read()
            if not last or last.endswith(b"\n"):
                return
            try:
                json.loads(last)
            except (ValueError, RecursionError):
                file.truncate(start)
            else:
                file.write(b"\n")
    except FileNotFoundError:
        return
    except OSError as exc:
        raise DataError(f"{path}: cannot be written ({one_line(exc)}); check its permissions") from exc


def _last_line(file: Any, size: int) -> int:
    """Where the last line begins."""
    block, end = 1 << 16, size - 1  # the file's last byte may end the line
    while end > 0:
        start = max(end - block, 0)
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            return start + int(at) + 1
        end = start
    return 0


def _append(path: Path, data: bytes) -> None:
    """All of it, on the disk, or none of it."""
    try:
        with path.open("ab", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            try:
                written = file.write(data)
                if written != len(data):
                    raise OSError("no space left on the disk")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
    except OSError as exc:
        raise DataError(
            f"{path}: the label could not be kept ({one_line(exc)}); free some space and say it again"
        ) from exc
