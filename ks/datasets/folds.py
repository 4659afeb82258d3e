"""Parts for data sets without a published split: subjects sorted, then dealt like cards."""

from collections.abc import Iterable

N_PARTS = 3  # as in the published splits of BP4D and DISFA


def deal(subjects: Iterable[str]) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Three parts, fewer when there are fewer subjects, and the note that tells it: the same on every machine."""
    ordered = sorted(set(subjects))
    n_parts = min(N_PARTS, len(ordered))
    parts = tuple(tuple(ordered[i::n_parts]) for i in range(n_parts))
    return parts, f"no published split: {len(ordered)} subjects, sorted by name, are dealt in turn into {n_parts} parts"
