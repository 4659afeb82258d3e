"""Calibration of probabilities, thresholds, and the person baseline."""
