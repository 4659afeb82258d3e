"""The tables of a model card as Markdown. The same reports give the same text."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from knowledge_spreader.benchmarks.model_card.inputs import (
    CLASSES,
    HeldOut,
    HeldOutAU,
    Real,
    RealAU,
    RealPortraits,
    Score,
)
from knowledge_spreader.benchmarks.real_faces.blendshapes import BLIND
from knowledge_spreader.benchmarks.real_faces.scores import HELD_OUT, MIN_EVIDENCE
from knowledge_spreader.spec import AU_NAMES, au_label

MIN_AUC = 0.80  # on real faces; an AU below it is experimental
NO_EVIDENCE = "no evidence"


def held_out_table(held_out: HeldOut, real: Real) -> str:
    """F1, AUC and calibration on rendered people that training never saw."""

    def row(name: str, of: HeldOutAU) -> list[str]:
        scores = map(_share, (of.f1, of.f1_shipped, of.auc, of.ece))
        return [name, _percent(of.present), _share(of.threshold), *scores]

    columns = ("AU", "present", "threshold", "F1 at 0.5", "F1 at the threshold", "AUC", "ECE")
    rows = [row(_named(au), of) for au, of in held_out.aus.items()]
    return _text(
        _about(real),
        f"{held_out.frames:,} frames.",
        _markdown(columns, [*rows, row("mean", held_out.mean)]),
    )


def real_table(real: Real) -> str:
    """Scores on coded real faces, compared with MediaPipe's blendshapes."""
    columns = (
        "AU",
        "present",
        "absent",
        "AUC",
        "95 %",
        "AUC of MediaPipe",
        "F1 at the threshold",
        "false alarms",
        "ECE",
    )
    rows = []
    for au in real.thresholds:
        of = real.aus.get(au)
        rows.append([au_label(au), *(_real_row(au, of) if of else ["0", "0", NO_EVIDENCE, *[""] * 5])])
    rows += [_real_mean(name, real, group) for name, group in (("mean", real.aus), ("mean, 12 AUs", HELD_OUT))]
    return _text(
        _about(real),
        f"{real.faces} coded faces, {real.answered} with an answer. '{NO_EVIDENCE}': fewer than {MIN_EVIDENCE} faces "
        "surely show the AU, or lack it.\n95 %: over draws of people. *: MediaPipe's number hardly moves.",
        _markdown(columns, rows),
    )


def portraits_table(real: Real, portraits: RealPortraits) -> str:
    """Share of portraits at rest and smiling that get each AU."""
    rows = []
    for au, of in portraits.aus.items():
        shares = (_percent(of.rest), _between(of.interval, 100), _percent(of.smiles), _percent(of.rest_mediapipe))
        rows.append([_named(au), *shares])
    rest = _mean([of.rest for of in portraits.aus.values()])
    theirs = _mean([of.rest_mediapipe for of in portraits.aus.values()])
    rows.append(["mean", _percent(rest), "", "", _percent(theirs)])
    auc, auc_mediapipe = map(_share, portraits.auc_smile)
    return _text(
        _about(real),
        f"{portraits.faces[0]} faces at rest and {portraits.faces[1]} smiles of {portraits.people} people; "
        f"{_percent(portraits.no_answer)} have no answer.\nSmile against rest by AU12: AUC {auc}, of MediaPipe "
        f"{auc_mediapipe}. 95 %: over draws of people.",
        _markdown(("AU", "at rest", "95 %", "smiling", "MediaPipe, at rest"), rows),
    )


def calibration_table(held_out: HeldOut, real: Real) -> str:
    """Calibration on held-out rendered people: mean probability against the share of frames that show the AU."""
    grouped = held_out.reliability.reshape(CLASSES, -1, 3).sum(axis=1)
    rows = []
    for i, (answers, said, present) in enumerate(grouped.tolist()):
        means = (said / answers, present / answers) if answers else (None, None)
        between = f"{i / CLASSES:.1f} to {(i + 1) / CLASSES:.1f}"
        rows.append([between, f"{round(answers):,}", *map(_share, means)])
    seen = [of.ece for of in real.aus.values() if of.auc is not None]
    errors = f"{_share(held_out.mean.ece)} on held-out rendered people, {_share(_mean(seen))} on real faces"
    return _text(
        _about(real),
        f"Expected calibration error, mean over AUs: {errors} (AUs with evidence).",
        _markdown(("said", "answers", "mean probability", "really present"), rows),
    )


def experimental(real: Real) -> tuple[int, ...]:
    """The model's AUs with too few real faces, or with an AUC below MIN_AUC on them."""
    return tuple(au for au in real.thresholds if _doubtful(real.aus.get(au)))


