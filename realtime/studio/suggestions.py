"""The frames that a project asks its coders to label: chosen by ks-adapt suggest, kept in to-label.json.

    {"faces_frames": all frames with a face, "frames": [{"recording": id, "frame", "time_s", "face", "why"}, ...]}

why: apart, spread, unsure or random (ks/adapt/suggest.py). The list only grows; frames that were asked for once are not
asked for again.
"""

import json
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from knowledge_spreader.engines.bundled import bundled_model
from knowledge_spreader.engines.ks_file.model_file import open_model
from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.files import write_json
from knowledge_spreader.realtime.adapt.run import Suggested, suggest_frames
from knowledge_spreader.realtime.options import Options
from knowledge_spreader.realtime.studio.store.labels import LabelLog
from knowledge_spreader.realtime.studio.store.project import Project, Rec
from knowledge_spreader.realtime.studio.store.statement import Statement
from knowledge_spreader.realtime.studio.training.given import write_labels, write_list

Taken = tuple[str, int, int, float]  # video, frame, face, time in seconds

_FILE = "to-label.json"
_KEYS = {"recording", "frame", "time_s", "face", "why"}


def suggest(
    project: Project, budget: float, said: Iterable[Statement], options: Options, seed: int | None = None
) -> list[dict[str, Any]]:
    """Adds frames to the list, and returns the new ones, by recording and frame. Raises KSError.

    budget: a share of all frames with a face below 1, else a number of frames. said: frames that have labels. options:
    the model that is asked what it is unsure of. seed: None takes another one each time, the same for the same list.
    """
    about = _read(project)
    recs = project.recordings()
    for rec in recs:
        project.check(rec)
    taken = {(one.video, one.frame, one.face, one.time_s) for one in said}
    ids = {rec.id: rec.video for rec in recs}
    taken |= {
        (ids[one["recording"]], one["frame"], one["face"], one["time_s"])
        for one in about["frames"]
        if one["recording"] in ids
    }
    found = _ask(project, recs, budget, taken, options, len(about["frames"]) if seed is None else seed)
    new = _frames(found, recs)
    everything = {"faces_frames": int(found.watched.faces.widest().sum()), "frames": [*about["frames"], *new]}
    write_json(project.folder / _FILE, everything)
    return new


def queue(project: Project, log: LabelLog, coder: str) -> dict[str, Any]:
    """{"frames": the list with "done" of each, "wanted", "done", "share", "faces_frames"}.

    done: this coder said something of that face in that frame; without a coder, somebody did. share: of all frames with
    a face, how many are done. Recordings that were taken off the project are left out.
    """
    about = _read(project)
    videos = {rec.id: rec.video for rec in project.recordings()}
    said = log.labelled(coder)
    frames = [
        {**one, "done": (one["frame"], one["face"]) in said.get(videos[one["recording"]], ())}
        for one in about["frames"]
        if one["recording"] in videos
    ]
    done, of = sum(one["done"] for one in frames), about["faces_frames"]
    return {
        "frames": frames,
        "wanted": len(frames),
        "done": done,
        "share": done / of if of else 0.0,
        "faces_frames": of,
    }


def _ask(
    project: Project,
    recs: list[Rec],
    budget: float,
    taken: set[Taken],
    options: Options,
    seed: int,
) -> Suggested:
    with tempfile.TemporaryDirectory(prefix="ks-studio-") as folder:
        listed, labels = Path(folder) / "recordings.csv", Path(folder) / "taken.jsonl"
        write_list(listed, recs)
        write_labels(labels, _lines(recs, taken, open_model(options.model or bundled_model()).spec.aus[0]))
        has = [labels] if labels.stat().st_size else []
        return suggest_frames([listed], budget, labels=has, options=options, cache=project.cache, seed=seed)


def _lines(recs: list[Rec], taken: set[Taken], au: int) -> Iterable[dict[str, Any]]:
    """That something is known of these frames; what, does not matter here."""
    paths = {rec.video: str(rec.path) for rec in recs}
    for video, frame, face, time_s in sorted(taken):
        if video in paths:
            about = {"video": video, "recording": paths[video], "face": face, "frame": frame, "time_s": time_s}
            yield {**about, "au": au, "value": 0, "side": None, "coder": "-", "source": "human", "when": ""}


def _frames(found: Suggested, recs: list[Rec]) -> list[dict[str, Any]]:
    ids, faces, frames = {rec.path: rec.id for rec in recs}, found.watched.faces, []
    for row, why in found.chosen:
        frames.append(
            {
                "recording": ids[found.recordings[int(faces.recording[row])].path],
                "frame": int(faces.frame[row]),
                "time_s": float(faces.time_s[row]),
                "face": int(faces.face[row]),
                "why": why,
            }
        )
    return frames


def _read(project: Project) -> dict[str, Any]:
    path = project.folder / _FILE
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        of, frames = int(found["faces_frames"]), list(found["frames"])
        if not all(one.keys() >= _KEYS and _is_frame(one) for one in frames):
            raise ValueError("a frame without its number")
    except FileNotFoundError:
        return {"faces_frames": 0, "frames": []}
    except (OSError, ValueError, OverflowError, RecursionError, KeyError, TypeError, AttributeError) as exc:
        raise DataError(f"{path}: is not the studio's list of frames ({one_line(exc)}); mend or remove it") from exc
    return {"faces_frames": of, "frames": frames}


def _is_frame(one: dict[str, Any]) -> bool:
    whole = all(type(one[name]) is int and one[name] >= 0 for name in ("frame", "face"))
    return (
        whole and type(one["time_s"]) in (int, float) and all(type(one[name]) is str for name in ("recording", "why"))
    )
