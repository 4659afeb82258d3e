"""Rows of a study -> table cells: the mean over seeds of the mean over folds, where no other setting differs."""

import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from knowledge_spreader.benchmarks.label_budget.plan import ABLATIONS, AXES, NO_EFFECT, NONE
from knowledge_spreader.benchmarks.provenance import Row
from knowledge_spreader.errors import KSError
from knowledge_spreader.evaluation.paper_results import AUS


class Place(NamedTuple):
    """The settings that the runs of one cell share; they differ in fold and seed."""

    data: str
    method: str
    ablation: str
    share: float
    scheme: str
    n_frames: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Mean and standard deviation over seeds of the mean over folds; fractions 0 to 1."""

    mean: float
    sd: float | None  # of a sample; None for one seed
    runs: int

    def __str__(self) -> str:
        """Per cent with the number of runs: '59.9 ± 0.4 (6)'."""
        spread = "" if self.sd is None else f" ± {100 * self.sd:.1f}"
        return f"{100 * self.mean:.1f}{spread} ({self.runs})"


@dataclass(frozen=True, slots=True)
class Study:
    """Rows that fit in one table: one result per key, and the same settings wherever a mean is taken."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], where: Sequence[str] = ()) -> "Study":
        """The study of the rows that match `where` ('fold=1'). Raises KSError if none match or settings are mixed."""
        by_key = {row["key"]: row for row in rows if "error" not in row}  # of rows with the same key the last one
        kept = [row for row in by_key.values() if all(_fits(row, wish) for wish in where)]
        if not kept:
            raise KSError(f"no finished run {'with ' + ', '.join(where) if where else 'in these rows'}")
        _one_setting(kept)
        _one_result(kept)
        return cls(tuple(kept))

    @property
    def data_sets(self) -> list[str]:
        return sorted({row["data"] for row in self.rows})

    @property
    def n_frames(self) -> int:
        """Clip length in the tables that do not compare it: the paper's 5, else the most frequent one."""
        counts = Counter(row["n_frames"] for row in self.rows)
        return 5 if 5 in counts else counts.most_common(1)[0][0]

    @property
    def selection(self) -> str:
        """The people on whom epochs were selected."""
        return "; ".join(sorted({row["selection"] for row in self.rows}))

    def paper_data(self, data: str) -> str:
        """The paper's data set to compare with; '' if only some of its AUs were trained."""
        chosen = {tuple(row["config"]["aus"]) for row in self.rows if row["data"] == data}
        return data if all(not aus or set(aus) == set(AUS.get(data, ())) for aus in chosen) else ""

    def folds(self, data: str) -> list[int]:
        """The folds that every counted seed must have, so that all cells have the same test frames."""
        return sorted({row["fold"] for row in self.rows if row["data"] == data})

    def cells(self, value: str = "f1_mean") -> dict[Place, Cell]:
        """The cells with at least one seed that has all folds. value: the name of a number in a row."""
        found: dict[Place, dict[int, dict[int, float]]] = defaultdict(lambda: defaultdict(dict))
        for row in self.rows:
            if row.get(value) is not None:
                found[place_of(row)][row["seed"]][row["fold"]] = row[value]
        cells = {}
        for place, seeds in found.items():
            folds = self.folds(place.data)
            means = [statistics.fmean(by_fold.values()) for by_fold in seeds.values() if len(by_fold) == len(folds)]
            if means:
                sd = statistics.stdev(means) if len(means) > 1 else None
                cells[place] = Cell(statistics.fmean(means), sd, len(means) * len(folds))
        return cells

    def incomplete(self) -> int:
        """The number of runs that are in no cell, because their seed lacks a fold."""
        counted = sum(cell.runs for cell in self.cells().values())
        return len(self.rows) - counted


def place_of(row: Row) -> Place:
    return Place(row["data"], row["method"], row["ablation"], row["share"], row["scheme"], row["n_frames"])


def is_plain(place: Place, data: str, n_frames: int) -> bool:
    """Whether a cell is of this data set and differs from the defaults only in method and share."""
    return place == Place(data, place.method, NONE, place.share, "sparse", n_frames)


def _fits(row: Row, wish: str) -> bool:
    name, equals, value = wish.partition("=")
    name = name.strip().replace("-", "_")
    known = row if name in row else row["config"]
    if not equals or name not in known:
        raise KSError(f"--where takes NAME=VALUE, such as fold=1, NAME from a row or its settings; got {wish!r}")
    return str(known[name]).lower() == value.strip().lower()


def differences(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Setting -> its values, for settings that differ though neither the study's axes nor an ablation vary them."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        skip = {*AXES, *NO_EFFECT, *ABLATIONS.get(row["ablation"], {})}
        for name, value in row["config"].items():
            if name not in skip:
                values[name].add(str(value))
    return {name: sorted(seen) for name, seen in values.items() if len(seen) > 1}


def _one_result(rows: Sequence[Row]) -> None:
    """Raises KSError for two results of one run: rows of the same settings whose files or program differ."""
    seen: set[tuple[Place, int, int]] = set()
    for row in rows:
        spot = (place_of(row), row["seed"], row["fold"])
        if spot in seen:
            raise KSError(
                f"{row['method']} on {row['data']}, labels {row['share']}, seed {row['seed']}, fold {row['fold']}"
                " has two results, from different versions of its data or of the program; give one study at a time"
            )
        seen.add(spot)


def _one_setting(rows: Sequence[Row]) -> None:
    for data, method in sorted({(row["data"], row["method"]) for row in rows}):
        mixed = differences([row for row in rows if (row["data"], row["method"]) == (data, method)])
        for name, values in mixed.items():
            raise KSError(
                f"runs of {method} on {data} differ in {name} ({', '.join(values)}), so no mean can be taken;"
                f" choose one with --where {name}={values[0]}"
            )
