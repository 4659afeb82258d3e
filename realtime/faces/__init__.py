"""Finds the faces of a frame, tracks them, and rejects those of poor quality."""
