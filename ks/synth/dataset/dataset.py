"""Renders a whole data set, resumes it after an interruption, and lists it for training.

OUT/set.json       the plan and the software versions; written first, compared on resuming
OUT/videos/        p0000_0.mp4, or a folder of pictures p0000_0/000000.jpg
OUT/truth/         p0000_0.csv: AU intensities and occurrence of each frame
OUT/clips.csv      video, subject, part, kind, seeds; written at the end
OUT/manifest.csv   AU occurrence in the layout of datasets.manifest; written at the end
"""

import csv
import importlib.metadata
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from knowledge_spreader.errors import DataError, one_line
from knowledge_spreader.synth.au_recipes import AUS
from knowledge_spreader.synth.dataset.clip_files import TRUTH, VIDEOS, finished, truth_path, video_path
from knowledge_spreader.synth.dataset.drafts import DRAFT, drafts, remove
from knowledge_spreader.synth.dataset.occurrence import BAND, THRESHOLDS
from knowledge_spreader.synth.dataset.plan import Plan, Take, takes
from knowledge_spreader.synth.dataset.workers import film_all
from knowledge_spreader.synth.motion.scripts import KINDS
from knowledge_spreader.synth.rendering.gl import Graphics

_MADE_WITH = ("knowledge-spreader", "moderngl", "numpy", "opencv-python", "opencv-contrib-python", "av")


@dataclass(frozen=True, slots=True)
class Made:
    """What one run did."""

    clips: int  # in the whole set
    frames: int  # in the whole set
    drawn: int  # frames drawn by this run
    took_s: float
    driver: str


def make_set(
    assets: Path, plan: Plan, out: Path, workers: int, told: Callable[[int, int], None] = lambda done, total: None
) -> Made:
    """Renders the missing clips of a set. told(done, total) reports progress in frames.

    Raises DataError if the folder holds another set or cannot be written, MissingError without assets or a driver.
    Finished clips stay, and the next call resumes.
    """
    driver = _driver()
    _claim(plan, out, driver)
    everyone = takes(plan)
    todo = [[take for take in mine if not finished(out, plan, take)] for mine in everyone]
    jobs = [mine for mine in todo if mine]
    total = plan.people * plan.clips * plan.frames
    missing = sum(len(mine) for mine in jobs) * plan.frames
    done, started = total - missing, time.perf_counter()

    def drew(frames: int) -> None:
        nonlocal done
        done += frames
        told(done, total)

    told(done, total)
    try:
        if jobs:
            film_all(assets, plan, out, jobs, workers, drew)
    finally:
        _clear_drafts(out)
    took_s = time.perf_counter() - started
    _list(plan, out, [take for mine in everyone for take in mine])
    return Made(plan.people * plan.clips, total, missing, took_s, driver)


def _driver() -> str:
    graphics = Graphics()
    try:
        return graphics.driver
    finally:
        graphics.close()


def _claim(plan: Plan, out: Path, driver: str) -> None:
    """Creates the folder, or checks that it belongs to this plan. Raises DataError if it does not."""
    about = out / "set.json"
    try:
        text = about.read_text(encoding="utf-8")
    except FileNotFoundError:
        text = ""
    except OSError as exc:
        raise DataError(f"{about}: cannot be read ({one_line(exc)}); give another --out") from exc
    if text:
        _compare(plan, about, text)
    elif (out / VIDEOS).exists():
        raise DataError(f"{out}: holds {VIDEOS}/ but no set.json, so ks-synth did not make it; give another --out")
    for name in (VIDEOS, TRUTH):
        try:
            (out / name).mkdir(parents=True, exist_ok=True)
        except OSError as exc:
            raise DataError(f"{out}: the folder cannot be made ({one_line(exc)}); give another --out") from exc
    _clear_drafts(out)
    if not text:
        known = {name: v for name in _MADE_WITH if (v := _version(name))}
        facts = {"plan": plan.facts(), "thresholds": dict(THRESHOLDS), "band": BAND, "kinds": KINDS}
        _write(about, json.dumps(facts | {"driver": driver, "versions": known}, indent=1) + "\n")


def _compare(plan: Plan, about: Path, text: str) -> None:
    try:
        there = dict(json.loads(text)["plan"])
    except (ValueError, KeyError, TypeError) as exc:
        raise DataError(f"{about}: not made by ks-synth ({exc!r}); give another --out, or delete this folder") from exc
    for name, mine in (dict.fromkeys(there) | plan.facts()).items():
        if there.get(name) != mine:
            raise DataError(
                f"{about.parent}: holds a set with {name} {there.get(name)}, not {mine}; "
                "give another --out, or the same settings to resume"
            )


def _version(name: str) -> str:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return ""


def _clear_drafts(out: Path) -> None:
    for folder in (out / VIDEOS, out / TRUTH):
        for path in folder.glob(f"{DRAFT}*"):
            remove(path)


def _list(plan: Plan, out: Path, all_takes: Sequence[Take]) -> None:
    """Writes manifest.csv and clips.csv from the truth files."""
    names = [f"AU{au:02d}" for au in AUS]
    manifest, clips = StringIO(), StringIO()
    rows, about = csv.writer(manifest, lineterminator="\n"), csv.writer(clips, lineterminator="\n")
    rows.writerow(["video", "subject", "frame", "part", *names])
    about.writerow(["video", "subject", "part", "kind", "person", "seed"])
    for take in all_takes:
        video = video_path(out, plan, take).relative_to(out).as_posix()
        about.writerow([video, take.subject, take.part, take.kind, take.person, take.seed])
        for truth in _read_truth(truth_path(out, take), plan.frames):
            rows.writerow([video, take.subject, truth["frame"], take.part, *(truth[f"{name}_c"] for name in names)])
    _write(out / "clips.csv", clips.getvalue())
    _write(out / "manifest.csv", manifest.getvalue())


def _read_truth(path: Path, frames: int) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
    except OSError as exc:
        raise DataError(f"{path}: cannot be read ({one_line(exc)}); delete its video too and run again") from exc
    if len(rows) != frames or None in rows[-1].values():
        raise DataError(f"{path}: {len(rows)} rows or an incomplete one, wanted {frames}; delete it and run again")
    return rows


def _write(path: Path, text: str) -> None:
    with drafts(path) as (draft,):
        draft.write_text(text, encoding="utf-8")
