"""Cameras, streams, files and folders -> frames with true times."""
