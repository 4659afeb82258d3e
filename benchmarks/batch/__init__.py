"""ks-bench batch: how fast and how evenly many recordings are worked through."""
