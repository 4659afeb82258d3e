"""Faces of a frame: found, held by number, judged."""
