"""Calibrated probabilities, thresholds, and a person's own baseline."""
