"""ks-real: how well a model agrees with real faces that were coded by eye."""
