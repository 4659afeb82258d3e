"""Counts, latency percentiles and stage times of a run."""