def aus_table(held_out: HeldOut, real: Real) -> str:
    """The card's main table: each AU's scores on rendered and on real faces, and which AUs are experimental."""
    columns = (
        *("AU", "", "rendered: AUC", "rendered: F1"),
        *("real: show / lack it", "real: AUC", "real: F1", "real: false alarms"),
    )
    doubtful, rows = experimental(real), []
    for au, of in held_out.aus.items():
        seen = real.aus.get(au)
        on_real = ("0 / 0", "", "", "")
        if seen:
            scores = (_share(seen.auc), _share(seen.f1), _share(seen.false_alarms))
            on_real = (f"{seen.present} / {seen.absent}", *scores)
        rows.append(
            [_named(au), "experimental" if au in doubtful else "", _share(of.auc), _share(of.f1_shipped), *on_real]
        )
    auc, f1 = (
        _share(_mean([getattr(of, score) for of in real.aus.values() if of.auc is not None])) for score in ("auc", "f1")
    )
    rows.append(["mean", "", _share(held_out.mean.auc), _share(held_out.mean.f1_shipped), "", auc, f1, ""])
    return _text(_about(real), _markdown(columns, rows))


def speed_table(report: Mapping[str, Any], real: Real) -> str:
    """Speed from the report of `ks-bench live --json`. Raises KeyError, ValueError and the like on another report."""
    if report["weights"] != real.weights:
        raise ValueError(f"it has weights {report['weights']}, not {real.weights}")
    where = report["machine"]
    rows = []
    for run in report["end_to_end"]:
        if "error" in run:  # the machine cannot run this precision
            continue
        encode = run["stages_ms"].get("encode", {}).get("p50")
        rows.append(
            [run["what"], f"{run['fps']:.1f}", "" if encode is None else f"{encode:.1f}", f"{run['rss_mb']:.0f} MB"]
        )
    place = where["gpu"] or f"{where['cpu']}, {where['cores']} cores"
    return _text(
        f"Whole pipeline on a recording with one face, every frame; {place}; weights `{report['weights']}`.",
        _markdown(("", "frames/s", "encode, ms", "memory"), rows),
    )


def settings_table(settings: Mapping[str, Any]) -> str:
    """A JSON object as a table of two columns."""
    rows = [[str(key), _plain(value)] for key, value in settings.items()]
    return _markdown(("setting", "value"), rows, numbers=False)


def commands_block(text: str) -> str:
    """Text as an indented Markdown code block."""
    return "\n".join(f"    {line}".rstrip() for line in text.strip("\n").splitlines())


def _real_row(au: int, of: RealAU) -> list[str]:
    between = _between(of.auc_interval)
    theirs = _share(of.auc_mediapipe) + ("*" if au in BLIND and of.auc_mediapipe is not None else "")
    auc = NO_EVIDENCE if of.auc is None else _share(of.auc)
    return [
        f"{of.present}",
        f"{of.absent}",
        auc,
        between,
        theirs,
        _share(of.f1),
        _share(of.false_alarms),
        _share(of.ece),
    ]


def _real_mean(name: str, real: Real, group: Iterable[int]) -> list[str]:
    """Means over those of the model's AUs in `group` that have an AUC."""
    rows = [of for au in group if au in real.thresholds and (of := real.aus.get(au)) and of.auc is not None]
    aucs, theirs, f1, ece = (
        _share(_mean([getattr(of, field) for of in rows])) for field in ("auc", "auc_mediapipe", "f1", "ece")
    )
    return [f"{name}: {len(rows)}", "", "", aucs, "", theirs, f1, "", ece]


def _doubtful(of: RealAU | None) -> bool:
    """Whether an AU is not coded, has too few real faces with or without it, or has an AUC below MIN_AUC."""
    return of is None or of.auc is None or of.auc < MIN_AUC


def _about(real: Real) -> str:
    return f"Weights `{real.weights}`." + (f" **{real.note}.**" if real.note else "")


def _named(au: int) -> str:
    return f"{au_label(au)} {AU_NAMES[au]}"


def _mean(values: Sequence[Score]) -> Score:
    there = [value for value in values if value is not None]
    return math.fsum(there) / len(there) if there else None


def _share(value: Score) -> str:
    return "" if value is None or math.isnan(value) else f"{value:.3f}"


def _between(interval: tuple[Score, Score], times: int = 1) -> str:
    """times: 100 for whole per cent."""
    low, high = interval
    digits = 2 if times == 1 else 0
    return "" if low is None or high is None else f"{times * low:.{digits}f} to {times * high:.{digits}f}"


def _percent(value: Score) -> str:
    return "" if value is None else f"{100 * value:.1f} %"


def _plain(value: Any) -> str:
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)


def _text(*parts: str) -> str:
    return "\n\n".join(filter(None, parts))


def _markdown(columns: Sequence[str], rows: Iterable[Sequence[str]], *, numbers: bool = True) -> str:
    """A Markdown table. numbers: right-align all columns but the first."""
    lines = [columns, ["---", *["---:" if numbers else "---"] * (len(columns) - 1)], *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)
