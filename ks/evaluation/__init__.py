"""Answers of a checkpoint, F1, tables, plots, and the numbers that the paper printed."""
