"""The geometry voice: AUs from the points of a face."""
