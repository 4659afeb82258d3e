"""Cross-validation parts for data sets without a published split."""

from collections.abc import Iterable

N_PARTS = 3  # as in the published splits of BP4D and DISFA


def deal(subjects: Iterable[str]) -> tuple[tuple[tuple[str, ...], ...], str]:
    """Sorts the subjects and deals them in turn into three parts, or fewer if there are fewer subjects; and a note."""
    ordered = sorted(set(subjects))
    n_parts = min(N_PARTS, len(ordered))
    parts = tuple(tuple(ordered[i::n_parts]) for i in range(n_parts))
    return parts, f"no published split: {len(ordered)} subjects, sorted by name, are dealt in turn into {n_parts} parts"
