"""Counters: what /metrics says, as numbers by name, and what happened between two looks."""

from collections.abc import Iterator
from itertools import pairwise

from prometheus_client.parser import text_string_to_metric_families

Labels = tuple[tuple[str, str], ...]


class Counters:
    def __init__(self, values: dict[tuple[str, Labels], float]) -> None:
        self._values = values

    def __getitem__(self, name: str) -> float:
        """Of a metric without labels; 0 if it is not there."""
        return self._values.get((name, ()), 0.0)

    def __sub__(self, before: "Counters") -> "Counters":
        return Counters({key: value - before._values.get(key, 0.0) for key, value in self._values.items()})

    def by(self, name: str, label: str) -> dict[str, float]:
        """The values of a metric by one of its labels; those that are 0 are left out."""
        found: dict[str, float] = {}
        for (one, labels), value in self._values.items():
            if one == name and value:
                which = dict(labels).get(label, "")
                found[which] = found.get(which, 0.0) + value
        return found

    def mean(self, name: str) -> float | None:
        """Of a histogram."""
        count = self[f"{name}_count"]
        return self[f"{name}_sum"] / count if count else None

    def histogram(self, name: str) -> dict[str, int]:
        """Upper edge of a bucket -> how many are in it alone."""
        edges = sorted(self._buckets(name), key=lambda pair: float(pair[0]))
        steps = [("", 0.0), *edges]
        return {edge: round(upto - before) for (_, before), (edge, upto) in pairwise(steps) if upto > before}

    def _buckets(self, name: str) -> Iterator[tuple[str, float]]:
        for (one, labels), value in self._values.items():
            if one == f"{name}_bucket":
                yield dict(labels)["le"], value


def counters(text: str) -> Counters:
    """text: in the form of Prometheus."""
    return Counters(
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }
    )
