"""Counts, percentiles and stages of a run."""
