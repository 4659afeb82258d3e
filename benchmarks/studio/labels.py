"""A frame's labels said to a studio whose log is long."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.benchmarks.studio.durations import percentiles, timed
from knowledge_spreader.benchmarks.studio.process import StudioProcess
from knowledge_spreader.errors import KSError
from knowledge_spreader.realtime.studio.store.statement import Statement

CODER = "AB"
_LEVELS = (0, 0, 0, 2, 0, 4)  # most AUs are absent
_RATE = 25.0  # of the frames' times, which nothing here looks at
_ASKED = 10
_FRAMES = 20  # of the recording, and then of another face: any recording has as many


def write_log(project: Path, aus: Sequence[int], n: int) -> int:
    """n labels or a few more, of whole frames, on the only recording of a project that is closed; how many frames.

    A short recording has fewer frames than that: they are of many faces.
    """
    (recording,) = json.loads((project / "recordings.json").read_text(encoding="utf-8"))
    frames = -(-n // len(aus))
    with (project / "labels.jsonl").open("w", encoding="utf-8") as log:
        for i in range(frames):
            face, frame = divmod(i, _FRAMES)
            for place, au in enumerate(aus):
                said = Statement(
                    recording["video"],
                    recording["path"],
                    face,
                    frame,
                    frame / _RATE,
                    au,
                    _LEVELS[(frame + place) % len(_LEVELS)],
                    coder=CODER,
                    when="2026-01-01T00:00:00+00:00",
                    batch=i + 1,
                )
                log.write(json.dumps(asdict(said)) + "\n")
    return frames


def saying(studio: StudioProcess, rec_id: str, aus: Sequence[int], first: int, n: int) -> Row:
    """Says all AUs of n frames from `first` on, each frame as one action; each is on the disk when it is answered."""
    came = []
    for number in range(first, first + n):
        face, frame = divmod(number, _FRAMES)
        about = {"face": face, "frame": frame, "time_s": frame / _RATE}
        entries = [{**about, "au": au, "value": _LEVELS[(frame + i) % len(_LEVELS)]} for i, au in enumerate(aus)]
        message = {"coder": CODER, "recording": rec_id, "statements": entries}
        ms, answer = timed(partial(studio.post, "/api/labels", **message))
        if answer.get("said") != len(aus):
            raise KSError(f"{len(aus)} labels were said, and the studio answers {answer}")
        came.append(ms)
    undo = [timed(lambda: studio.post("/api/undo", coder=CODER))[0] for _ in range(min(n, _ASKED))]
    state = [timed(lambda: studio.get(f"/api/state?coder={CODER}"))[0] for _ in range(_ASKED)]
    read_ms, data = timed(lambda: studio.get(f"/api/labels?recording={rec_id}&coder={CODER}"))
    return {
        "in_log": first * len(aus),
        "labels_per_frame": len(aus),
        "frames_said": n,
        "say_ms": percentiles(came),
        "undo_ms": percentiles(undo),
        "state_ms": percentiles(state, 1),  # the page asks each second
        "read_all_ms": round(read_ms, 1),
        "read_all_bytes": len(data),
    }
