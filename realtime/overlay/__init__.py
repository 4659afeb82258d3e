"""Draws results on frames."""
