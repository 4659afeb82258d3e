"""Predictions of a checkpoint, F1, tables, plots, and the published numbers of the paper."""
