"""ks-real: scores a model on real faces that were coded by eye."""
