"""The example page: a webcam in a browser, its AUs beside it."""
