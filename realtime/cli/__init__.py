"""ks-live."""
