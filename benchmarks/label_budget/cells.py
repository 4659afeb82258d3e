"""Rows of a study -> cells: the mean over seeds of the mean over folds, only where nothing else differs."""

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
    """What the runs of one cell have in common; they differ in fold and seed."""

    data: str
    method: str
    ablation: str
    share: float
    scheme: str
    n_frames: int


@dataclass(frozen=True, slots=True)
class Cell:
    """Fractions 0..1, over seeds of the mean over folds."""

    mean: float
    sd: float | None  # of a sample; None for one seed
    runs: int

    def __str__(self) -> str:
        """'59.9 ± 0.4 (6)': percent, with the number of runs."""
        spread = "" if self.sd is None else f" ± {100 * self.sd:.1f}"
        return f"{100 * self.mean:.1f}{spread} ({self.runs})"


@dataclass(frozen=True, slots=True)
class Study:
    """Rows that may stand in one table: one result per key, and the same settings wherever a mean is taken."""

    rows: tuple[Row, ...]

    @classmethod
    def of(cls, rows: Iterable[Row], where: Sequence[str] = ()) -> "Study":
        """Keeps what `where` ('fold=1') asks for. Raises KSError when nothing is left or settings are mixed."""
        by_key = {row["key"]: row for row in rows if "error" not in row}  # of two rows with a key the later one
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
        """Clip length of the tables that do not compare it: the paper's 5, else what most runs have."""
        counts = Counter(row["n_frames"] for row in self.rows)
        return 5 if 5 in counts else counts.most_common(1)[0][0]

    @property
    def selection(self) -> str:
        """On whom epochs were selected."""
        return "; ".join(sorted({row["selection"] for row in self.rows}))

    def paper_data(self, data: str) -> str:
        """The name under which the paper's numbers compare with ours; '' when only some of its AUs were trained."""
        chosen = {tuple(row["config"]["aus"]) for row in self.rows if row["data"] == data}
        return data if all(not aus or set(aus) == set(AUS.get(data, ())) for aus in chosen) else ""

    def folds(self, data: str) -> list[int]:
        """Folds that a seed must have to count, so that every cell is over the same test frames."""
        return sorted({row["fold"] for row in self.rows if row["data"] == data})

    def cells(self, value: str = "f1_mean") -> dict[Place, Cell]:
        """The cells that have a seed with all folds; `value` names a number of a row."""
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
        """Runs that count in no cell, because their seed lacks a fold."""
        counted = sum(cell.runs for cell in self.cells().values())
        return len(self.rows) - counted


def place_of(row: Row) -> Place:
    return Place(row["data"], row["method"], row["ablation"], row["share"], row["scheme"], row["n_frames"])


def is_plain(place: Place, data: str, n_frames: int) -> bool:
    """Whether a cell is of this data set and has nothing switched or changed besides method and share."""
    return place == Place(data, place.method, NONE, place.share, "sparse", n_frames)


def _fits(row: Row, wish: str) -> bool:
    name, equals, value = wish.partition("=")
    name = name.strip().replace("-", "_")
    known = row if name in row else row["config"]
    if not equals or name not in known:
        raise KSError(f"--where takes name=value with a name of a row or of its settings, like fold=1; got {wish!r}")
    return str(known[name]).lower() == value.strip().lower()


def differences(rows: Sequence[Row]) -> dict[str, list[str]]:
    """Setting -> its values, where runs differ in more than the study's axes and what their ablation switches."""
    values: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        skip = {*AXES, *NO_EFFECT, *ABLATIONS.get(row["ablation"], {})}
        for name, value in row["config"].items():
            if name not in skip:
                values[name].add(str(value))
    return {name: sorted(seen) for name, seen in values.items() if len(seen) > 1}


def _one_result(rows: Sequence[Row]) -> None:
    """Rows with the same settings have the same key, unless a file that they name has changed between them."""
    seen: set[tuple[Place, int, int]] = set()
    for row in rows:
        spot = (place_of(row), row["seed"], row["fold"])
        if spot in seen:
            raise KSError(
                f"{row['method']} on {row['data']}, labels {row['share']}, seed {row['seed']}, fold {row['fold']}"
                " has two results, of different versions of its data or of the program; give one study at a time"
            )
        seen.add(spot)


def _one_setting(rows: Sequence[Row]) -> None:
    for data, method in sorted({(row["data"], row["method"]) for row in rows}):
        mixed = differences([row for row in rows if (row["data"], row["method"]) == (data, method)])
        for name, values in mixed.items():
            raise KSError(
                f"runs of {method} on {data} differ in {name} ({', '.join(values)}), so no mean can be taken;"
                f" choose by --where {name}={values[0]}"
            )
