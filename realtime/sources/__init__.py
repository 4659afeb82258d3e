"""Cameras, streams, files and folders -> frames with their own time stamps."""
