"""ks-compile: a model in the precision that a machine runs best, and how far its answers move."""
